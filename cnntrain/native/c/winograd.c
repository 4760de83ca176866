/* Convolution with 3 x 3 or 5 x 5 kernels by Winograd's algorithm, forward and ∂C/∂a: layers/winograd.py.

   Column (tile, sample) of V holds the points of a tile of inputs, the same column of M those of its 2 x 2
   outputs. Some columns at a time, so that both stay in the second-level cache. */
#include "halves.h"
#include "spread.h"
#include "winograd.h"

#define BUDGET (384L << 10)             /* bytes of V and M */
#define APART (64 / (long)sizeof(real)) /* numbers between points, which then share no set of a cache */

typedef struct {
    Form form;
    const real *x, *bias;
    real *z, *U, *V, *M, *zeros;
    uint8_t *winners;
    int has_relu;
    long m, c, n;                       /* outputs, inputs, samples */
    long height, width, top, left;      /* of inputs, and zeros around them */
    long out_height, out_width, across; /* outputs, and tiles in a row of them */
    long block, columns;                /* of V and M: so many in use, and with room for one more vector */
    long V_apart, M_apart;
} Tiles;

/* U[point, m, c] of W[m · w_out + c · w_in + tap], taps backwards if it is ``rotated``. */
static void points_of_weights(const Tiles *p, const real *W, long w_out, long w_in, int rotated, real *taps) {
    const long count = p->form.taps * p->form.taps;
    const real *from[MOST_TAPS * MOST_TAPS];
    for (long t = 0; t < count; t++) from[t] = taps + t * p->c;
    for (long m = 0; m < p->m; m++) {
        for (long c = 0; c < p->c; c++)
            for (long t = 0; t < count; t++)
                taps[t * p->c + c] = W[m * w_out + c * w_in + (rotated ? count - 1 - t : t)];
        p->form.kernels(from, p->c, p->U + m * p->c, p->m * p->c + APART);
    }
}

/* Some samples of one tile: points of all of its inputs, to column ``at`` of V. */
static void points_of_tile(const Tiles *p, long tile, long first, long count, long at) {
    const long h0 = tile / p->across * 2 - p->top, w0 = tile % p->across * 2 - p->left;
    const long read = p->form.read;
    const real *from[MOST_READ * MOST_READ];
    long step[MOST_READ * MOST_READ]; /* 0 where there is only padding */
    for (long i = 0; i < read * read; i++) {
        const long h = h0 + i / read, w = w0 + i % read;
        const int inside = h >= 0 && h < p->height && w >= 0 && w < p->width;
        from[i] = inside ? p->x + (h * p->width + w) * p->n + first : p->zeros;
        step[i] = inside ? p->height * p->width * p->n : 0;
    }
    for (long c = 0; c < p->c; c++) {
        p->form.inputs(from, count, p->V + c * p->columns + at, p->V_apart);
        for (long i = 0; i < read * read; i++) from[i] += step[i];
    }
}

/* M[point] = U[point] V[point] */
static void products(const Tiles *p, long count) {
    const long whole = (count + VL - 1) / VL * VL;
    for (long i = 0; i < p->form.points * p->form.points; i++)
        for (long q = 0; q < whole; q += PANEL) {
            const Factors f = {.A = p->U + i * (p->m * p->c + APART),
                               .a_step = p->c,
                               .B = p->V + i * p->V_apart + q,
                               .b_step = p->columns,
                               .count = p->c,
                               .first = 1};
            panel_product(BY_ROW, f, p->c, p->m, p->M + i * p->M_apart + q, p->columns,
                          least(PANEL, whole - q));
        }
}

/* One vector of samples of the 2 x 2 outputs of a tile. */
INLINE void outputs_of_vector(const Tiles *p, const real *M, vec b, vec z[2][2]) {
    p->form.outputs(M, p->M_apart, z);
    for (int i = 0; i < 4; i++) {
        z[i / 2][i % 2] += b;
        if (p->has_relu) z[i / 2][i % 2] = positive(z[i / 2][i % 2]);
    }
}

/* Some samples of one tile of all outputs, from column ``at`` of M. */
static void write_tile(const Tiles *p, long tile, long first, long count, long at) {
    const long oh = tile / p->across * 2, ow = tile % p->across * 2;
    const int tall = oh + 1 < p->out_height, wide = ow + 1 < p->out_width;
    for (long m = 0; m < p->m; m++) {
        real *out = p->z + ((m * p->out_height + oh) * p->out_width + ow) * p->n + first;
        const real *M = p->M + m * p->columns + at;
        const vec b = splat(p->bias ? p->bias[m] : 0);
        for (long k = 0; k < count; k += VL) {
            vec z[2][2];
            outputs_of_vector(p, M + k, b, z);
            for (int i = 0; i < 1 + tall; i++)
                for (int j = 0; j < 1 + wide; j++)
                    store_up_to(out + (i * p->out_width + j) * p->n + k, z[i][j], count - k);
        }
    }
}

