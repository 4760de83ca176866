/* ∂C/∂W of a convolution, tile by tile: layers/winograd.py and layers/fourier.py.

   Lanes are channels here: maps are turned, SAMPLES samples at a time, so that channels are neighbours. Then
   the sum over columns (tile, sample) is one like that over channels in the forward pass: chains of CHAIN
   columns, which are added up over TURNED columns, and the blocks in double precision. */
#include "fourier.h"
#include "spread.h"
#include "sums.h"
#include "turn.h"
#include "winograd.h"

#define SAMPLES 16
#define CHAIN 32   /* columns: with more, the error grows beyond twice that of conv2d_dW (measured) */
#define TURNED 128 /* columns */

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
    long taps, tile, read, points; /* of an axis, the last ones of values */
    long reals;                    /* values that are no parts of complex numbers */
    long tiles;                    /* whose values are held at a time */
    ToPoints inputs, deltas;
    OfKernels weights;
} WeightsForm;

typedef struct {
    WeightsForm form;
    Strip in, out;  /* a and delta */
    real *V, *D;    /* values of a and delta, (value, column, channel) */
    real *products; /* of them: dU (value, filter, channel) of the last columns, */
    int turned;     /* or (value, channel, filter), where filters leave fewer lanes empty */
    double *sum;    /* dU */
    long held;      /* columns that ``products`` stands for */
    long top, left;
    Apart V_apart, D_apart;
} Transposed;

INLINE long values_of_dU(const Transposed *p) { return p->form.points * p->form.points; }

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

/* Values of every tile of the block, from squares of ``side`` numbers whose first is at (h0, 0) in the strip.
 */
static void values_of_block(const Strip *p, long h0, long side, long tile, const Block *b, ToPoints to_points,
                            real *to, Apart apart) {
    const long run = b->samples * p->lanes;
    for (long i = 0; i < b->rows; i++)
        for (long j = 0; j < b->columns; j++, to += run) {
            const real *from[MOST_READ * MOST_READ];
            for (long k = 0; k < side * side; k++)
                from[k] = position(p, h0 + tile * i + k / side, tile * j + k % side);
            to_points(from, run, to, apart);
        }
}

/* products[of[0]] of D[of[1]]ᵀ V[of[2]] over ``count`` columns; ``sign`` -1: subtracted from what is there */
static void product_of_columns(const Transposed *p, const long of[3], long count, int sign) {
    const Strip *rows = p->turned ? &p->in : &p->out, *lanes = p->turned ? &p->out : &p->in;
    const real *D = p->D + of[1] * p->D_apart.value, *V = p->V + of[2] * p->V_apart.value;
    const long width = lanes->channels;
    real *to = p->products + of[0] * rows->channels * width;
    for (long q = 0; q < width; q += PANEL)
        for (long k = 0; k < count; k += CHAIN) {
            const Factors factors = {.A = (p->turned ? V : D) + k * rows->lanes,
                                     .a_step = rows->lanes,
                                     .B = (p->turned ? D : V) + k * lanes->lanes + q,
                                     .b_step = lanes->lanes,
                                     .count = least(CHAIN, count - k),
                                     .first = 1,
                                     .adds = sign};
            panel_product(BY_COLUMN, factors, 1, rows->channels, to + q, width, least(PANEL, width - q));
        }
}

/* dU += the sum of the products of up to TURNED columns */
static void add_products(Transposed *p) {
    const long size = values_of_dU(p) * p->out.channels * p->in.channels;
    for (long k = 0; k < size; k++) p->sum[k] += (double)p->products[k];
    memset(p->products, 0, (size_t)size * sizeof(real));
    p->held = 0;
}

/* The products of ``count`` columns; of complex numbers, (r - i s) of a times (r + i s) of delta */
static void products_of_block(Transposed *p, long count) {
    for (long i = 0; i < p->form.reals; i++) product_of_columns(p, (const long[3]){i, i, i}, count, 1);
    for (long r = p->form.reals; r < values_of_dU(p); r += 2) {
        const long s = r + 1;
        product_of_columns(p, (const long[3]){r, r, r}, count, 1);
        product_of_columns(p, (const long[3]){r, s, s}, count, 1);
        product_of_columns(p, (const long[3]){s, r, s}, count, 1);
        product_of_columns(p, (const long[3]){s, s, r}, count, -1);
    }
    p->held += count;
    if (p->held + p->form.tiles * SAMPLES > TURNED) add_products(p);
}

/* In the order of native/tiles.py: 3 x 3, 5 x 5 and, by waves, 5 x 5. */
static const WeightsForm WEIGHTS_FORMS[] = {
    {3, 2, 4, 4, 16, 8, inputs_to_points_4, deltas_to_points_4, weights_of_4_points},
    {5, 2, 6, 7, 49, 4, inputs_to_points_7, deltas_to_points_7, weights_of_7_points},
    {5, 4, 8, 8, REALS, 2, inputs_to_waves, deltas_to_waves, weights_of_waves},
};

