/* ∂C/∂W of a convolution by the transpose of Winograd's algorithm: layers/winograd.py.

   Lanes are channels here: maps are turned, SAMPLES samples at a time, so that channels are neighbours. Then
   the sum over columns (tile, sample) is one like that over channels in the forward pass: chains of CHAIN
   columns, which are added up over a block of TILES tiles by SAMPLES samples, and the blocks in double
   precision. */
#include "spread.h"
#include "sums.h"
#include "turn.h"
#include "winograd.h"

#define SAMPLES 16
#define TILES 8  /* with 3 x 3 kernels; with 5 x 5 ones half of them, which have three times the points */
#define CHAIN 32 /* columns: with more, the error grows beyond twice that of conv2d_dW (measured) */

/* Rows of a turned map, (row, column, sample, channel); row h is in place h mod ``rows``. */
typedef struct {
    const real *x;
    long channels, height, width, n;
    long lanes; /* channels, rounded up to vectors */
    long rows, columns;
    long next; /* row to be turned */
    real *at;
} Strip;

/* One block of tiles: where it begins, and how many rows and columns of them it has. */
typedef struct {
    long row, column, rows, columns;
    long first, samples;
} Block;

typedef struct {
    Form form;
    Strip in, out;          /* a and delta */
    real *V, *D, *products; /* points of a and delta, (point, column, channel), and their products */
    double *sum;            /* dU (point, filter, channel) */
    long top, left, V_apart, D_apart;
} Transposed;

/* All channels of one position for some samples; zeros if it is not on the map. */
static void turn_position(const Strip *p, long h, long w, const Block *b, real *out) {
    const long plane = p->height * p->width * p->n;
    if (h < 0 || h >= p->height || w < 0 || w >= p->width) {
        memset(out, 0, (size_t)(SAMPLES * p->lanes) * sizeof(real));
        return;
    }
    const real *x = p->x + (h * p->width + w) * p->n + b->first;
    for (long c = 0; c < p->channels; c += VL)
        for (long s = 0; s < b->samples; s += VL)
            turn_up_to(x + c * plane + s, plane, p->channels - c, b->samples - s, out + s * p->lanes + c,
                       p->lanes);
}

INLINE real *position(const Strip *p, long h, long column) {
    const long row = (h % p->rows + p->rows) % p->rows;
    return p->at + (row * p->columns + column) * SAMPLES * p->lanes;
}

/* Turn rows h .. stop - 1, of which those before ``next`` are there already. */
static void turn_rows(Strip *p, long h, long stop, long w, const Block *b) {
    for (h = most(h, p->next); h < stop; h++)
        for (long j = 0; j < p->columns; j++) turn_position(p, h, w + j, b, position(p, h, j));
    p->next = stop;
}

/* Points of every tile of the block, from squares of ``side`` numbers whose first is at (h0, 0) in the
   strip. */
static void points_of_block(const Strip *p, long h0, long side, const Block *b, ToPoints to_points, real *to,
                            long apart) {
    const long run = b->samples * p->lanes;
    for (long i = 0; i < b->rows; i++)
        for (long j = 0; j < b->columns; j++, to += run) {
            const real *from[MOST_READ * MOST_READ];
            for (long k = 0; k < side * side; k++)
                from[k] = position(p, h0 + 2 * i + k / side, 2 * j + k % side);
            to_points(from, run, to, apart);
        }
}

/* dU[point] += D[point]ᵀ V[point] over ``count`` columns */
static void add_products(const Transposed *p, long count) {
    const long f = p->out.channels, c = p->in.channels, size = f * c;
    for (long i = 0; i < p->form.points * p->form.points; i++) {
        for (long q = 0; q < c; q += PANEL)
            for (long k = 0; k < count; k += CHAIN) {
                const Factors factors = {.A = p->D + i * p->D_apart + k * p->out.lanes,
                                         .a_step = p->out.lanes,
                                         .B = p->V + i * p->V_apart + k * p->in.lanes + q,
                                         .b_step = p->in.lanes,
                                         .count = least(CHAIN, count - k),
                                         .first = 1,
                                         .adds = k > 0};
                panel_product(BY_COLUMN, factors, 1, f, p->products + q, c, least(PANEL, c - q));
            }
        double *sum = p->sum + i * size;
        for (long k = 0; k < size; k++) sum[k] += (double)p->products[k];
    }
}

/* Gᵀ u of numbers that are ``apart`` */
INLINE void taps_of_points(const Form *form, const double *u, long apart, double *g) {
    const double sum = u[apart] + u[2 * apart], difference = u[apart] - u[2 * apart];
    g[0] = u[0] + 0.5 * sum;
    g[1] = 0.5 * difference;
    g[2] = 0.5 * sum + u[3 * apart];
    if (form->taps == 5) {
        g[3] = u[4 * apart] + u[5 * apart];
        g[4] = u[5 * apart] + u[6 * apart];
    }
}

