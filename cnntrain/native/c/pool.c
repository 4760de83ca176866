/* Pooling: layers/pooling.py. Each window is taken row by row; the lanes are samples. */
#include "halves.h"

typedef struct {
    long length, size, stride, before, out;
} Window;

INLINE Window window_of(const Arg *arg) { return (Window){arg[0].i, arg[1].i, arg[2].i, arg[3].i, arg[5].i}; }

/* One window: its taps i0 .. i1, j0 .. j1 that lie on the map; where tap (0, 0) would be in the maps, and
   where its output is. */
typedef struct {
    long i0, i1, j0, j1, in, out;
} Place;

INLINE Place place_of(const Window *v, const Window *h, long c, long oh, long ow, long n) {
    const long row = oh * v->stride - v->before, col = ow * h->stride - h->before;
    return (Place){.i0 = most(0, -row),
                   .i1 = least(v->size, v->length - row),
                   .j0 = most(0, -col),
                   .j1 = least(h->size, h->length - col),
                   .in = ((c * v->length + row) * h->length + col) * n,
                   .out = ((c * v->out + oh) * h->out + ow) * n};
}

/* Every window of every channel, in the order of the outputs. */
#define EACH_WINDOW(channels, v, h)                                                                          \
    for (long c = 0; c < channels; c++)                                                                      \
        for (long oh = 0; oh < v.out; oh++)                                                                  \
            for (long ow = 0; ow < h.out; ow++)
#define EACH_TAP(p)                                                                                          \
    for (long i = (p).i0; i < (p).i1; i++)                                                                   \
        for (long j = (p).j0; j < (p).j1; j++)

