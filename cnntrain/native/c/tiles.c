/* Convolution tile by tile, forward and ∂C/∂a: layers/winograd.py and layers/fourier.py.

   U holds the values of kernels, V those of some columns (tile, sample); M what their products give: rows of
   outputs, or the values of outputs. */
#include "fourier.h"
#include "spread.h"
#include "tile_maps.h"
#include "winograd.h"

#define BUDGET (384L << 10)             /* bytes of V and M, which so stay in the second-level cache */
#define APART (64 / (long)sizeof(real)) /* numbers between values, which then share no set of a cache */

#define TRANSFORMS(inputs, kernels, outputs) inputs, inputs##_of_pieces, kernels, outputs
#define BY_VALUES(inputs, kernels, outputs) TRANSFORMS(inputs, kernels, outputs), NULL, NULL
#define BY_ROWS(inputs, kernels, outputs)                                                                    \
    TRANSFORMS(inputs, kernels, outputs), whole_##outputs, rows_of_##outputs
#define SIDE_2 {4, 2, 2, 4}
#define SIDE_4 {6, 4, 4, 6}
#define SIDE_2_OF_5 {6, 2, 2, 6}
#define SIDE_4_OF_5 {8, 4, 4, 8}
#define SHARE {4, 8, 4, 8}

/* In the order of native/tiles.py. */
static const Form FORMS[] = {
    {3, 1, SIDE_2, SIDE_2, BY_ROWS(inputs_to_points_4, kernels_to_points_4_of_3, outputs_2_of_4)},
    {3, 1, SIDE_2, SIDE_4, BY_ROWS(inputs_to_points_4_6, kernels_to_points_4_6_of_3, outputs_2_4_of_4_6)},
    {3, 2, SIDE_4, SIDE_4, BY_ROWS(inputs_to_points_6, kernels_to_points_6_of_3, outputs_4_of_6)},
    {5, 1, SIDE_2_OF_5, SIDE_2_OF_5, BY_ROWS(inputs_to_points_6, kernels_to_points_6_of_5, outputs_2_of_6)},
    {5, 1, SIDE_4_OF_5, SIDE_4_OF_5, BY_VALUES(inputs_to_waves, kernels_to_waves, outputs_of_waves)},
    {5, 1, SHARE, SHARE, BY_VALUES(deltas_to_waves, kernels_to_waves, shares_of_waves)},
};

INLINE int overlaps(const Tiles *p) { return p->form.down.tile > p->form.down.step; }
INLINE long values_of(const Form *form) { return form->down.values * form->across.values; }

/* U[value, c, m] of kernels (m .. m + some, c) */
static void put_values(const Tiles *p, long m, long c, long some, real u[][KERNELS]) {
    for (long i = 0; i < values_of(&p->form); i++)
        memcpy(p->U + i * p->U_value + c * p->m + m, u[i], sizeof(real) * (size_t)some);
}

/* U[row, group of m, c, value in the row, m] */
static void put_rows(const Tiles *p, long m, long c, long some, real u[][KERNELS]) {
    const long rows = p->form.down.values, values = p->form.across.values;
    for (long k = 0; k < some; k += GROUP) {
        const long group = least(GROUP, some - k);
        for (long i = 0; i < rows; i++) {
            real *to = p->U + ((i * p->m + m + k) * p->c + c * group) * values;
            for (long j = 0; j < values; j++, to += group)
                if (group == GROUP) memcpy(to, u[i * values + j] + k, GROUP * sizeof(real));
                else
                    for (long l = 0; l < group; l++) to[l] = u[i * values + j][k + l];
        }
    }
}

/* Of W[m · w_out + c · w_in + tap], taps backwards if it is ``rotated``. */
static void values_of_weights(const Tiles *p, const real *W, long w_out, long w_in, int rotated) {
    const long taps = p->form.taps * p->form.taps;
    kernels g[MOST_TAPS * MOST_TAPS] = {{0}}, u[MOST_VALUES];
    real rounded[MOST_VALUES][KERNELS];
    for (long m = 0; m < p->m; m += KERNELS)
        for (long c = 0; c < p->c; c++) {
            const long some = least(KERNELS, p->m - m);
            for (long k = 0; k < some; k++)
                for (long t = 0; t < taps; t++)
                    g[t][k] = (double)W[(m + k) * w_out + c * w_in + (rotated ? taps - 1 - t : t)];
            p->form.kernels(g, u);
            for (long i = 0; i < values_of(&p->form); i++)
                for (int k = 0; k < KERNELS; k++) rounded[i][k] = (real)u[i][k];
            (p->form.rows ? put_rows : put_values)(p, m, c, some, rounded);
        }
}