/* The largest of every tile, and which it is. */
static void pool_tile(const Tiles *p, long tile, long first, long count, long at) {
    const long tiles = p->out_height / 2 * p->across;
    for (long m = 0; m < p->m; m++) {
        const long to = (m * tiles + tile) * p->n + first;
        const real *M = p->M + m * p->columns + at;
        const vec b = splat(p->bias ? p->bias[m] : 0);
        for (long k = 0; k < count; k += VL) {
            vec z[2][2], best = {};
            mask winner = {};
            outputs_of_vector(p, M + k, b, z);
            for (int tap = 0; tap < 4; tap++) compete(z[tap / 2][tap % 2], tap, tap == 0, &best, &winner);
            store_up_to(p->z + to + k, best, count - k);
            put_winner(p->winners + to + k, 0, 0, winner, least(VL, count - k));
        }
    }
}

typedef void (*OfTile)(const Tiles *, long tile, long first, long count, long at);

/* Do something with columns q .. q + count, tile by tile. */
static void each_tile(const Tiles *p, OfTile of_tile, long q, long count) {
    for (long at = 0; at < count;) {
        const long tile = (q + at) / p->n, first = (q + at) % p->n, some = least(p->n - first, count - at);
        of_tile(p, tile, first, some, at);
        at += some;
    }
}

static void *tiles_memory(Tiles *p, long columns, real **taps) {
    const long points = p->form.points * p->form.points;
    const long per_column = points * (p->c + p->m) * (long)sizeof(real);
    p->block = least(most(1, BUDGET / per_column / PANEL) * PANEL, (columns + VL - 1) / VL * VL);
    p->columns = p->block + VL;
    p->V_apart = p->c * p->columns + APART, p->M_apart = p->m * p->columns + APART;
    const long weights = points * (p->m * p->c + APART) + VL,
               taps_of_all = p->form.taps * p->form.taps * p->c;
    const long sizes[5] = {weights, points * p->V_apart, points * p->M_apart, p->n + VL, taps_of_all + VL};
    real **parts[5] = {&p->U, &p->V, &p->M, &p->zeros, taps};
    long bytes = 5 * 64;
    for (int i = 0; i < 5; i++) bytes += sizes[i] * (long)sizeof(real);
    char *block = scratch(bytes), *pool = block;
    if (!block) return NULL;
    for (int i = 0; i < 5; i++) *parts[i] = piece(&pool, sizes[i] * (long)sizeof(real));
    memset(p->zeros, 0, (size_t)sizes[3] * sizeof(real));
    memset(p->V, 0, (size_t)sizes[1] * sizeof(real)); /* columns that nobody reads must not be slow */
    return block;
}

static int convolve_tiles(Tiles p, const real *W, long w_out, long w_in, int rotated) {
    const long columns = (p.out_height + 1) / 2 * p.across * p.n;
    real *taps;
    void *memory = tiles_memory(&p, columns, &taps);
    if (!memory) return NO_MEMORY;
    points_of_weights(&p, W, w_out, w_in, rotated, taps);
    for (long q = 0; q < columns; q += p.block) {
        const long some = least(p.block, columns - q);
        each_tile(&p, points_of_tile, q, some);
        products(&p, some);
        each_tile(&p, p.winners ? pool_tile : write_tile, q, some);
    }
    free(memory);
    return 0;
}

/* Arguments from the fifth on as those of winograd_forward. */
static int winograd(const Arg *arg, const real *a, const real *W, Tiles p) {
    const Axis v = axis_of(arg + 3), h = axis_of(arg + 9);
    p.form = form_of(v.size), p.x = a, p.m = arg[0].i, p.c = arg[1].i, p.n = arg[2].i;
    p.height = v.length, p.width = h.length, p.top = v.before, p.left = h.before;
    p.out_height = v.out, p.out_width = h.out, p.across = (h.out + 1) / 2;
    return convolve_tiles(p, W, p.c * v.size * h.size, v.size * h.size, 0);
}

/* z = Aᵀ (Σ_c (G W Gᵀ) ⊙ (Bᵀ a B)) A + b of every tile of 2 x 2 outputs, each point a chain over c */
static int winograd_forward(const Arg *arg) {
    const Tiles p = {.z = arg[0].w, .bias = arg[3].r, .has_relu = (int)arg[19].i};
    return winograd(arg + 4, arg[1].r, arg[2].r, p);
}

/* The largest of every four neighbours of z, which are a tile, and which it is. */
static int winograd_pool_forward(const Arg *arg) {
    const Tiles p = {.z = arg[0].w, .winners = arg[1].bytes, .bias = arg[4].r};
    return winograd(arg + 5, arg[2].r, arg[3].r, p);
}

/* da: the same of delta with the kernel rotated by 180°, each point a chain over f */
static int winograd_da(const Arg *arg) {
    const long f = arg[3].i, c = arg[4].i;
    const Axis v = axis_of(arg + 6), h = axis_of(arg + 12);
    const Tiles p = {.form = form_of(v.size),
                     .x = arg[1].r,
                     .z = arg[0].w,
                     .m = c,
                     .c = f,
                     .n = arg[5].i,
                     .height = v.out,
                     .width = h.out,
                     .top = v.size - 1 - v.before,
                     .left = h.size - 1 - h.before,
                     .out_height = v.length,
                     .out_width = h.length,
                     .across = (h.length + 1) / 2};
    return convolve_tiles(p, arg[2].r, v.size * h.size, c * v.size * h.size, 1);
}
