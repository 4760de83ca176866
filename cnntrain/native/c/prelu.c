/* PReLU: layers/prelu.py. Arrays are (C, M), with one slope per row. */
#include "sums.h"

INLINE vec by_slope(vec z, vec x, vec slope) { return pick(z > (vec){}, x, slope * x); }

/* out = x where z > 0, else slope · x: the activation for x = z, δ for x = ∂C/∂a */
static int prelu(const Arg *arg) {
    const long channels = arg[4].i, m = arg[5].i;
    for (long c = 0; c < channels; c++) {
        real *out = arg[0].w + c * m;
        const real *x = arg[1].r + c * m, *z = arg[2].r + c * m;
        const vec slope = splat(arg[3].r[c]);
        long at = 0;
        for (; at + VL <= m; at += VL) store(out + at, by_slope(load(z + at), load(x + at), slope));
        const long left = m - at;
        if (left)
            store_part(out + at, by_slope(load_part(z + at, left), load_part(x + at, left), slope), left);
    }
    return 0;
}

/* da · z where z <= 0, or where it is no number */
INLINE dvec below(dvec da, dvec z) { return (dvec)((dmask)(da * z) & ~(z > (dvec){})); }

INLINE double sum_below(const real *da, const real *z, long n) {
    SUM_OF(n, da, z, below(dload(a + at), dload(b + at)))
}

/* out[c] = Σ_m da z where z <= 0 */
static int prelu_slope(const Arg *arg) {
    const long channels = arg[3].i, m = arg[4].i;
    for (long c = 0; c < channels; c++) arg[0].doubles[c] = sum_below(arg[1].r + c * m, arg[2].r + c * m, m);
    return 0;
}

/* out[0] = Σ x[k], one after the other */
static int sum_doubles(const Arg *arg) {
    double sum = 0;
    for (long k = 0; k < arg[2].i; k++) sum += arg[1].read_doubles[k];
    arg[0].doubles[0] = sum;
    return 0;
}