/* M[m] = U[u] V[v] of some columns, or what is added to it or, if ``adds`` is -1, subtracted from it */
INLINE void product_of(const Tiles *p, const long of[3], long q, long width, int adds) {
    const Factors f = {.A = p->U + of[1] * p->U_value,
                       .a_step = p->m,
                       .B = p->V + of[2] * p->V_apart.value + q,
                       .b_step = p->V_channel,
                       .count = p->c,
                       .first = 1,
                       .adds = adds};
    panel_product(BY_COLUMN, f, 1, p->m, p->M + of[0] * p->M_value + q, p->M_output, width);
}

/* (r - i s) of the outputs = (r - i s) of the inputs times (r + i s) of the kernel, or times (r - i s) if
   tiles overlap: every input goes to outputs behind it. */
static void complex_product(const Tiles *p, long r, long q, long width) {
    const long s = r + 1;
    const int sign = overlaps(p) ? -1 : 1;
    product_of(p, (const long[3]){r, r, r}, q, width, 0);
    product_of(p, (const long[3]){r, s, s}, q, width, sign);
    product_of(p, (const long[3]){s, r, s}, q, width, 0);
    product_of(p, (const long[3]){s, s, r}, q, width, -sign);
}

/* Values of outputs of ``count`` columns. */
static void products(const Tiles *p, long count) {
    const long whole = (count + VL - 1) / VL * VL;
    for (long q = 0; q < whole; q += PANEL)
        for (long i = 0; i < REALS; i++)
            product_of(p, (const long[3]){i, i, i}, q, least(PANEL, whole - q), 0);
    for (long i = REALS; i < values_of(&p->form); i += 2)
        for (long q = 0; q < whole; q += PANEL) complex_product(p, i, q, least(PANEL, whole - q));
}

/* Rows of outputs of ``count`` columns. */
static void rows_of_products(const Tiles *p, long count) {
    const long each = (p->c + p->form.chains - 1) / p->form.chains, row = p->form.across.tile * VL;
    const long values = p->form.across.values;
    for (long i = 0; i < p->form.down.values; i++)
        for (long m = 0; m < p->m; m += GROUP)
            for (long v = 0; v * VL < count; v++)
                p->form.rows((int)least(GROUP, p->m - m), p->U + (i * p->m + m) * p->c * values,
                             place_in_V(p, 0, v) + i * p->V_apart.row, p->c, each,
                             p->M + v * p->M_vector + m * p->M_output + i * row, p->M_output);
}

/* Room for ``rows`` of products: V[vector, row, c, value], M[vector, m, row, output]; returns vectors. */
static long place_rows(Tiles *p, long columns) {
    const long rows = p->form.down.values, values = p->form.across.values;
    p->V_channel = values * VL;
    p->V_apart.value = VL, p->V_apart.row = p->c * p->V_channel + APART;
    p->V_apart.vector = rows * p->V_apart.row;
    p->M_value = VL, p->M_output = rows * p->form.across.tile * VL, p->M_vector = p->m * p->M_output;
    const long bytes = (p->V_apart.vector + p->M_vector) * (long)sizeof(real);
    return least(most(1, BUDGET / bytes), (columns + VL - 1) / VL);
}

/* Room for values: V[value, c, column], M[value, m, column]. */
static long place_values(Tiles *p, long columns) {
    const long bytes = values_of(&p->form) * (p->c + p->m) * (long)sizeof(real);
    const long vectors = least(least(MOST_VECTORS / TILE_VECS, most(1, BUDGET / bytes / PANEL)) * TILE_VECS,
                               (columns + VL - 1) / VL);
    const long room = vectors * VL;
    p->U_value = p->m * p->c + APART;
    p->V_channel = p->M_output = room;
    p->V_apart.value = p->c * room + APART, p->V_apart.vector = p->M_vector = VL;
    p->M_value = p->m * room + APART;
    return vectors;
}

