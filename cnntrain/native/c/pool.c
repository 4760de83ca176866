/* Pooling: layers/pooling.py. Each window is taken row by row; the lanes are samples. */
#include "vec.h"

typedef struct {
    long length, size, stride, before, out;
} Window;

INLINE Window window_of(const Arg *arg) { return (Window){arg[0].i, arg[1].i, arg[2].i, arg[3].i, arg[5].i}; }

/* First and last + 1 tap of output o that lie on the map. */
INLINE long first_tap(const Window *w, long o) { return most(0, w->before - o * w->stride); }
INLINE long stop_tap(const Window *w, long o) {
    return least(w->size, w->length + w->before - o * w->stride);
}

INLINE void put_winner(uint8_t *bytes, int wide, long at, const real *winner, long n) {
    if (wide)
        for (long k = 0; k < n; k++) ((int32_t *)bytes)[at + k] = (int32_t)winner[k];
    else
        for (long k = 0; k < n; k++) bytes[at + k] = (uint8_t)winner[k];
}

INLINE vec winner_at(const uint8_t *bytes, int wide, long at, long n) {
    real winner[VECTOR_BYTES / sizeof(real)] = {0};
    if (wide)
        for (long k = 0; k < n; k++) winner[k] = (real)((const int32_t *)bytes)[at + k];
    else if (n == VL)
        for (long k = 0; k < VL; k++) winner[k] = (real)bytes[at + k];
    else
        for (long k = 0; k < n; k++) winner[k] = (real)bytes[at + k];
    return load(winner);
}

/* y = max of the window, winner its tap i · KW + j: of equals the first; NaN wins over every number */
static int max_pool2d_forward(const Arg *arg) {
    real *y = arg[0].w;
    uint8_t *winners = arg[1].bytes;
    const real *x = arg[2].r;
    const int wide = (int)arg[3].i;
    const long channels = arg[4].i, n = arg[5].i;
    const Window v = window_of(arg + 6), h = window_of(arg + 12);
    for (long c = 0; c < channels; c++)
        for (long oh = 0; oh < v.out; oh++)
            for (long ow = 0; ow < h.out; ow++) {
                const long i0 = first_tap(&v, oh), i1 = stop_tap(&v, oh), j0 = first_tap(&h, ow),
                           j1 = stop_tap(&h, ow);
                const long to = ((c * v.out + oh) * h.out + ow) * n;
                const real *from =
                    x + ((c * v.length + oh * v.stride - v.before) * h.length + ow * h.stride - h.before) * n;
                for (long k = 0; k < n; k += VL) {
                    const long some = least(VL, n - k);
                    vec best = splat(-(real)INFINITY), winner = {};
                    int is_first = 1;
                    for (long i = i0; i < i1; i++)
                        for (long j = j0; j < j1; j++) {
                            const real *at = from + (i * h.length + j) * n + k;
                            const vec rival = some == VL ? load(at) : load_part(at, some);
                            const mask wins = is_first ? ~(mask){} : rival > best;
                            winner = pick(wins, splat((real)(i * h.size + j)), winner);
                            best = pick(wins | (rival != rival), rival, best);
                            is_first = 0;
                        }
                    real place[VECTOR_BYTES / sizeof(real)];
                    store(place, winner);
                    if (some == VL) {
                        store(y + to + k, best);
                        put_winner(winners, wide, to + k, place, VL);
                    } else {
                        store_part(y + to + k, best, some);
                        put_winner(winners, wide, to + k, place, some);
                    }
                }
            }
    return 0;
}

/* dx = delta where a tap won, added up in the order of the outputs; ``covers``: every input is in one window
 */
