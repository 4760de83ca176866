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

/* Σ |z - y| and Σ (z - y)² */
static int error_sums(const Arg *arg) {
    const real *z = arg[1].r, *y = arg[2].r;
    SUMS_OF(2, arg[3].i, z, y, value[1] = dload(a + at) - dload(b + at); value[0] = without_sign(value[1]);
            value[1] *= value[1], arg[0].doubles)
    return 0;
}
