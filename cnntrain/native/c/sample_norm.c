/* Normalisation within a sample (layers/normalization.py): x (G, M, N) along M, with γ and β of every row.

   Sums take the order of ``exact_sums``: row k goes to lane k mod 16 of a block, each addition in double
   precision; the lanes are added by a fixed tree, the blocks one after the other. So they do not depend on N.
 */
#include "sums.h"

typedef struct {
    const real *x, *x_hat, *near, *rest, *gamma;
} Terms;

/* A summand: ``at`` is its place in x, ``column`` its (g, n) and ``row`` its (g, m). */
typedef double (*Term)(const Terms *t, long at, long column, long row);

INLINE double square_around(const Terms *t, long at, long column, long row) {
    const double around = (double)((t->x[at] - t->near[column]) - t->rest[column]);
    return (void)row, around * around;
}
INLINE double d_hat(const Terms *t, long at, long column, long row) {
    return (void)column, (double)(t->x[at] * t->gamma[row]);
}
INLINE double d_hat_x_hat(const Terms *t, long at, long column, long row) {
    return (void)column, (double)(t->x[at] * t->gamma[row]) * (double)t->x_hat[at];
}

/* lane[i][j] += the term of row k + i and sample n0 + j, over rows m0 .. m1 of group g */
INLINE void add_terms(const Terms *t, Term term, long g, long m, long m0, long m1, long n, long n0, long some,
                      double lane[LANES][COLUMNS]) {
    if (n == 1) {
        double sum[LANES] = {0};
        long k = m0;
        for (; k + LANES <= m1; k += LANES)
            for (int i = 0; i < LANES; i++) sum[i] += term(t, g * m + k + i, g, g * m + k + i);
        for (int i = 0; k < m1; k++, i++) sum[i] += term(t, g * m + k, g, g * m + k);
        for (int i = 0; i < LANES; i++) lane[i][0] = sum[i];
        return;
    }
    for (long k = m0; k < m1; k++) {
        const long row = g * m + k, at = row * n + n0, column = g * n + n0;
        double *to = lane[(k - m0) % LANES];
        if (some == COLUMNS)
            for (int j = 0; j < COLUMNS; j++) to[j] += term(t, at + j, column + j, row);
        else
            for (long j = 0; j < some; j++) to[j] += term(t, at + j, column + j, row);
    }
}

/* out (G, N) = Σ over M of the term */
INLINE void column_sums(const Terms *t, Term term, double *out, long groups, long m, long n) {
    for (long g = 0; g < groups; g++)
        for (long n0 = 0; n0 < n; n0 += COLUMNS) {
            const long some = least(COLUMNS, n - n0);
            double total[COLUMNS] = {0}, lost[COLUMNS] = {0};
            for (long m0 = 0; m0 < m; m0 += BLOCK) {
                double lane[LANES][COLUMNS] = {{0}};
                add_terms(t, term, g, m, m0, least(m, m0 + BLOCK), n, n0, some, lane);
                for (int half = LANES / 2; half; half /= 2)
                    for (int i = 0; i < half; i++)
                        for (long j = 0; j < some; j++) lane[i][j] += lane[i + half][j];
                for (long j = 0; j < some; j++) total[j] = add_careful(total[j], lane[0][j], &lost[j]);
            }
            for (long j = 0; j < some; j++) {
                const double all = total[j];
                out[g * n + n0 + j] = all - all == 0 ? all + lost[j] : all;
            }
        }
}

/* out (G, N) = Σ ((x - near) - rest)², the difference rounded once */
static int sample_squares(const Arg *arg) {
    const Terms t = {.x = arg[1].r, .near = arg[2].r, .rest = arg[3].r};
    column_sums(&t, square_around, arg[0].doubles, arg[4].i, arg[5].i, arg[6].i);
    return 0;
}