static int max_pool2d_backward(const Arg *arg) {
    real *dx = arg[0].w;
    const uint8_t *winners = arg[1].read_bytes;
    const real *dy = arg[2].r;
    const int wide = (int)arg[3].i;
    const long channels = arg[4].i, n = arg[5].i;
    const Window v = window_of(arg + 6), h = window_of(arg + 12);
    const int covers = v.size == v.stride && h.size == h.stride && v.before == 0 && h.before == 0 &&
                       v.out * v.size == v.length && h.out * h.size == h.length;
    if (!covers) memset(dx, 0, (size_t)(channels * v.length * h.length * n) * sizeof(real));
    for (long c = 0; c < channels; c++)
        for (long oh = 0; oh < v.out; oh++)
            for (long ow = 0; ow < h.out; ow++) {
                const long i0 = first_tap(&v, oh), i1 = stop_tap(&v, oh), j0 = first_tap(&h, ow),
                           j1 = stop_tap(&h, ow);
                const long from = ((c * v.out + oh) * h.out + ow) * n;
                real *to =
                    dx +
                    ((c * v.length + oh * v.stride - v.before) * h.length + ow * h.stride - h.before) * n;
                for (long k = 0; k < n; k += VL) {
                    const long some = least(VL, n - k);
                    const vec d = some == VL ? load(dy + from + k) : load_part(dy + from + k, some);
                    const vec winner = winner_at(winners, wide, from + k, some);
                    for (long i = i0; i < i1; i++)
                        for (long j = j0; j < j1; j++) {
                            real *at = to + (i * h.length + j) * n + k;
                            vec share = pick(winner == splat((real)(i * h.size + j)), d, (vec){});
                            if (!covers) share += some == VL ? load(at) : load_part(at, some);
                            if (some == VL) store(at, share);
                            else
                                store_part(at, share, some);
                        }
                }
            }
    return 0;
}

#define TOGETHER 64 /* samples whose sums are taken side by side */

/* y = Σ of the window, in double precision, / counts (OH, OW) */
static int avg_pool2d_forward(const Arg *arg) {
    real *y = arg[0].w;
    const real *x = arg[1].r, *counts = arg[2].r;
    const long channels = arg[4].i, n = arg[5].i;
    const Window v = window_of(arg + 6), h = window_of(arg + 12);
    for (long c = 0; c < channels; c++)
        for (long oh = 0; oh < v.out; oh++)
            for (long ow = 0; ow < h.out; ow++) {
                const long i0 = first_tap(&v, oh), i1 = stop_tap(&v, oh), j0 = first_tap(&h, ow),
                           j1 = stop_tap(&h, ow);
                const real *from =
                    x + ((c * v.length + oh * v.stride - v.before) * h.length + ow * h.stride - h.before) * n;
                real *to = y + ((c * v.out + oh) * h.out + ow) * n;
                for (long k = 0; k < n; k += TOGETHER) {
                    const long some = least(TOGETHER, n - k);
                    double sum[TOGETHER] = {0};
                    for (long i = i0; i < i1; i++)
                        for (long j = j0; j < j1; j++) {
                            const real *at = from + (i * h.length + j) * n + k;
                            for (long s = 0; s < some; s++) sum[s] += (double)at[s];
                        }
                    const real count = counts[oh * h.out + ow];
                    for (long s = 0; s < some; s++) to[k + s] = (real)sum[s] / count;
                }
            }
    return 0;
}

/* dx = Σ over windows of delta / counts, in the order of the outputs */
static int avg_pool2d_backward(const Arg *arg) {
    real *dx = arg[0].w;
    const real *dy = arg[1].r, *counts = arg[2].r;
    const long channels = arg[4].i, n = arg[5].i;
    const Window v = window_of(arg + 6), h = window_of(arg + 12);
    memset(dx, 0, (size_t)(channels * v.length * h.length * n) * sizeof(real));
    for (long c = 0; c < channels; c++)
        for (long oh = 0; oh < v.out; oh++)
            for (long ow = 0; ow < h.out; ow++) {
                const long i0 = first_tap(&v, oh), i1 = stop_tap(&v, oh), j0 = first_tap(&h, ow),
                           j1 = stop_tap(&h, ow);
                const real *from = dy + ((c * v.out + oh) * h.out + ow) * n;
                real *to =
                    dx +
                    ((c * v.length + oh * v.stride - v.before) * h.length + ow * h.stride - h.before) * n;
                const vec count = splat(counts[oh * h.out + ow]);
                for (long k = 0; k < n; k += VL) {
                    const long some = least(VL, n - k);
                    const vec share = (some == VL ? load(from + k) : load_part(from + k, some)) / count;
                    for (long i = i0; i < i1; i++)
                        for (long j = j0; j < j1; j++) {
                            real *at = to + (i * h.length + j) * n + k;
                            if (some == VL) store(at, load(at) + share);
                            else
                                store_part(at, load_part(at, some) + share, some);
                        }
                }
            }
    return 0;
}
