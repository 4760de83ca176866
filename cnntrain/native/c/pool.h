/* The windows of pooling (layers/pooling.py). Each is taken row by row; the lanes are samples. */
#ifndef CNNTRAIN_POOL_H
#define CNNTRAIN_POOL_H

#include "vec.h"

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

/* Zeros in the rows of a channel that windows of row oh are the first to reach, while they are in a cache;
   after the last row of windows, in all that are left. */
static void clear_rows(real *maps, const Window *v, const Window *h, long c, long oh, long n) {
    const long end = oh * v->stride - v->before + v->size; /* of the rows that are reached */
    const long from = oh ? most(0, least(end - v->stride, v->length)) : 0;
    const long to = oh + 1 < v->out ? least(end, v->length) : v->length;
    const long row = h->length * n;
    if (from < to) memset(maps + (c * v->length + from) * row, 0, (size_t)((to - from) * row) * sizeof(real));
}

#define ABREAST 4 /* vectors of samples, so that no operation waits for the one before it */

/* RUN(vecs) for some vectors of samples at a time, from k on. */
#define EACH_FEW_VECTORS(n, RUN)                                                                             \
    for (long k = 0; k < (n); k += ABREAST * VL) switch (((n) - k + VL - 1) / VL) {                          \
        case 1:                                                                                              \
            RUN(1);                                                                                          \
            break;                                                                                           \
        case 2:                                                                                              \
            RUN(2);                                                                                          \
            break;                                                                                           \
        case 3:                                                                                              \
            RUN(3);                                                                                          \
            break;                                                                                           \
        default:                                                                                             \
            RUN(ABREAST);                                                                                    \
        }

/* Samples in vector q of so many, when these are left. */
INLINE long samples_in(int q, int vecs, long left) { return q + 1 < vecs ? VL : least(VL, left - q * VL); }

#endif
