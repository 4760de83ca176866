/* Average pooling: layers/pooling.py. */
#include "pool.h"
#include "sums.h"

#define DVECS (VL / DVL) /* vectors of doubles for a vector of numbers */

/* x added to the sums of its lanes; of the lanes, ``some`` are there. */
INLINE void add_wide(dvec *sum, const real *x, long some) {
    real few[VECTOR_BYTES / sizeof(real)];
    if (some < VL) {
        store(few, load_part(x, some));
        x = few;
    }
    EACH (d, DVECS) sum[d] += dload(x + d * DVL);
}

INLINE vec narrowed(const dvec *sum) {
    double lane[VECTOR_BYTES / sizeof(real)];
    real y[VECTOR_BYTES / sizeof(real)];
    memcpy(lane, sum, sizeof lane);
    for (long k = 0; k < VL; k++) y[k] = (real)lane[k];
    return load(y);
}

/* y of one window for ``vecs`` vectors of samples from k on */
INLINE void average_of_window(const int vecs, const Arg *arg, const Place *p, const Window *h, long n, long k,
                              vec count) {
    dvec sum[ABREAST][DVECS] = {};
    EACH_TAP (*p) {
        const real *at = arg[1].r + p->in + (i * h->length + j) * n + k;
        EACH (q, vecs) add_wide(sum[q], at + q * VL, samples_in(q, vecs, n - k));
    }
    EACH (q, vecs)
        store_up_to(arg[0].w + p->out + k + q * VL, narrowed(sum[q]) / count, samples_in(q, vecs, n - k));
}

/* y = Σ of the window, in double precision, / counts (OH, OW) */
static int avg_pool2d_forward(const Arg *arg) {
    const long channels = arg[3].i, n = arg[4].i;
    const Window v = window_of(arg + 5), h = window_of(arg + 11);
    EACH_WINDOW (channels, v, h) {
        const Place p = place_of(&v, &h, c, oh, ow, n);
        const real count = arg[2].r[oh * h.out + ow];
        if (n == 1) {
            double sum = 0;
            EACH_TAP (p) sum += (double)arg[1].r[p.in + i * h.length + j];
            arg[0].w[p.out] = (real)sum / count;
            continue;
        }
#define AVERAGE_OF_WINDOW(vecs) average_of_window(vecs, arg, &p, &h, n, k, splat(count))
        EACH_FEW_VECTORS(n, AVERAGE_OF_WINDOW)
    }
    return 0;
}

/* dx = Σ over windows of delta / counts, in the order of the outputs */
static int avg_pool2d_backward(const Arg *arg) {
    real *dx = arg[0].w;
    const long channels = arg[3].i, n = arg[4].i;
    const Window v = window_of(arg + 5), h = window_of(arg + 11);
    EACH_WINDOW (channels, v, h) {
        if (ow == 0) clear_rows(dx, &v, &h, c, oh, n);
        const Place p = place_of(&v, &h, c, oh, ow, n);
        if (n == 1) {
            const real share = arg[1].r[p.out] / arg[2].r[oh * h.out + ow];
            EACH_TAP (p) dx[p.in + i * h.length + j] += share;
            continue;
        }
        for (long k = 0; k < n; k += VL) {
            const long some = least(VL, n - k);
            const vec share = load_up_to(arg[1].r + p.out + k, some) / splat(arg[2].r[oh * h.out + ow]);
            EACH_TAP (p) {
                real *at = dx + p.in + (i * h.length + j) * n + k;
                store_up_to(at, load_up_to(at, some) + share, some);
            }
        }
    }
    return 0;
}

/* dx (C, P, N) = delta (C, N) / P at every place */
static int global_avg_dx(const Arg *arg) {
    const long channels = arg[2].i, places = arg[3].i, n = arg[4].i;
    for (long c = 0; c < channels; c++)
        for (long p = 0; p < places; p++)
            for (long k = 0; k < n; k += VL)
                store_up_to(arg[0].w + (c * places + p) * n + k,
                            load_up_to(arg[1].r + c * n + k, n - k) / splat((real)places), n - k);
    return 0;
}
