/* Max-pooling: layers/pooling.py. */
#include "halves.h"
#include "pool.h"

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

/* y and winners of one window for ``vecs`` vectors of samples from k on */
INLINE void max_of_window(const int vecs, const Arg *arg, const Place *p, const Window *h, long n, long k) {
    vec best[ABREAST];
    mask winner[ABREAST];
    int is_first = 1;
    EACH (q, vecs) {
        best[q] = splat(-(real)INFINITY);
        winner[q] = (mask){};
    }
    EACH_TAP (*p) {
        const real *at = arg[2].r + p->in + (i * h->length + j) * n + k;
        EACH (q, vecs)
            compete(load_up_to(at + q * VL, samples_in(q, vecs, n - k)), (bits)(i * h->size + j), is_first,
                    best + q, winner + q);
        is_first = 0;
    }
    EACH (q, vecs) {
        const long to = p->out + k + q * VL, some = samples_in(q, vecs, n - k);
        store_up_to(arg[0].w + to, best[q], some);
        put_winner(arg[1].bytes, (int)arg[3].i, to, winner[q], some);
    }
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
#define MAX_OF_WINDOW(vecs) max_of_window(vecs, arg, &p, &h, n, k)
        EACH_FEW_VECTORS(n, MAX_OF_WINDOW)
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
    EACH_WINDOW (channels, v, h) {
        if (ow == 0 && (!covers || n == 1)) clear_rows(dx, &v, &h, c, oh, n);
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
