/* ∂C/∂W and ∂C/∂b of a convolution: layers/conv2d.py. Dot products along the rows of the maps. */
#include "spread.h"
#include "sums.h"

#define TAPS_SUMMED 3
#define POSITIONS 1024 /* of dW are added up in one lane after the other before the lanes are */

/* Dot products of ``filters`` rows of delta with the inputs of ``taps`` taps over some rows of outputs. */
typedef struct {
    const real *delta, *x;
    long delta_filter, delta_row, x_row, rows, width;
    const long *tap;
    double *sum;
    long sum_filter;
    const long *at; /* of each tap in ``sum`` */
} Dots;

INLINE void dots(const int filters, const int taps, const Dots *p) {
    real lanes[TILE_ROWS][TAPS_SUMMED][LANES];
    for (int part = 0; part < PARTS; part++) {
        vec sum[TILE_ROWS][TAPS_SUMMED];
        EACH (f, filters)
            EACH (t, taps) sum[f][t] = (vec){};
        for (long o = 0; o < p->rows; o++) {
            const real *d = p->delta + o * p->delta_row + part * VL, *x = p->x + o * p->x_row + part * VL;
            long r = 0;
            for (; r + LANES <= p->width; r += LANES) {
                vec xs[TAPS_SUMMED];
                EACH (t, taps) {
                    xs[t] = load(x + p->tap[t] + r);
                    PIN(xs[t]);
                }
                EACH (f, filters) {
                    vec w = load(d + f * p->delta_filter + r);
                    PIN(w);
                    EACH (t, taps) sum[f][t] = fused(w, xs[t], sum[f][t]);
                }
            }
            const long left = least(VL, p->width - r - part * VL);
            if (left <= 0) continue;
            EACH (f, filters)
                EACH (t, taps)
                    sum[f][t] = fused(load_part(d + f * p->delta_filter + r, left),
                                      load_part(x + p->tap[t] + r, left), sum[f][t]);
        }
        EACH (f, filters)
            EACH (t, taps) store(lanes[f][t] + part * VL, sum[f][t]);
    }
    for (int f = 0; f < filters; f++)
        for (int t = 0; t < taps; t++) p->sum[f * p->sum_filter + p->at[t]] += (double)lane_tree(lanes[f][t]);
}

#define DOTS(filters, taps)                                                                                  \
    static void dots_##filters##taps(const Dots *p) { dots(filters, taps, p); }
EACH_ROWS(DOTS, 1)
EACH_ROWS(DOTS, 2)
EACH_ROWS(DOTS, 3)
#define DOTS_NAME(filters, taps) dots_##filters##taps,
typedef void (*DotsOf)(const Dots *);
static const DotsOf DOTS_TABLE[TAPS_SUMMED][TILE_ROWS] = {
    {EACH_ROWS(DOTS_NAME, 1)}, {EACH_ROWS(DOTS_NAME, 2)}, {EACH_ROWS(DOTS_NAME, 3)}};

/* Output rows o .. o + some of one group: every filter with every tap. Inputs stay in the first-level cache
   while the rows i of the kernel pass over them. */
static void sum_rows(Dots p, const real *delta, const real *x, const Axis *v, long o, long some, long filters,
                     const long *offset, const long *at, long taps, long in_row, long kw, double *sum) {
    for (long f = 0; f < filters;) {
        const int size = tile_rows(filters - f);
        for (long t = 0; t < taps; t += TAPS_SUMMED)
            for (long i = 0; i < v->size; i++) {
                const long before =
                    v->before - i * v->dilation; /* rows from ceil(before / s) on lie on the map */
                const long first = most(o, -floor_div(-before, v->stride));
                const long stop = least(o + some, floor_div(v->length - 1 + before, v->stride) + 1);
                p.rows = stop - first;
                if (p.rows <= 0) continue;
                p.delta = delta + f * p.delta_filter + first * p.delta_row;
                p.x = x + ((first - o) * v->stride + i * v->dilation) * in_row;
                p.sum = sum + f * p.sum_filter + i * kw, p.tap = offset + t, p.at = at + t;
                DOTS_TABLE[least(TAPS_SUMMED, taps - t) - 1][size - 1](&p);
            }
        f += size;
    }
}

/* dW[f, c, i, j] = Σ_{n,oh,ow} delta[f, oh, ow] · padded a[c, oh·s + i·d, ow·s + j·d]: rows of outputs in
   blocks of about POSITIONS, each over 16 lanes, their tree, and the blocks in double precision */
static int conv2d_dW(const Arg *arg) {
    real *dW = arg[0].w;
    const real *delta = arg[1].r, *a = arg[2].r;
    const long f = arg[3].i, c = arg[4].i, groups = arg[5].i, n = arg[6].i;
    const Axis v = axis_of(arg + 7), h = axis_of(arg + 13);
    const long m = f / groups, per_group = c / groups, taps = per_group * h.size, kernel = v.size * h.size;
    const long width = h.out * n;
    const long block = most(1, least(v.out, POSITIONS / width));
    const long held = (block - 1) * v.stride + reach_of(&v) + 1;
    Spread in = spread_for_taps(&v, &h, n);
    const long copied = copied_numbers(&in, per_group, held) * (long)sizeof(real);
    char *memory = scratch(f * per_group * kernel * (long)sizeof(double) + 2 * taps * (long)sizeof(long) +
                           copied + 4 * 64);
    char *pool = memory;
    if (!memory) return NO_MEMORY;
    place_copy(&in, held, piece(&pool, copied));
    double *sum = piece(&pool, f * per_group * kernel * (long)sizeof(double));
    long *offset = piece(&pool, taps * (long)sizeof(long)), *at = piece(&pool, taps * (long)sizeof(long));
    memset(sum, 0, (size_t)(f * per_group * kernel) * sizeof(double));
    for (long k = 0; k < taps; k++) {
        const long j = k % h.size * h.dilation;
        offset[k] = k / h.size * in.plane + (j % h.stride * in.part + j / h.stride) * n;
        at[k] = k / h.size * kernel + k % h.size;
    }
    const Dots p = {.delta_filter = v.out * width,
                    .delta_row = width,
                    .x_row = v.stride * in.row,
                    .width = width,
                    .sum_filter = per_group * kernel};
    for (long g = 0; g < groups; g++) {
        const real *maps = a + g * per_group * v.length * h.length * n;
        for (long o = 0; o < v.out; o += block) {
            const real *x = rows_from(&in, maps, per_group, o * v.stride - v.before, held);
            sum_rows(p, delta + g * m * v.out * width, x, &v, o, least(block, v.out - o), m, offset, at, taps,
                     in.row, h.size, sum + g * m * per_group * kernel);
        }
    }
    for (long k = 0; k < f * per_group * kernel; k++) dW[k] = (real)sum[k];
    release(memory);
    return 0;
}

/* db (F, 1) = Σ_{n,oh,ow} delta */
static int conv2d_db(const Arg *arg) {
    for (long f = 0; f < arg[2].i; f++) arg[0].w[f] = (real)sum_of(arg[1].r + f * arg[3].i, arg[3].i);
    return 0;
}