static void *tiles_memory(Tiles *p, long columns) {
    const long vectors = least(MOST_VECTORS, (p->form.rows ? place_rows : place_values)(p, columns));
    const long values = values_of(&p->form);
    p->block = vectors * VL;
    const long sizes[4] = {values * most(p->U_value, p->m * p->c),
                           p->form.rows ? vectors * p->V_apart.vector : values * p->V_apart.value,
                           p->form.rows ? vectors * p->M_vector : values * p->M_value, p->n + VL};
    real **parts[4] = {&p->U, &p->V, &p->M, &p->zeros};
    long bytes = 4 * 64;
    for (int i = 0; i < 4; i++) bytes += sizes[i] * (long)sizeof(real);
    char *block = scratch(bytes), *pool = block;
    if (!block) return NULL;
    for (int i = 0; i < 4; i++) *parts[i] = piece(&pool, sizes[i] * (long)sizeof(real));
    memset(p->zeros, 0, (size_t)sizes[3] * sizeof(real));
    return block;
}

/* Tiles of an axis. */
INLINE long tiles_of(const Side *side, long length, long out) {
    return ((side->tile > side->step ? length : out) + side->step - 1) / side->step;
}

static int convolve_tiles(Tiles p, const real *W, long w_out, long w_in, int rotated) {
    const Form *form = &p.form;
    const long down = tiles_of(&form->down, p.height, p.out_height);
    p.tiles_across = tiles_of(&form->across, p.width, p.out_width);
    const long columns = down * p.tiles_across * p.n;
    void *memory = tiles_memory(&p, columns);
    if (!memory) return NO_MEMORY;
    values_of_weights(&p, W, w_out, w_in, rotated && !overlaps(&p));
    if (overlaps(&p)) memset(p.z, 0, (size_t)(p.m * p.out_height * p.out_width * p.n) * sizeof(real));
    Columns block;
    for (long q = 0; q < columns; q += p.block) {
        const long some = least(p.block, columns - q);
        find_columns(&p, q, some, &block);
        values_of_columns(&p, &block);
        (form->rows ? rows_of_products : products)(&p, some);
        outputs_of_columns(&p, &block, overlaps(&p) ? add_tile : p.winners ? pool_tile : write_tile);
    }
    release(memory);
    return 0;
}

/* Arguments from the fifth on as those of tiles_forward. */
static int tiles(const Arg *arg, const real *a, const real *W, Tiles p) {
    const Axis v = axis_of(arg + 3), h = axis_of(arg + 9);
    p.form = FORMS[arg[15].i], p.x = a, p.m = arg[0].i, p.c = arg[1].i, p.n = arg[2].i;
    p.height = v.length, p.width = h.length, p.top = v.before, p.left = h.before;
    p.out_height = v.out, p.out_width = h.out;
    return convolve_tiles(p, W, p.c * v.size * h.size, v.size * h.size, 0);
}

/* z = Aᵀ (Σ_c (G W Gᵀ) ⊙ (Bᵀ a B)) A + b of every tile, each point a chain over c */
static int tiles_forward(const Arg *arg) {
    const Tiles p = {.z = arg[0].w, .bias = arg[3].r, .has_relu = (int)arg[20].i};
    return tiles(arg + 4, arg[1].r, arg[2].r, p);
}

/* The largest of every four neighbours of z, and which of them it is. */
static int tiles_pool_forward(const Arg *arg) {
    const Tiles p = {.z = arg[0].w, .winners = arg[1].bytes, .bias = arg[4].r};
    return tiles(arg + 5, arg[2].r, arg[3].r, p);
}

/* da: the same of delta with the kernel rotated by 180°, each point a chain over f; where tiles overlap,
   every tile of delta gives its share to all that it has read */
static int tiles_da(const Arg *arg) {
    const long f = arg[3].i, c = arg[4].i;
    const Axis v = axis_of(arg + 6), h = axis_of(arg + 12);
    Tiles p = {.form = FORMS[arg[18].i],
               .x = arg[1].r,
               .z = arg[0].w,
               .m = c,
               .c = f,
               .n = arg[5].i,
               .height = v.out,
               .width = h.out,
               .out_height = v.length,
               .out_width = h.length};
    if (overlaps(&p)) p.before = v.before, p.left_of = h.before;
    else
        p.top = v.size - 1 - v.before, p.left = h.size - 1 - h.before;
    return convolve_tiles(p, arg[2].r, v.size * h.size, c * v.size * h.size, 1);
}
