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

/* mean = total / m as a number of the kernel's type, and what that rounds off */
static int mean_in_two(const Arg *arg) {
    for (long k = 0; k < arg[3].i; k++) {
        const double mean = arg[2].read_doubles[k] / arg[4].f;
        arg[0].w[k] = (real)mean;
        arg[1].w[k] = (real)(mean - (double)arg[0].w[k]);
    }
    return 0;
}

/* out = total / m */
static int divided(const Arg *arg) {
    for (long k = 0; k < arg[2].i; k++) arg[0].w[k] = (real)(arg[1].read_doubles[k] / arg[3].f);
    return 0;
}

/* variance = squares / m, inverse = 1 / √(variance + ε) */
static int deviations(const Arg *arg) {
    for (long k = 0; k < arg[3].i; k++) {
        arg[0].w[k] = (real)(arg[2].read_doubles[k] / arg[4].f);
        arg[1].w[k] = 1 / root(splat(arg[0].w[k] + (real)arg[5].f))[0];
    }
    return 0;
}

/* out = 1 / √(squares / m + ε), worked out in double precision */
static int inverse_deviations(const Arg *arg) {
    for (long k = 0; k < arg[2].i; k++)
        arg[0].w[k] = (real)(1 / sqrt(arg[1].read_doubles[k] / arg[3].f + arg[4].f));
    return 0;
}

/* out = keep · average + (1 - keep) · (factor · found) */
static int running_average(const Arg *arg) {
    const real keep = (real)arg[4].f, rest = (real)(1 - arg[4].f), factor = (real)arg[5].f;
    for (long k = 0; k < arg[3].i; k++) arg[0].w[k] = keep * arg[1].r[k] + rest * (arg[2].r[k] * factor);
    return 0;
}

/* What turns x of a channel into x̂ = ((x - near) - rest) · inverse. */
typedef struct {
    real near, rest, inverse;
} Standard;

INLINE vec around(vec x, Standard s) { return (x - splat(s.near)) - splat(s.rest); }
INLINE vec hat_of(vec x, Standard s) { return around(x, s) * splat(s.inverse); }

/* d · [γ x̂ + β > 0]: what comes back through a ReLU behind the normalisation, or d without one. */
typedef struct {
    Standard s;
    real gamma, beta;
    int has_relu;
} Output;

INLINE vec returned(vec d, vec x_hat, const int has_relu, Output o) {
    return has_relu ? d * when(splat(o.gamma) * x_hat + splat(o.beta) > (vec){}) : d;
}

/* A map that there need not be, from there on. */
INLINE const real *beside(const real *map, long at) { return map ? map + at : NULL; }

INLINE double squares(const real *x, long n, Standard s) {
    double sum[1];
    SHORT_SUMS_OF(0, 1, n, x, x, factor[0] = value[0] = around(a, s), sum)
    return sum[0];
}

/* (dy + more) [a > 0], kept in ``delta`` if there is such a place. */
typedef struct {
    const real *dy, *more, *a;
    real *delta;
} Coming;

INLINE vec coming_at(const Coming *p, vec dy, long at, long left) {
    if (p->more) dy += load_up_to(p->more + at, left);
    if (p->a) dy *= when(load_up_to(p->a + at, left) > (vec){});
    if (p->delta) store_up_to(p->delta + at, dy, left);
    return dy;
}

/* Σ d, without rounding, so that what is left of equal numbers without their mean is 0, and Σ d x̂ */
INLINE void returned_sums(Coming coming, const real *x, long n, const int has_relu, Output o, double *out) {
    SHORT_SUMS_OF(1, 2, n, coming.dy, x, factor[1] = hat_of(b, o.s);
                  value[0] = value[1] = returned(coming_at(&coming, a, p, stop - p), factor[1], has_relu, o),
                  out)
}

