/* The transpose of a square of vectors. */
#ifndef CNNTRAIN_TURN_H
#define CNNTRAIN_TURN_H

#include "vec.h"

#if defined(REAL_IS_DOUBLE)
#define REAL_BYTES 8
#else
#define REAL_BYTES 4
#endif

#define SQUARE (VECTOR_BYTES / REAL_BYTES)
#define EACH_OF_SQUARE(i) _Pragma("GCC unroll 16") for (int i = 0; i < SQUARE; i++)

/* One round of turning a square: vectors ``apart`` from each other are shuffled into each other. */
#define ROUND(v, apart, LOWER, UPPER)                                                                        \
    EACH_OF_SQUARE(i) if (!(i & (apart))) {                                                                  \
        const vec a = v[i], b = v[i + (apart)];                                                              \
        v[i] = __builtin_shufflevector(a, b, LOWER);                                                         \
        v[i + (apart)] = __builtin_shufflevector(a, b, UPPER);                                               \
    }

/* Shuffles within 128 bits come first: those that cross them take longer.  */
#if SQUARE == 16
#define LOWER_1 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29
#define UPPER_1 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31
#define LOWER_2 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define UPPER_2 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define LOWER_4 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27
#define UPPER_4 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31
#define ROUNDS(v)                                                                                            \
    ROUND(v, 1, LOWER_1, UPPER_1)                                                                            \
    ROUND(v, 2, LOWER_2, UPPER_2)                                                                            \
    ROUND(v, 4, LOWER_4, UPPER_4)                                                                            \
    ROUND(v, 8, LOWER_4, UPPER_4)
#define COLUMN(i) ((i) & ~3) + 2 * ((i) & 1) + ((i) >> 1 & 1)
#elif SQUARE == 8 && REAL_BYTES == 4
#define LOWER_1 0, 8, 1, 9, 4, 12, 5, 13
#define UPPER_1 2, 10, 3, 11, 6, 14, 7, 15
#define LOWER_2 0, 1, 8, 9, 4, 5, 12, 13
#define UPPER_2 2, 3, 10, 11, 6, 7, 14, 15
#define LOWER_4 0, 1, 2, 3, 8, 9, 10, 11
#define UPPER_4 4, 5, 6, 7, 12, 13, 14, 15
#define ROUNDS(v)                                                                                            \
    ROUND(v, 1, LOWER_1, UPPER_1)                                                                            \
    ROUND(v, 2, LOWER_2, UPPER_2)                                                                            \
    ROUND(v, 4, LOWER_4, UPPER_4)
#define COLUMN(i) ((i) & ~3) + 2 * ((i) & 1) + ((i) >> 1 & 1)
#elif SQUARE == 8
#define LOWER_1 0, 8, 2, 10, 4, 12, 6, 14
#define UPPER_1 1, 9, 3, 11, 5, 13, 7, 15
#define LOWER_2 0, 1, 4, 5, 8, 9, 12, 13
#define UPPER_2 2, 3, 6, 7, 10, 11, 14, 15
#define ROUNDS(v)                                                                                            \
    ROUND(v, 1, LOWER_1, UPPER_1)                                                                            \
    ROUND(v, 2, LOWER_2, UPPER_2)                                                                            \
    ROUND(v, 4, LOWER_2, UPPER_2)
#define COLUMN(i) (i)
#elif SQUARE == 4
#define LOWER_1 0, 4, 1, 5
#define UPPER_1 2, 6, 3, 7
#define LOWER_2 0, 1, 4, 5
#define UPPER_2 2, 3, 6, 7
#define ROUNDS(v)                                                                                            \
    ROUND(v, 1, LOWER_1, UPPER_1)                                                                            \
    ROUND(v, 2, LOWER_2, UPPER_2)
#define COLUMN(i) 2 * ((i) & 1) + ((i) >> 1)
#else
#define LOWER_1 0, 2
#define UPPER_1 1, 3
#define ROUNDS(v) ROUND(v, 1, LOWER_1, UPPER_1)
#define COLUMN(i) (i)
#endif

/* Column c of a square of vectors is afterwards in number COLUMN(c). */
INLINE void turn(vec *v){ROUNDS(v)}

INLINE void load_square(const real *x, long row, long rows, long columns, vec *v) {
    if (rows >= VL && columns >= VL) EACH_OF_SQUARE(i) v[i] = load(x + i * row);
    else
        EACH_OF_SQUARE(i) v[i] = i < rows ? load_up_to(x + i * row, columns) : (vec){};
}

/* ``rows`` x ``columns`` numbers at x, of which VL x VL count, turned, with zeros in the place of those that
   are missing. */
static void turn_up_to(const real *x, long row, long rows, long columns, real *out, long out_row) {
    vec v[SQUARE];
    load_square(x, row, rows, columns, v);
    turn(v);
    EACH_OF_SQUARE(c) store(out + c * out_row, v[COLUMN(c)]);
}

#endif
