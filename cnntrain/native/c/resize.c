/* Upsampling: layers/upsample2d.py. */
#include "vec.h"

/* out (N) = Σ_i weights[i] x[i] over rows of x (I, N), from the first to the last that has a weight */
static void weighted_rows(real *out, const real *weights, const real *x, long rows, long n) {
    long first = 0;
    while (rows && weights[rows - 1] == 0) rows--;
    while (first < rows && weights[first] == 0) first++;
    for (long at = 0; at < n; at += VL) {
        const long left = least(VL, n - at);
        vec sum = {};
        for (long i = first; i < rows; i++) {
            const real *p = x + i * n + at;
            sum = fused(splat(weights[i]), load_up_to(p, left), sum);
        }
        store_up_to(out + at, sum, left);
    }
}

/* out (G, O, N) = matrix (O, I) x (G, I, N), for matrices that are mostly zeros */
static int resize_rows(const Arg *arg) {
    const real *matrix = arg[1].r, *x = arg[2].r;
    const long groups = arg[3].i, rows = arg[4].i, inputs = arg[5].i, n = arg[6].i;
    for (long g = 0; g < groups; g++)
        for (long o = 0; o < rows; o++)
            weighted_rows(arg[0].w + (g * rows + o) * n, matrix + o * inputs, x + g * inputs * n, inputs, n);
    return 0;
}
