/* Sums and copies of whole arrays: ops/sums.py, layers/joining.py. */
#include "vec.h"

/* out = a + b */
static int added(const Arg *arg) {
    for (long k = 0, n = arg[3].i; k < n; k += VL)
        store_up_to(arg[0].w + k, load_up_to(arg[1].r + k, n - k) + load_up_to(arg[2].r + k, n - k), n - k);
    return 0;
}

/* out = a · b */
static int multiplied_by(const Arg *arg) {
    for (long k = 0, n = arg[3].i; k < n; k += VL)
        store_up_to(arg[0].w + k, load_up_to(arg[1].r + k, n - k) * load_up_to(arg[2].r + k, n - k), n - k);
    return 0;
}

/* out = factor · x */
static int multiplied(const Arg *arg) {
    const vec factor = splat((real)arg[2].f);
    for (long k = 0, n = arg[3].i; k < n; k += VL)
        store_up_to(arg[0].w + k, load_up_to(arg[1].r + k, n - k) * factor, n - k);
    return 0;
}

/* out = x */
static int copied(const Arg *arg) {
    memcpy(arg[0].w, arg[1].r, (size_t)arg[2].i * sizeof(real));
    return 0;
}

/* out[r, k] = x[r] */
static int repeated(const Arg *arg) {
    for (long r = 0, count = arg[3].i; r < arg[2].i; r++)
        for (long k = 0; k < count; k++) arg[0].w[r * count + k] = arg[1].r[r];
    return 0;
}