INLINE long one_winner(const uint8_t *bytes, int wide, long at) {
    return wide ? ((const int32_t *)bytes)[at] : bytes[at];
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

/* Windows of 2x2, side by side, that cover the map. */
INLINE int is_halved(const Window *w) {
    return w->size == 2 && w->stride == 2 && w->before == 0 && 2 * w->out == w->length;
}

/* y = max of the window, winner its tap i · KW + j: of equals the first; NaN wins over every number */
static int max_pool2d_forward(const Arg *arg) {
    const int wide = (int)arg[3].i;
    const long channels = arg[4].i, n = arg[5].i;
    const Window v = window_of(arg + 6), h = window_of(arg + 12);
    if (!wide && is_halved(&v) && is_halved(&h)) {
        const long row = h.out * n; /* of outputs; one of inputs is twice as long */
        for (long r = 0; r < channels * v.out; r++)
            max_of_fours(arg[0].w + r * row, arg[1].bytes + r * row, arg[2].r + 4 * r * row,
                         arg[2].r + (4 * r + 2) * row, h.out, n);
        return 0;
    }
    EACH_WINDOW (channels, v, h) {
        const Place p = place_of(&v, &h, c, oh, ow, n);
        for (long k = 0; k < n; k += VL) {
            const long some = least(VL, n - k);
            vec best = splat(-(real)INFINITY);
            mask winner = {};
            int is_first = 1;
            EACH_TAP (p) {
                const vec rival = load_up_to(arg[2].r + p.in + (i * h.length + j) * n + k, some);
                compete(rival, (bits)(i * h.size + j), is_first, &best, &winner);
                is_first = 0;
            }
            store_up_to(arg[0].w + p.out + k, best, some);
            put_winner(arg[1].bytes, wide, p.out + k, winner, some);
        }
    }
    return 0;
}

/* Of one sample: delta goes to one place, which is looked up. */
INLINE void give_to_winner(real *maps, real delta, long tap, const Place *p, const Window *h, int covers) {
    const long i = (int32_t)tap / (int32_t)h->size, j = tap - i * h->size;
    if (i < p->i0 || i >= p->i1 || j < p->j0 || j >= p->j1) return;
    real *to = maps + p->in + i * h->length + j;
    *to = covers ? delta : *to + delta;
}

/* Of VL samples: every tap of the window is written. */
INLINE void give_to_winners(real *maps, vec delta, vec winner, const Place *p, const Window *h, long n,
                            long some, int covers) {
    EACH_TAP (*p) {
        real *at = maps + p->in + (i * h->length + j) * n;
        vec share = pick(winner == splat((real)(i * h->size + j)), delta, (vec){});
        if (!covers) share += load_up_to(at, some);
        store_up_to(at, share, some);
    }
}

/* Every number of one half of a vector, twice. */
INLINE vec twice(vec v, const int half) {
    mask places;
    for (int i = 0; i < VL; i++) places[i] = half * VL / 2 + i / 2;
    return (vec)__builtin_shuffle(v, places);
}

/* Of one sample in windows of 2x2: two rows of dx. */
INLINE void give_pairs(real *top, real *bottom, const real *delta, const uint8_t *winners, long out) {
    vec tap;
    for (int i = 0; i < VL; i++) tap[i] = (real)(i % 2);
    for (long at = 0; at < out; at += VL) {
        uint8_t few[VECTOR_BYTES / sizeof(real)] = {0};
        memcpy(few, winners + at, (size_t)least(VL, out - at));
        const vec share = load_up_to(delta + at, out - at), winner = load_bytes(few);
        for (int half = 0; half < 2 && 2 * (out - at) > half * VL; half++) {
            const long to = 2 * at + half * VL, left = 2 * out - to;
            const vec won = twice(winner, half), shares = twice(share, half);
            store_up_to(top + to, pick(won == tap, shares, (vec){}), left);
            store_up_to(bottom + to, pick(won == tap + splat(2), shares, (vec){}), left);
        }
    }
}

/* dx = delta where a tap won, added up in the order of the outputs; ``covers``: every input has one window */
static int max_pool2d_backward(const Arg *arg) {
    real *dx = arg[0].w;
    const uint8_t *winners = arg[1].read_bytes;
    const int wide = (int)arg[3].i;
    const long channels = arg[4].i, n = arg[5].i;
    const Window v = window_of(arg + 6), h = window_of(arg + 12);
    const int covers = v.size == v.stride && h.size == h.stride && v.before == 0 && h.before == 0 &&
                       v.out * v.size == v.length && h.out * h.size == h.length;
    if (n == 1 && !wide && is_halved(&v) && is_halved(&h)) {
        for (long r = 0; r < channels * v.out; r++)
            give_pairs(dx + 4 * r * h.out, dx + (4 * r + 2) * h.out, arg[2].r + r * h.out,
                       winners + r * h.out, h.out);
        return 0;
    }
    if (!covers || n == 1) memset(dx, 0, (size_t)(channels * v.length * h.length * n) * sizeof(real));
    EACH_WINDOW (channels, v, h) {
        const Place p = place_of(&v, &h, c, oh, ow, n);
        if (n == 1) {
            give_to_winner(dx, arg[2].r[p.out], one_winner(winners, wide, p.out), &p, &h, covers);
            continue;
        }
        for (long k = 0; k < n; k += VL) {
            const long some = least(VL, n - k);
            const vec delta = load_up_to(arg[2].r + p.out + k, some);
            give_to_winners(dx + k, delta, winner_at(winners, wide, p.out + k, some), &p, &h, n, some,
                            covers);
        }
    }
    return 0;
}

#define TOGETHER 64 /* samples whose sums are taken side by side */

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
        for (long k = 0; k < n; k += TOGETHER) {
            const long some = least(TOGETHER, n - k);
            double sum[TOGETHER] = {0};
            EACH_TAP (p) {
                const real *at = arg[1].r + p.in + (i * h.length + j) * n + k;
                for (long s = 0; s < some; s++) sum[s] += (double)at[s];
            }
            for (long s = 0; s < some; s++) arg[0].w[p.out + k + s] = (real)sum[s] / count;
        }
    }
    return 0;
}

/* dx = Σ over windows of delta / counts, in the order of the outputs */
static int avg_pool2d_backward(const Arg *arg) {
    real *dx = arg[0].w;
    const long channels = arg[3].i, n = arg[4].i;
    const Window v = window_of(arg + 5), h = window_of(arg + 11);
    memset(dx, 0, (size_t)(channels * v.length * h.length * n) * sizeof(real));
    EACH_WINDOW (channels, v, h) {
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
