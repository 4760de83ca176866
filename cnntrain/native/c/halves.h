/* Max-pooling by 2 of two rows of a map, which a convolution has just written, or which are in memory. */
#ifndef CNNTRAIN_HALVES_H
#define CNNTRAIN_HALVES_H

#include "vec.h"

INLINE void put_winner(uint8_t *bytes, int wide, long at, mask winner, long n) {
    if (!wide) {
        store_bytes(bytes + at, winner, n);
        return;
    }
    bits tap[VECTOR_BYTES / sizeof(real)];
    memcpy(tap, &winner, sizeof tap);
    for (long k = 0; k < n; k++) ((int32_t *)bytes)[at + k] = (int32_t)tap[k];
}

/* The same of lanes lo to hi - 1. */
INLINE void put_winners(uint8_t *bytes, mask winner, int lo, int hi) {
    if (hi - lo == VL) {
        put_winner(bytes, 0, 0, winner, VL);
        return;
    }
    bits tap[VECTOR_BYTES / sizeof(real)];
    memcpy(tap, &winner, sizeof tap);
    for (int k = lo; k < hi; k++) bytes[k - lo] = (uint8_t)tap[k];
}

/* The next number of a window, tap ``tap``: of equals the first wins, and NaN over every number. */
INLINE void compete(vec rival, bits tap, int is_first, vec *best, mask *winner) {
    const mask wins = is_first ? ~(mask){} : rival > *best;
    *winner = (wins & ((mask){} + tap)) | (~wins & *winner);
    *best = pick(wins | (rival != rival), rival, *best);
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
            compete(every_second(a, b, tap % 2), tap, tap == 0, &best, &winner);
        }
        store_up_to(y + at, best, out - at);
        put_winner(winners + at, 0, 0, winner, least(VL, out - at));
    }
}

/* The same for n samples, which are the lanes; a row holds 2 · ``out`` places. */
INLINE void max_of_fours(real *y, uint8_t *winners, const real *top, const real *bottom, long out, long n) {
    if (n == 1) {
        max_of_pairs(y, winners, top, bottom, out);
        return;
    }
    for (long w = 0; w < out; w++)
        for (long k = 0; k < n; k += VL) {
            const long some = least(VL, n - k);
            vec best = {};
            mask winner = {};
            for (int tap = 0; tap < 4; tap++) {
                const real *row = tap < 2 ? top : bottom;
                compete(load_up_to(row + (2 * w + tap % 2) * n + k, some), tap, tap == 0, &best, &winner);
            }
            store_up_to(y + w * n + k, best, some);
            put_winner(winners + w * n + k, 0, 0, winner, some);
        }
}

#endif
