/* Fully connected layer: layers/dense.py. */
#include "parts.h"
#include "product.h"
#include "sums.h"
#include "turn.h"

#define WORTH_A_THREAD 500000 /* multiplications for each thread: some 5 microseconds */

/* A copy of columns n0 .. n0 + width of x (rows, N), each row padded with zeros to PANEL. */
static void copy_panel(const real *x, long rows, long n, long width, real *panel) {
    for (long k = 0; k < rows; k++) {
        memcpy(panel + k * PANEL, x + k * n, (size_t)width * sizeof(real));
        memset(panel + k * PANEL + width, 0, (size_t)(PANEL - width) * sizeof(real));
    }
}

/* out (M, N) = A · B (K, N), A[m, k] at A[m * a_row + k * a_col], of which one is 1. */
static int product(const real *A, long a_row, long a_col, const real *B, real *out, long m, long k, long n) {
    const long rest = n % VL;
    real *panel = rest ? scratch(k * PANEL * (long)sizeof(real)) : NULL;
    if (rest && !panel) return NO_MEMORY;
    const int form = a_col == 1 ? BY_ROW : BY_COLUMN;
    for (long n0 = 0; n0 < n; n0 += PANEL) {
        const long width = least(PANEL, n - n0);
        const int copied = width % VL != 0;
        if (copied) copy_panel(B + n0, k, n, width, panel);
        for (long k0 = 0; k0 < k; k0 += K_BLOCK) {
            const Factors p = {.A = A + k0 * a_col,
                               .a_step = form == BY_ROW ? a_row : a_col,
                               .B = copied ? panel + k0 * PANEL : B + k0 * n + n0,
                               .b_step = copied ? PANEL : n,
                               .count = least(K_BLOCK, k - k0),
                               .first = k0 == 0};
            panel_product(form, p, a_row, m, out + n0, n, width);
        }
    }
    release(panel);
    return 0;
}

/* z (M) = W (M, J) a (J): the lanes are units, of which VL have their weights turned at a time. */
static void one_sample(const real *W, const real *a, real *z, long m, long j) {
    for (long i = 0; i < m; i += VL) {
        vec sum = {};
        for (long k = 0; k < j; k += VL) {
            vec weights[SQUARE];
            load_square(W + i * j + k, j, m - i, j - k, weights);
            turn(weights);
            if (j - k >= VL) EACH_OF_SQUARE(q) sum = fused(weights[COLUMN(q)], splat(a[k + q]), sum);
            else
                for (long q = 0; q < j - k; q++) sum = fused(weights[COLUMN(q)], splat(a[k + q]), sum);
        }
        store_part(z + i, sum, least(VL, m - i));
    }
}

/* How many threads are worth having for so many multiplications. */
static long parts_of(long m, long k, long n) { return m * k * n / WORTH_A_THREAD; }

static int part_of_z(const Arg *arg, long part, long parts) {
    const real *a = arg[1].r, *W = arg[2].r, *b = arg[3].r;
    const long j = arg[5].i, n = arg[6].i;
    const long from = part_start(arg[4].i, part, parts, TILE_ROWS),
               to = part_start(arg[4].i, part + 1, parts, TILE_ROWS);
    real *z = arg[0].w;
    if (n == 1) one_sample(W + from * j, a, z + from, to - from, j);
    else if (product(W + from * j, j, 1, a, z + from * n, to - from, j, n))
        return NO_MEMORY;
    for (long k = from; b && k < to; k++)
        for (long i = 0; i < n; i++) z[k * n + i] += b[k];
    return 0;
}

/* z (K, N) = W (K, J) a (J, N) + b (K, 1) */
static int dense_forward(const Arg *arg) {
    return in_parts(part_of_z, arg, parts_of(arg[4].i, arg[5].i, arg[6].i));
}