/* dW[f, c] of dU[f, c] */
static void write_weights(const Transposed *p, real *dW) {
    const long f = p->out.channels, c = p->in.channels, size = f * c, taps = p->form.taps * p->form.taps;
    for (long at = 0; at < size; at += KERNELS) {
        kernels u[MOST_VALUES], g[MOST_TAPS * MOST_TAPS];
        for (long i = 0; i < values_of_dU(p); i++) memcpy(u + i, p->sum + i * size + at, sizeof *u);
        p->form.weights(u, g);
        for (long k = at; k < least(at + KERNELS, size); k++) {
            real *out = dW + (p->turned ? k % f * c + k / f : k) * taps;
            for (long t = 0; t < taps; t++) out[t] = (real)g[t][k - at];
        }
    }
}

/* Of values that are ``numbers`` large, and share no set of a cache. */
INLINE Apart apart_of(const Transposed *p, long numbers) {
    const long value = numbers + 64 / (long)sizeof(real);
    return (Apart){value, p->form.points * value, VL};
}

static void *transposed_memory(Transposed *p) {
    const long f = p->out.channels, c = p->in.channels, values = values_of_dU(p);
    const long columns = p->form.tiles * SAMPLES;
    const long strip = p->in.rows * p->in.columns * SAMPLES * p->in.lanes;
    const long out_strip = p->out.rows * p->out.columns * SAMPLES * p->out.lanes;
    p->turned = f * p->in.lanes > c * p->out.lanes;
    p->V_apart = apart_of(p, columns * p->in.lanes);
    p->D_apart = apart_of(p, columns * p->out.lanes);
    const long sizes[5] = {strip, out_strip, values * p->V_apart.value, values * p->D_apart.value,
                           values * f * c};
    real **parts[5] = {&p->in.at, &p->out.at, &p->V, &p->D, &p->products};
    const long sum_bytes = (values * f * c + KERNELS) * (long)sizeof(double);
    long bytes = 6 * 64 + sum_bytes;
    for (int i = 0; i < 5; i++) bytes += (sizes[i] + VL) * (long)sizeof(real);
    char *block = scratch(bytes), *pool = block;
    if (!block) return NULL;
    for (int i = 0; i < 5; i++) *parts[i] = piece(&pool, (sizes[i] + VL) * (long)sizeof(real));
    p->sum = piece(&pool, sum_bytes);
    memset(p->sum, 0, (size_t)sum_bytes);
    memset(p->products, 0, (size_t)sizes[4] * sizeof(real));
    return block;
}

static Strip strip_of(const real *x, long channels, long height, long width, long n, long rows,
                      long columns) {
    const long lanes = (channels + VL - 1) / VL * VL;
    return (Strip){x, channels, height, width, n, lanes, rows, columns, 0, NULL};
}

static void add_block(Transposed *p, const Block *b) {
    const WeightsForm *form = &p->form;
    const long row = form->tile * b->row, h = row - p->top, w = form->tile * b->column;
    turn_rows(&p->in, h, h + form->tile * b->rows + form->taps - 1, w - p->left, b);
    turn_rows(&p->out, row, row + form->tile * b->rows, w, b);
    values_of_block(&p->in, h, form->read, form->tile, b, form->inputs, p->V, p->V_apart);
    values_of_block(&p->out, row, form->tile, form->tile, b, form->deltas, p->D, p->D_apart);
    products_of_block(p, b->rows * b->columns * b->samples);
}

/* dW of delta and a: sums over tiles and samples of the products of their values, in chains of CHAIN columns,
   of which those of up to TURNED columns are added up, and these in double precision */
static int tiles_dW(const Arg *arg) {
    const long f = arg[3].i, c = arg[4].i, n = arg[5].i;
    const Axis v = axis_of(arg + 6), h = axis_of(arg + 12);
    const WeightsForm form = WEIGHTS_FORMS[arg[18].i];
    const long side = form.tile, down = (v.out + side - 1) / side, across = (h.out + side - 1) / side;
    const long columns = least(across, form.tiles), rows = least(down, form.tiles / columns);
    const long more = form.taps - 1; /* rows and columns that tiles share */
    Transposed p = {
        .form = form,
        .in = strip_of(arg[2].r, c, v.length, h.length, n, side * rows + more, side * columns + more),
        .out = strip_of(arg[1].r, f, v.out, h.out, n, side * rows, side * columns),
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
    add_products(&p);
    write_weights(&p, arg[0].w);
    release(memory);
    return 0;
}