/* (Σ d̂, Σ d̂ x̂), each (G, N), of d̂ = δ γ */
static int sample_norm_sums(const Arg *arg) {
    const Terms t = {.x = arg[2].r, .x_hat = arg[3].r, .gamma = arg[4].r};
    column_sums(&t, d_hat, arg[0].doubles, arg[5].i, arg[6].i, arg[7].i);
    column_sums(&t, d_hat_x_hat, arg[1].doubles, arg[5].i, arg[6].i, arg[7].i);
    return 0;
}

/* Numbers of a run of a map: one for each of its lanes, or the same for all. */
INLINE vec of_lanes(const real *p, const int each, long at, long n) {
    return each ? load_up_to(p + at, n - at) : splat(*p);
}

/* What belongs to columns is the same for a run along M, what belongs to rows is the same for one along N. */
INLINE void forward_run(const int along_m, real *y, real *x_hat, const real *x, const real *column[3],
                        const real *gamma, const real *beta, long n) {
    for (long at = 0; at < n; at += VL) {
        const vec near = of_lanes(column[0], !along_m, at, n), rest = of_lanes(column[1], !along_m, at, n);
        const vec inverse = of_lanes(column[2], !along_m, at, n);
        const vec h = ((load_up_to(x + at, n - at) - near) - rest) * inverse;
        store_up_to(x_hat + at, h, n - at);
        store_up_to(y + at, of_lanes(gamma, along_m, at, n) * h + of_lanes(beta, along_m, at, n), n - at);
    }
}

/* x̂ = ((x - near) - rest) · inverse; y = γ x̂ + β */
static int sample_norm_forward(const Arg *arg) {
    const real *gamma = arg[6].r, *beta = arg[7].r;
    const long groups = arg[8].i, m = arg[9].i, n = arg[10].i;
    for (long g = 0; g < groups; g++) {
        const real *column[3] = {arg[3].r + g * n, arg[4].r + g * n, arg[5].r + g * n};
        for (long k = 0; k < (n == 1 ? 1 : m); k++) {
            const long row = g * m + k, at = row * n;
            real *y = arg[0].w + at, *x_hat = arg[1].w + at;
            if (n == 1) forward_run(1, y, x_hat, arg[2].r + at, column, gamma + row, beta + row, m);
            else
                forward_run(0, y, x_hat, arg[2].r + at, column, gamma + row, beta + row, n);
        }
    }
    return 0;
}

INLINE void backward_run(const int along_m, real *dx, const real *dy, const real *x_hat,
                         const real *column[4], const real *gamma, long n) {
    for (long at = 0; at < n; at += VL) {
        const vec near = of_lanes(column[0], !along_m, at, n), rest = of_lanes(column[1], !along_m, at, n);
        const vec along = of_lanes(column[2], !along_m, at, n),
                  inverse = of_lanes(column[3], !along_m, at, n);
        const vec d = load_up_to(dy + at, n - at) * of_lanes(gamma, along_m, at, n);
        const vec h = load_up_to(x_hat + at, n - at);
        store_up_to(dx + at, inverse * (((d - near) - rest) - h * along), n - at);
    }
}

/* dx = inverse (((δ γ - near) - rest) - x̂ along) */
static int sample_norm_dx(const Arg *arg) {
    const real *gamma = arg[3].r;
    const long groups = arg[8].i, m = arg[9].i, n = arg[10].i;
    for (long g = 0; g < groups; g++) {
        const real *column[4];
        for (int i = 0; i < 4; i++) column[i] = arg[4 + i].r + g * n;
        for (long k = 0; k < (n == 1 ? 1 : m); k++) {
            const long row = g * m + k, at = row * n;
            if (n == 1) backward_run(1, arg[0].w + at, arg[1].r + at, arg[2].r + at, column, gamma + row, m);
            else
                backward_run(0, arg[0].w + at, arg[1].r + at, arg[2].r + at, column, gamma + row, n);
        }
    }
    return 0;
}
