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

INLINE void put_winner(uint8_t *bytes, int wide, long at, mask winner, long n) {
    bits tap[VECTOR_BYTES / sizeof(real)];
    memcpy(tap, &winner, sizeof tap);
    if (wide)
        for (long k = 0; k < n; k++) ((int32_t *)bytes)[at + k] = (int32_t)tap[k];
    else
        for (long k = 0; k < n; k++) bytes[at + k] = (uint8_t)tap[k];
}

INLINE long one_winner(const uint8_t *bytes, int wide, long at) {
    return wide ? ((const int32_t *)bytes)[at] : bytes[at];
}

INLINE vec winner_at(const uint8_t *bytes, int wide, long at, long n) {
    if (!wide && n == VL) return load_bytes(bytes + at);
    real winner[VECTOR_BYTES / sizeof(real)] = {0};
    for (long k = 0; k < n; k++) winner[k] = (real)one_winner(bytes, wide, at + k);
    return load(winner);
}

/* Of one sample, whose lanes are columns: windows of 2x2, side by side, that cover the map. */
INLINE int is_halved(const Window *w) {
    return w->size == 2 && w->stride == 2 && w->before == 0 && 2 * w->out == w->length;
}

/* Every second number of two vectors, beginning with the first or the second. */
INLINE vec every_second(vec a, vec b, const int first) {
    mask places;
    for (int i = 0; i < VL; i++) places[i] = 2 * i + first;
    return (vec)__builtin_shuffle(a, b, places);
}

/* y and winners of ``out`` windows below each other's rows ``top`` and ``bottom`` */
INLINE void max_of_pairs(real *y, uint8_t *winners, const real *top, const real *bottom, long out) {
    for (long at = 0; at < out; at += VL) {
        const long left = 2 * (out - at);
        vec best = {};
        mask winner = {};
        for (int tap = 0; tap < 4; tap++) {
            const real *row = (tap < 2 ? top : bottom) + 2 * at;
            const vec a = load_up_to(row, left), b = left > VL ? load_up_to(row + VL, left - VL) : (vec){};
            const vec rival = every_second(a, b, tap % 2);
            const mask wins = tap ? rival > best : ~(mask){};
            winner = (wins & ((mask){} + tap)) | (~wins & winner);
            best = pick(wins | (rival != rival), rival, best);
        }
        store_up_to(y + at, best, out - at);
        if (out - at >= VL) put_winner(winners + at, 0, 0, winner, VL);
        else
            put_winner(winners + at, 0, 0, winner, out - at);
    }
}

/* y = max of the window, winner its tap i · KW + j: of equals the first; NaN wins over every number */
static int max_pool2d_forward(const Arg *arg) {
    real *y = arg[0].w;
    uint8_t *winners = arg[1].bytes;
    const real *x = arg[2].r;
    const int wide = (int)arg[3].i;
    const long channels = arg[4].i, n = arg[5].i;
    const Window v = window_of(arg + 6), h = window_of(arg + 12);
    if (n == 1 && !wide && is_halved(&v) && is_halved(&h)) {
        for (long r = 0, w = h.out; r < channels * v.out; r++)
            max_of_pairs(y + r * w, winners + r * w, x + 4 * r * w, x + (4 * r + 2) * w, w);
        return 0;
    }
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
                    vec best = splat(-(real)INFINITY);
                    mask winner = {};
                    int is_first = 1;
                    for (long i = i0; i < i1; i++)
                        for (long j = j0; j < j1; j++) {
                            const real *at = from + (i * h.length + j) * n + k;
                            const vec rival = some == VL ? load(at) : load_part(at, some);
                            const mask wins = is_first ? ~(mask){} : rival > best;
                            winner = (wins & ((mask){} + (bits)(i * h.size + j))) | (~wins & winner);
                            best = pick(wins | (rival != rival), rival, best);
                            is_first = 0;
                        }
                    store_up_to(y + to + k, best, some);
                    if (some == VL) put_winner(winners, wide, to + k, winner, VL);
                    else
                        put_winner(winners, wide, to + k, winner, some);
                }
            }
    return 0;
}

/* One sample: delta goes to one place, which is looked up. */
INLINE void give_to_winner(real *dx, real delta, long tap, const Window *v, const Window *h, long oh, long ow,
                           int covers) {
    const long i = (int32_t)tap / (int32_t)h->size, j = tap - i * h->size;
    if (i < first_tap(v, oh) || i >= stop_tap(v, oh) || j < first_tap(h, ow) || j >= stop_tap(h, ow)) return;
    real *to = dx + (oh * v->stride - v->before + i) * h->length + ow * h->stride - h->before + j;
    *to = covers ? delta : *to + delta;
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
    if (!covers || n == 1) memset(dx, 0, (size_t)(channels * v.length * h.length * n) * sizeof(real));
    for (long c = 0; c < channels; c++)
        for (long oh = 0; oh < v.out; oh++)
            for (long ow = 0; ow < h.out; ow++) {
                if (n == 1) {
                    const long at = (c * v.out + oh) * h.out + ow;
                    const long tap = one_winner(winners, wide, at);
                    give_to_winner(dx + c * v.length * h.length, dy[at], tap, &v, &h, oh, ow, covers);
                    continue;
                }
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
                if (n == 1) {
                    double sum = 0;
                    for (long i = i0; i < i1; i++)
                        for (long j = j0; j < j1; j++) sum += (double)from[i * h.length + j];
                    *to = (real)sum / counts[oh * h.out + ow];
                    continue;
                }
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
                if (n == 1) {
                    const real share = *from / counts[oh * h.out + ow];
                    for (long i = i0; i < i1; i++)
                        for (long j = j0; j < j1; j++) to[i * h.length + j] += share;
                    continue;
                }
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