static int part_of_da(const Arg *arg, long part, long parts) {
    const long units = arg[3].i, j = arg[4].i, n = arg[5].i;
    const long from = part_start(j, part, parts, TILE_ROWS), to = part_start(j, part + 1, parts, TILE_ROWS);
    return product(arg[2].r + from, 1, j, arg[1].r, arg[0].w + from * n, to - from, units, n);
}

/* da (J, N) = Wᵀ (J, K) delta (K, N) */
static int dense_da(const Arg *arg) {
    real *da = arg[0].w;
    const real *delta = arg[1].r, *W = arg[2].r;
    const long units = arg[3].i, j = arg[4].i, n = arg[5].i;
    if (n > 1) return in_parts(part_of_da, arg, parts_of(j, units, n));
    for (long i = 0; i < j; i += VL) { /* one sample: the lanes are units of the layer before */
        const long left = least(VL, j - i);
        vec sum = {};
        for (long k = 0; k < units; k++)
            sum = fused(splat(delta[k]), left == VL ? load(W + k * j + i) : load_part(W + k * j + i, left),
                        sum);
        store_part(da + i, sum, left);
    }
    return 0;
}

/* δ aᵀ of one sample: each a chain of one. */
static void outer_product(const real *delta, const real *a, real *dW, long units, long width, long j) {
    for (long k = 0; k < units; k++)
        for (long i = 0; i < width; i += VL)
            store_up_to(dW + k * j + i, fused(splat(delta[k]), load_up_to(a + i, width - i), (vec){}),
                        width - i);
}

/* a (width, count), whose rows are n apart, turned; rows of the panel are zero beyond their width. */
static void turn_panel(const real *a, long width, long count, long n, real *panel) {
    for (long c = 0; c < width; c += VL)
        for (long k = 0; k < count; k += VL)
            turn_up_to(a + c * n + k, n, width - c, count - k, panel + k * PANEL + c, PANEL);
}

/* dW (K, width) = delta (K, N) aᵀ (N, width), at rows of dW that are j apart. */
static int turned_product(const real *delta, const real *a, real *dW, long units, long width, long j,
                          long n) {
    real *panel = scratch(K_BLOCK * PANEL * (long)sizeof(real));
    if (!panel) return NO_MEMORY;
    for (long j0 = 0; j0 < width; j0 += PANEL) {
        const long columns = least(PANEL, width - j0);
        for (long n0 = 0; n0 < n; n0 += K_BLOCK) {
            const long count = least(K_BLOCK, n - n0);
            turn_panel(a + j0 * n + n0, columns, count, n, panel);
            const Factors p = {
                .A = delta + n0, .a_step = n, .B = panel, .b_step = PANEL, .count = count, .first = n0 == 0};
            panel_product(BY_ROW, p, n, units, dW + j0, j, columns);
        }
    }
    release(panel);
    return 0;
}

static int part_of_dW(const Arg *arg, long part, long parts) {
    real *dW = arg[0].w, *db = arg[1].w;
    const real *delta = arg[2].r, *a = arg[3].r;
    const long units = arg[4].i, j = arg[5].i, n = arg[6].i;
    const long from = part_start(j, part, parts, VL), to = part_start(j, part + 1, parts, VL);
    const long first = part_start(units, part, parts, 1), end = part_start(units, part + 1, parts, 1);
    for (long k = first; db && k < end; k++)
        db[k] = n == 1 ? delta[k] + 0 : (real)sum_of(delta + k * n, n); /* as a sum is: not -0 */
    if (n > 1) return turned_product(delta, a + from * n, dW + from, units, to - from, j, n);
    outer_product(delta, a + from, dW + from, units, to - from, j);
    return 0;
}

/* dW (K, J) = delta (K, N) aᵀ (N, J): each a chain over the samples; db (K, 1) = Σ_n delta */
static int dense_dW(const Arg *arg) {
    return in_parts(part_of_dW, arg, parts_of(arg[4].i, arg[5].i, arg[6].i));
}
