/* Local response normalisation: layers/normalization.py. */
#include "elementary.h"

INLINE vec to_power(vec s, vec exponent) { return exp_of(exponent * log_of(s)); }

/* out[o, l, i] = Σ x[o, l', i] over the ``size`` neighbours l' around l that exist, in their order */
static int neighbour_sums(const Arg *arg) {
    const long length = arg[3].i, inner = arg[4].i, reach = arg[5].i / 2;
    for (long o = 0; o < arg[2].i; o++)
        for (long l = 0; l < length; l++) {
            const real *x = arg[1].r + o * length * inner;
            real *out = arg[0].w + (o * length + l) * inner;
            const long first = most(0, l - reach), last = least(length - 1, l + reach);
            for (long at = 0; at < inner; at += VL) {
                vec sum = {};
                for (long k = first; k <= last; k++) sum += load_up_to(x + k * inner + at, inner - at);
                store_up_to(out + at, sum, inner - at);
            }
        }
    return 0;
}

/* s = k + share · sums, y = x s^-β; arguments y, s, x, sums, n, share, k, β */
static int lrn_forward(const Arg *arg) {
    const long n = arg[4].i;
    const vec share = splat((real)arg[5].f), k = splat((real)arg[6].f), power = splat(-(real)arg[7].f);
    for (long at = 0; at < n; at += VL) {
        const vec s = k + share * load_up_to(arg[3].r + at, n - at);
        store_up_to(arg[1].w + at, s, n - at);
        store_up_to(arg[0].w + at, load_up_to(arg[2].r + at, n - at) * to_power(s, power), n - at);
    }
    return 0;
}

/* dy x s^-β / s */
static int lrn_pull(const Arg *arg) {
    const long n = arg[4].i;
    const vec power = splat(-(real)arg[5].f);
    for (long at = 0; at < n; at += VL) {
        const long left = n - at;
        const vec s = load_up_to(arg[3].r + at, left), x = load_up_to(arg[2].r + at, left),
                  dy = load_up_to(arg[1].r + at, left);
        store_up_to(arg[0].w + at, dy * x * to_power(s, power) / s, left);
    }
    return 0;
}

/* dx = dy s^-β - factor · x · pull; arguments dx, dy, x, s, pull, n, factor, β */
static int lrn_dx(const Arg *arg) {
    const long n = arg[5].i;
    const vec factor = splat((real)arg[6].f), power = splat(-(real)arg[7].f);
    for (long at = 0; at < n; at += VL) {
        const long left = n - at;
        const vec s = load_up_to(arg[3].r + at, left), x = load_up_to(arg[2].r + at, left);
        const vec dx = load_up_to(arg[1].r + at, left) * to_power(s, power) -
                       factor * x * load_up_to(arg[4].r + at, left);
        store_up_to(arg[0].w + at, dx, left);
    }
    return 0;
}
