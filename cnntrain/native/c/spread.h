/* Maps as convolutions read them: every column of a kernel gets one offset into a row.

   A map is copied with zeros at the ends of its rows and each row split into the phases of the stride; where
   nothing changes, it is read in place. */
#ifndef CNNTRAIN_SPREAD_H
#define CNNTRAIN_SPREAD_H

#include "product.h"

typedef struct {
    long length, size, stride, before, dilation, out; /* as in ops/windows.py */
} Axis;

typedef struct {
    const real *x;
    long plane, row; /* numbers in a channel and in a row */
} Source;

INLINE Axis axis_of(const Arg *arg) {
    return (Axis){arg[0].i, arg[1].i, arg[2].i, arg[3].i, arg[4].i, arg[5].i};
}

INLINE long floor_div(long a, long b) { return a / b - (a % b < 0); }

/* Where a map is read: in place, or in ``copy``, which gets its rows of ``length`` columns with ``left``
   zeros before them, split into ``phases`` of ``part`` columns, and zeros for one more panel. */
static Source spread(const real *x, long channels, long rows, long length, long n, real *copy, long left,
                     long phases, long part) {
    if (!copy) return (Source){x, rows * length * n, length * n};
    const Source to = {copy, rows * phases * part * n, phases * part * n};
    for (long r = 0; r < channels * rows; r++)
        for (long phase = 0; phase < phases; phase++) {
            real *out = copy + r * to.row + phase * part * n;
            const real *in = x + r * length * n;
            const long first = least(part, most(0, -floor_div(phase - left, phases)));
            const long stop = most(first, least(part, floor_div(length - 1 + left - phase, phases) + 1));
            memset(out, 0, (size_t)(first * n) * sizeof(real));
            if (phases == 1)
                memcpy(out + first * n, in + (first - left) * n, (size_t)((stop - first) * n) * sizeof(real));
            else
                for (long u = first; u < stop; u++)
                    copy_few(out + u * n, in + (u * phases + phase - left) * n, n);
            memset(out + stop * n, 0, (size_t)((part - stop) * n) * sizeof(real));
        }
    memset(copy + channels * to.plane, 0, PANEL * sizeof(real));
    return to;
}
#endif
