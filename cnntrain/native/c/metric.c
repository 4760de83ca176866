/* Sums of metrics: metrics/sums.py. */
#include "sums.h"

/* The number of the largest of k outputs for each of n samples: the first of equals, and the first NaN. */
static int predicted(const Arg *arg) {
    int64_t *winner = arg[0].longs;
    const real *z = arg[1].r;
    const long k = arg[2].i, n = arg[3].i;
    for (long at = 0; at < n; at += VL) {
        const long left = least(VL, n - at);
        vec most = load_up_to(z + at, left);
        mask best = {};
        for (long c = 1; c < k; c++) {
            const vec x = load_up_to(z + c * n + at, left);
            const mask wins = (x > most) | ((x != x) & (most == most));
            most = pick(wins, x, most);
            best = (best & ~wins) | (wins & ((mask){} + (bits)c));
        }
        for (long i = 0; i < left; i++) winner[at + i] = best[i];
    }
    return 0;
}

INLINE dvec without_sign(dvec x) { return (dvec)((dmask)x & INT64_MAX); }

INLINE double absolute_of(const real *z, const real *y,
                          long n){SUM_OF(n, z, y, without_sign(dload(a + at) - dload(b + at)))}

INLINE double squares_of(const real *z, const real *y, long n) {
    SUM_OF(n, z, y, (dload(a + at) - dload(b + at)) * (dload(a + at) - dload(b + at)))
}

/* Σ |z - y| and Σ (z - y)² */
static int error_sums(const Arg *arg) {
    arg[0].doubles[0] = absolute_of(arg[1].r, arg[2].r, arg[3].i);
    arg[0].doubles[1] = squares_of(arg[1].r, arg[2].r, arg[3].i);
    return 0;
}
