/* Maps as convolutions read them: every column of a kernel gets one offset into a row.

   Some rows at a time, which so stay in the second-level cache, are copied with zeros at their ends and split
   into the phases of the stride; where nothing changes, maps are read in place. */
#ifndef CNNTRAIN_SPREAD_H
#define CNNTRAIN_SPREAD_H

#include "product.h"

#define LINE (64 / (long)sizeof(real)) /* numbers in a cache line */
#define SPREAD (256L << 10)            /* bytes of the copy, unless a few rows need more */

typedef struct {
    long length, size, stride, before, dilation, out; /* as in ops/windows.py */
} Axis;

typedef struct {
    long rows, length, n;    /* of a map, and samples */
    long left, phases, part; /* zeros before a row, and of how many columns each phase of it has */
    Axis v, h;               /* windows, for which rows and phases are left out that no tap reads */
    real *copy;              /* NULL: maps are read in place */
    long plane, row;         /* numbers from channel to channel and from row to row of what is read */
} Spread;

INLINE Axis axis_of(const Arg *arg) {
    return (Axis){arg[0].i, arg[1].i, arg[2].i, arg[3].i, arg[4].i, arg[5].i};
}

INLINE long floor_div(long a, long b) { return a / b - (a % b < 0); }
INLINE long reach_of(const Axis *ax) { return (ax->size - 1) * ax->dilation; }

/* Maps that are read by windows, forward. */
static Spread spread_for_taps(const Axis *v, const Axis *h, long n) {
    const long part = h->out + reach_of(h) / h->stride;
    return (Spread){v->length, h->length, n, h->before, h->stride, part, *v, *h, NULL, 0, 0};
}

/* Outputs that are read backwards: column u of phase r of the inputs reads output u + (r + before - j d)/s,
   which is at least -left and less than part - left. */
static Spread spread_for_outputs(const Axis *v, const Axis *h, long n) {
    const long s = h->stride, left = most(0, -floor_div(h->before - reach_of(h), s));
    const long part = left + most(h->out, (h->length + s - 1) / s + (s - 1 + h->before) / s);
    const Axis all = {.size = 1, .stride = 1};
    return (Spread){v->out, h->out, n, left, 1, part, all, all, NULL, 0, 0};
}

INLINE int is_copied(const Spread *p) { return p->phases > 1 || p->left > 0 || p->part > p->length; }

/* So many rows of ``channels`` maps fit into the copy: at least twice the ``fewest``, because that many less
   one are copied again for the rows of outputs that come next. */
static long rows_at_a_time(const Spread *p, long channels, long fewest) {
    const long row = channels * p->phases * p->part * p->n * (long)sizeof(real);
    return is_copied(p) ? most(2 * fewest, SPREAD / row) : most(fewest, p->rows);
}

/* Numbers of the copy of so many rows; one panel is read beyond it. */
static long copied_numbers(const Spread *p, long channels, long rows) {
    return is_copied(p) ? channels * rows * p->phases * p->part * p->n + PANEL : 0;
}

static void place_copy(Spread *p, long rows, real *copy) {
    p->copy = is_copied(p) ? copy : NULL;
    p->row = p->copy ? p->phases * p->part * p->n : p->length * p->n;
    p->plane = (p->copy ? rows : p->rows) * p->row;
}

/* Whether a tap reads places that are ``place`` behind the first one of a window. */
INLINE int is_read(const Axis *ax, long place) {
    for (long i = 0; i < ax->size; i++)
        if ((place - i * ax->dilation) % ax->stride == 0) return 1;
    return 0;
}

/* The same row of the next map, far away in memory, is fetched meanwhile. */
static void copy_row(const Spread *p, const real *x, real *to) {
    const long n = p->n, phases = p->phases, plane = p->rows * p->length * n;
    for (long phase = 0; phase < phases; phase++, to += p->part * n) {
        if (!is_read(&p->h, phase)) continue;
        const long first = least(p->part, most(0, -floor_div(phase - p->left, phases)));
        const long stop = most(first, least(p->part, floor_div(p->length - 1 + p->left - phase, phases) + 1));
        memset(to, 0, (size_t)(first * n) * sizeof(real));
        if (phases == 1)
            memcpy(to + first * n, x + (first - p->left) * n, (size_t)((stop - first) * n) * sizeof(real));
        else
            for (long u = first; u < stop; u++) {
                const real *from = x + (u * phases + phase - p->left) * n;
                for (long k = 0; k < n; k += LINE) __builtin_prefetch(from + plane + k);
                copy_few(to + u * n, from, n);
            }
        memset(to + stop * n, 0, (size_t)((p->part - stop) * n) * sizeof(real));
    }
}

/* Where row ``first`` of the first one of some maps is; it and ``count`` - 1 below it, where there are such
   rows, may be read. */
static const real *rows_from(const Spread *p, const real *x, long channels, long first, long count) {
    const long row = p->length * p->n;
    if (!p->copy) return x + first * row;
    for (long k = most(0, -first); k < least(count, p->rows - first); k++) {
        if (!is_read(&p->v, k)) continue;
        for (long c = 0; c < channels; c++)
            copy_row(p, x + (c * p->rows + first + k) * row, p->copy + c * p->plane + k * p->row);
    }
    memset(p->copy + channels * p->plane, 0, PANEL * sizeof(real));
    return p->copy;
}
#endif
