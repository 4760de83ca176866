/* What stands between gradients and their use: penalties, clipping, and whether all is finite
   (network/objective.py, training/update.py). Every number is worked out as in NumPy; norms are sums of
   squares in double precision, in the order of sums.h. */
#include "sums.h"

/* Whether all lanes of a sum of numbers x - x are 0: x - x is NaN unless x is finite. */
INLINE int all_zero(vec doubt) {
    const mask is_zero = doubt == (vec){};
    for (long i = 0; i < VL; i++)
        if (!is_zero[i]) return 0;
    return 1;
}

/* g += l2 W, then g += l1 sign(W), unless a factor is 0; whether all g are finite then. */
INLINE int penalize(real *g, const real *W, const double *factor, long n) {
    const vec l2 = splat((real)factor[0]), l1 = splat((real)factor[1]);
    const int squares = factor[0] != 0, moduli = factor[1] != 0;
    vec doubt = {};
    for (long at = 0; at < n; at += VL) {
        const long left = n - at;
        vec sum = load_up_to(g + at, left);
        if (squares) sum += l2 * load_up_to(W + at, left);
        if (moduli) sum += l1 * np_sign(load_up_to(W + at, left));
        if (squares || moduli) store_up_to(g + at, sum, left);
        doubt += load_up_to(g + at, left) - load_up_to(g + at, left);
    }
    return all_zero(doubt);
}

/* (gradients, weights, (l2, l1) of each array, whether each is finite) */
static int add_penalties(const Arg *arg) {
    const Arrays *g = arg[0].arrays, *W = arg[1].arrays;
    for (long a = 0; a < g->count; a++)
        arg[3].doubles[a] = penalize(g->data[a], W->data[a], arg[2].read_doubles + 2 * a, g->sizes[a]);
    return 0;
}

INLINE void scale_by(real *x, real factor, long n) {
    for (long at = 0; at < n; at += VL)
        store_up_to(x + at, load_up_to(x + at, n - at) * splat(factor), n - at);
}

/* Every number between -value and value, unless that is 0; then, unless ``norm`` is 0, all of them scaled
   down to this norm. NaN stays NaN. */
static int clip_arrays(const Arg *arg) {
    const Arrays *g = arg[0].arrays;
    const vec above = splat((real)arg[1].f), below = splat(-(real)arg[1].f);
    double total = 0;
    for (long a = 0; a < g->count; a++) {
        real *x = g->data[a];
        const long n = g->sizes[a];
        for (long at = 0; at < n && arg[1].f != 0; at += VL) {
            const vec v = load_up_to(x + at, n - at);
            store_up_to(x + at, pick(v > above, above, pick(v < below, below, v)), n - at);
        }
        if (arg[2].f != 0) total += dot_of(x, x, n);
    }
    const double norm = sqrt(total);
    for (long a = 0; a < g->count && arg[2].f != 0 && norm > arg[2].f; a++)
        scale_by(g->data[a], (real)(arg[2].f / norm), g->sizes[a]);
    return 0;
}

/* W (outer, units, inner): every unit scaled down to this norm, if it exceeds it; ``tiny`` is above 0 */
static int limit_norms(const Arg *arg) {
    const double most = arg[1].f, tiny = arg[2].f;
    const long outer = arg[3].i, units = arg[4].i, inner = arg[5].i, step = units * inner;
    for (long u = 0; u < units; u++) {
        real *W = arg[0].w + u * inner;
        double total = 0;
        for (long o = 0; o < outer; o++) total += dot_of(W + o * step, W + o * step, inner);
        const double norm = sqrt(total);
        if (norm <= most) continue;
        for (long o = 0; o < outer; o++)
            scale_by(W + o * step, (real)(most / (norm <= tiny ? tiny : norm)), inner);
    }
    return 0;
}
