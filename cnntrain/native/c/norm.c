/* Sums that keep their digits (ops/sums.py) and the passes of normalisation (layers/batch_norm.py). */
#include "sums.h"

/* out[r] = Σ_p x[r, p], in double precision from block to block */
static int row_sums(const Arg *arg) {
    const long m = arg[3].i;
    if (m == 1) /* added to the 0 with which every sum begins */
        for (long r = 0; r < arg[2].i; r++) arg[0].doubles[r] = 0 + (double)arg[1].r[r];
    else
        for (long r = 0; r < arg[2].i; r++) arg[0].doubles[r] = sum_of(arg[1].r + r * m, m);
    return 0;
}

/* out[r] = Σ_p a[r, p] b[r, p] */
static int row_dots(const Arg *arg) {
    const long m = arg[4].i;
    if (m == 1)
        for (long r = 0; r < arg[3].i; r++) arg[0].doubles[r] = 0 + (double)arg[1].r[r] * (double)arg[2].r[r];
    else
        for (long r = 0; r < arg[3].i; r++) arg[0].doubles[r] = dot_of(arg[1].r + r * m, arg[2].r + r * m, m);
    return 0;
}

#define COLUMNS 32 /* of a group that are added up together */

/* lane[i][j] += x[k + i, j] over m rows of n numbers, of which the first ``some`` count: row k in lane k mod
 * 16 */
INLINE void add_rows(const real *x, long m, long n, long some, double lane[LANES][COLUMNS]) {
    long k = 0;
    if (n == 1) {
        for (; k + LANES <= m; k += LANES)
            for (int i = 0; i < LANES; i++) lane[i][0] += (double)x[k + i];
    } else if (some == COLUMNS) {
        for (; k < m; k++)
            for (int j = 0; j < COLUMNS; j++) lane[k % LANES][j] += (double)x[k * n + j];
    }
    for (; k < m; k++)
        for (long j = 0; j < some; j++) lane[k % LANES][j] += (double)x[k * n + j];
}

/* out[g, n] = Σ_m x[g, m, n], every addition in double precision, in the same order whatever N is */
static int exact_sums(const Arg *arg) {
    const long groups = arg[2].i, m = arg[3].i, n = arg[4].i;
    for (long g = 0; g < groups; g++)
        for (long n0 = 0; n0 < n; n0 += COLUMNS) {
            const long some = least(COLUMNS, n - n0);
            double *out = arg[0].doubles + g * n + n0, lost[COLUMNS] = {0};
            memset(out, 0, (size_t)some * sizeof(double));
            for (long m0 = 0; m0 < m; m0 += BLOCK) {
                double lane[LANES][COLUMNS] = {{0}};
                add_rows(arg[1].r + (g * m + m0) * n + n0, least(BLOCK, m - m0), n, some, lane);
                for (int half = LANES / 2; half; half /= 2)
                    for (int i = 0; i < half; i++)
                        for (long j = 0; j < some; j++) lane[i][j] += lane[i + half][j];
                for (long j = 0; j < some; j++) out[j] = add_careful(out[j], lane[0][j], &lost[j]);
            }
            for (long j = 0; j < some; j++) out[j] += out[j] - out[j] == 0 ? lost[j] : 0;
        }
    return 0;
}

/* A loop over numbers 0 .. n - 1 in vectors: STEP for a whole one at ``at``, PART for the last ``left``. */
#define EACH_VECTOR(n, STEP, PART)                                                                           \
    {                                                                                                        \
        long at = 0;                                                                                         \
        for (; at + VL <= (n); at += VL) STEP;                                                               \
        const long left = (n) - at;                                                                          \
        if (left > 0) PART;                                                                                  \
    }

/* out[g, m, n] = (x[g, m, n] - near[g, n]) - rest[g, n] */
static int centered(const Arg *arg) {
    real *out = arg[0].w;
    const real *x = arg[1].r, *near = arg[2].r, *rest = arg[3].r;
    const long groups = arg[4].i, m = arg[5].i, n = arg[6].i;
    for (long g = 0; g < groups; g++) {
        if (n == 1) {
            const vec a = splat(near[g]), b = splat(rest[g]);
            real *to = out + g * m;
            const real *from = x + g * m;
            EACH_VECTOR(m, store(to + at, (load(from + at) - a) - b),
                        store_part(to + at, (load_part(from + at, left) - a) - b, left))
            continue;
        }
        for (long k = 0; k < m; k++) {
            real *to = out + (g * m + k) * n;
            const real *from = x + (g * m + k) * n, *a = near + g * n, *b = rest + g * n;
            EACH_VECTOR(
                n, store(to + at, (load(from + at) - load(a + at)) - load(b + at)),
                store_part(to + at,
                           (load_part(from + at, left) - load_part(a + at, left)) - load_part(b + at, left),
                           left))
        }
    }
    return 0;
}

/* x_hat = around · inverse; y = gamma · x_hat + beta, per channel (C, M) */
static int batch_norm_forward(const Arg *arg) {
    const long m = arg[7].i;
    for (long c = 0; c < arg[6].i; c++) {
        real *y = arg[0].w + c * m, *x_hat = arg[1].w + c * m;
        const real *around = arg[2].r + c * m;
        const vec inverse = splat(arg[3].r[c]), gamma = splat(arg[4].r[c]), beta = splat(arg[5].r[c]);
        EACH_VECTOR(
            m,
            {
                const vec h = load(around + at) * inverse;
                store(x_hat + at, h);
                store(y + at, gamma * h + beta);
            },
            {
                const vec h = load_part(around + at, left) * inverse;
                store_part(x_hat + at, h, left);
                store_part(y + at, gamma * h + beta, left);
            })
    }
    return 0;
}

/* dx = ((x_hat · -along + dy) - mean) · scale, per channel (C, M) */
static int batch_norm_dx(const Arg *arg) {
    const long m = arg[7].i;
    for (long c = 0; c < arg[6].i; c++) {
        real *dx = arg[0].w + c * m;
        const real *dy = arg[1].r + c * m, *x_hat = arg[2].r + c * m;
        const vec scale = splat(arg[3].r[c]), mean = splat(arg[4].r[c]), along = splat(-arg[5].r[c]);
        EACH_VECTOR(
            m, store(dx + at, ((load(x_hat + at) * along + load(dy + at)) - mean) * scale),
            store_part(dx + at,
                       ((load_part(x_hat + at, left) * along + load_part(dy + at, left)) - mean) * scale,
                       left))
    }
    return 0;
}