/* dW[f, c] = Gᵀ dU[f, c] G */
static void weights_of_points(const Transposed *p, real *dW) {
    const long size = p->out.channels * p->in.channels, taps = p->form.taps, points = p->form.points;
    for (long k = 0; k < size; k++, dW += taps * taps) {
        double half[MOST_POINTS][MOST_TAPS], row[MOST_TAPS];
        for (long j = 0; j < points; j++)
            taps_of_points(&p->form, p->sum + j * size + k, points * size, half[j]);
        for (long i = 0; i < taps; i++) {
            taps_of_points(&p->form, half[0] + i, MOST_TAPS, row);
            for (long t = 0; t < taps; t++) dW[i * taps + t] = (real)row[t];
        }
    }
}

INLINE long tiles_of(Form form) { return form.taps == 5 ? TILES / 2 : TILES; }

static void *transposed_memory(Transposed *p) {
    const long f = p->out.channels, c = p->in.channels, points = p->form.points * p->form.points;
    const long columns = tiles_of(p->form) * SAMPLES;
    const long strip = p->in.rows * p->in.columns * SAMPLES * p->in.lanes;
    const long out_strip = p->out.rows * p->out.columns * SAMPLES * p->out.lanes;
    p->V_apart = columns * p->in.lanes + 64 / (long)sizeof(real);
    p->D_apart = columns * p->out.lanes + 64 / (long)sizeof(real);
    const long sizes[5] = {strip, out_strip, points * p->V_apart, points * p->D_apart, f * c};
    real **parts[5] = {&p->in.at, &p->out.at, &p->V, &p->D, &p->products};
    const long sum_bytes = points * f * c * (long)sizeof(double);
    long bytes = 6 * 64 + sum_bytes;
    for (int i = 0; i < 5; i++) bytes += (sizes[i] + VL) * (long)sizeof(real);
    char *block = scratch(bytes), *pool = block;
    if (!block) return NULL;
    for (int i = 0; i < 5; i++) *parts[i] = piece(&pool, (sizes[i] + VL) * (long)sizeof(real));
    p->sum = piece(&pool, sum_bytes);
    memset(p->sum, 0, (size_t)sum_bytes);
    return block;
}

static Strip strip_of(const real *x, long channels, long height, long width, long n, long rows,
                      long columns) {
    const long lanes = (channels + VL - 1) / VL * VL;
    return (Strip){x, channels, height, width, n, lanes, rows, columns, 0, NULL};
}

static void add_block(Transposed *p, const Block *b) {
    const long h = 2 * b->row - p->top, w = 2 * b->column;
    turn_rows(&p->in, h, h + 2 * b->rows + p->form.taps - 1, w - p->left, b);
    turn_rows(&p->out, 2 * b->row, 2 * b->row + 2 * b->rows, w, b);
    points_of_block(&p->in, h, p->form.read, b, p->form.inputs, p->V, p->V_apart);
    points_of_block(&p->out, 2 * b->row, 2, b, p->form.deltas, p->D, p->D_apart);
    add_products(p, b->rows * b->columns * b->samples);
}

/* dW = Gᵀ (Σ (A delta Aᵀ) ⊙ (Bᵀ a B)) G over tiles and samples: chains of CHAIN columns, the sums
   of those of a block of TILES x SAMPLES, and the blocks in double precision */
static int winograd_dW(const Arg *arg) {
    const long f = arg[3].i, c = arg[4].i, n = arg[5].i;
    const Axis v = axis_of(arg + 6), h = axis_of(arg + 12);
    const long down = (v.out + 1) / 2, across = (h.out + 1) / 2;
    const Form form = form_of(v.size);
    const long columns = least(across, tiles_of(form)), rows = least(down, tiles_of(form) / columns);
    const long more = form.taps - 1; /* rows and columns that tiles share */
    Transposed p = {.form = form,
                    .in = strip_of(arg[2].r, c, v.length, h.length, n, 2 * rows + more, 2 * columns + more),
                    .out = strip_of(arg[1].r, f, v.out, h.out, n, 2 * rows, 2 * columns),
                    .top = v.before,
                    .left = h.before};
    void *memory = transposed_memory(&p);
    if (!memory) return NO_MEMORY;
    for (long first = 0; first < n; first += SAMPLES)
        for (long column = 0; column < across; column += columns) {
            p.in.next = -p.top, p.out.next = 0;
            for (long row = 0; row < down; row += rows)
                add_block(&p, &(Block){row, column, least(rows, down - row), least(columns, across - column),
                                       first, least(SAMPLES, n - first)});
        }
    weights_of_points(&p, arg[0].w);
    free(memory);
    return 0;
}