/* out = Σ (x - mean)², the difference rounded once, per channel (C, M) */
static int squares_around(const Arg *arg) {
    const long m = arg[5].i;
    for (long c = 0; c < arg[4].i; c++)
        arg[0].doubles[c] = squares(arg[1].r + c * m, m, (Standard){arg[2].r[c], arg[3].r[c], 1});
    return 0;
}

INLINE void normalize(real *y, const real *x, const real *other, long m, const int has_relu, Output o) {
    for (long at = 0; at < m; at += VL) {
        vec sum = splat(o.gamma) * hat_of(load_up_to(x + at, m - at), o.s) + splat(o.beta);
        if (other) sum += load_up_to(other + at, m - at);
        store_up_to(y + at, has_relu ? positive(sum) : sum, m - at);
    }
}

/* y = γ x̂ + β, per channel (C, M); if there is another map, y + other; and the positive part of it */
static int batch_norm_forward(const Arg *arg) {
    const long m = arg[8].i;
    for (long c = 0; c < arg[7].i; c++) {
        const Output o = {{arg[2].r[c], arg[3].r[c], arg[4].r[c]}, arg[5].r[c], arg[6].r[c], (int)arg[9].i};
        const real *other = beside(arg[10].r, c * m), *x = arg[1].r + c * m;
        real *y = arg[0].w + c * m;
        if (other && o.has_relu) normalize(y, x, other, m, 1, o);
        else if (other)
            normalize(y, x, other, m, 0, o);
        else if (o.has_relu)
            normalize(y, x, NULL, m, 1, o);
        else
            normalize(y, x, NULL, m, 0, o);
    }
    return 0;
}

/* Σ d and Σ d x̂, per channel (C, M), where d is δ, or what comes of it through a ReLU; and δ, if it is not
   dy alone */
static int batch_norm_sums(const Arg *arg) {
    const long m = arg[10].i;
    for (long c = 0; c < arg[9].i; c++) {
        const real *x = arg[3].r + c * m;
        const Coming p = {arg[2].r + c * m, beside(arg[13].r, c * m), beside(arg[14].r, c * m),
                          arg[12].w ? arg[12].w + c * m : NULL};
        const Output o = {{arg[4].r[c], arg[5].r[c], arg[6].r[c]}, arg[7].r[c], arg[8].r[c], (int)arg[11].i};
        double sums[2];
        if (o.has_relu) returned_sums(p, x, m, 1, o, sums);
        else
            returned_sums(p, x, m, 0, o, sums);
        arg[0].doubles[c] = sums[0], arg[1].doubles[c] = sums[1];
    }
    return 0;
}

INLINE void unnormalize(real *dx, const real *dy, const real *x, long m, const int has_relu, Output o,
                        real mean, real along) {
    const vec scale = splat(o.gamma * o.s.inverse);
    for (long at = 0; at < m; at += VL) {
        const vec x_hat = hat_of(load_up_to(x + at, m - at), o.s);
        const vec d = returned(load_up_to(dy + at, m - at), x_hat, has_relu, o);
        store_up_to(dx + at, ((x_hat * splat(-along) + d) - splat(mean)) * scale, m - at);
    }
}

/* dx = ((x̂ · -along + d) - mean) · (γ inverse), per channel (C, M) */
static int batch_norm_dx(const Arg *arg) {
    const long m = arg[11].i;
    for (long c = 0; c < arg[10].i; c++) {
        real *dx = arg[0].w + c * m;
        const real *dy = arg[1].r + c * m, *x = arg[2].r + c * m, mean = arg[8].r[c], along = arg[9].r[c];
        const Output o = {{arg[3].r[c], arg[4].r[c], arg[5].r[c]}, arg[6].r[c], arg[7].r[c], (int)arg[12].i};
        if (o.has_relu) unnormalize(dx, dy, x, m, 1, o, mean, along);
        else
            unnormalize(dx, dy, x, m, 0, o, mean, along);
    }
    return 0;
}
