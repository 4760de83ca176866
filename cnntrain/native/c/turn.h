/* The transpose of a matrix, a square of vectors at a time. */
#ifndef CNNTRAIN_TURN_H
#define CNNTRAIN_TURN_H

#include "vec.h"

#if defined(REAL_IS_DOUBLE)
#define REAL_BYTES 8
#else
#define REAL_BYTES 4
#endif

#if VECTOR_BYTES / REAL_BYTES == 16
#define LOWER 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define UPPER 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define ROUNDS 4
#elif VECTOR_BYTES / REAL_BYTES == 8
#define LOWER 0, 8, 1, 9, 2, 10, 3, 11
#define UPPER 4, 12, 5, 13, 6, 14, 7, 15
#define ROUNDS 3
#elif VECTOR_BYTES / REAL_BYTES == 4
#define LOWER 0, 4, 1, 5
#define UPPER 2, 6, 3, 7
#define ROUNDS 2
#else
#define LOWER 0, 2
#define UPPER 1, 3
#define ROUNDS 1
#endif

/* Vectors half a square apart are shuffled into each other; so many rounds of this turn the square. */
INLINE void turn_square(const real *x, long stride, real *out, long out_stride) {
    vec v[2][VECTOR_BYTES / REAL_BYTES];
#pragma GCC unroll 16
    for (int i = 0; i < VL; i++) v[0][i] = load(x + i * stride);
#pragma GCC unroll 4
    for (int round = 0; round < ROUNDS; round++) {
        const vec *from = v[round % 2];
        vec *to = v[1 - round % 2];
#pragma GCC unroll 8
        for (int i = 0; i < VL / 2; i++) {
            to[2 * i] = __builtin_shufflevector(from[i], from[i + VL / 2], LOWER);
            to[2 * i + 1] = __builtin_shufflevector(from[i], from[i + VL / 2], UPPER);
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < VL; i++) store(out + i * out_stride, v[ROUNDS % 2][i]);
}

/* x (rows, cols) -> its transpose (cols, rows) */
static void transpose(const real *x, long rows, long cols, real *out) {
    const long whole_rows = rows / VL * VL, whole_cols = cols / VL * VL;
    for (long c = 0; c < whole_cols; c += VL)
        for (long r = 0; r < whole_rows; r += VL)
            turn_square(x + r * cols + c, cols, out + c * rows + r, rows);
    for (long r = 0; r < rows; r++)
        for (long c = r < whole_rows ? whole_cols : 0; c < cols; c++) out[c * rows + r] = x[r * cols + c];
}

/* ``rows`` x ``columns`` numbers at x, of which VL x VL count, turned, with zeros in the place of those that
   are missing. */
static void turn_up_to(const real *x, long row, long rows, long columns, real *out, long out_row) {
    if (rows >= VL && columns >= VL) {
        turn_square(x, row, out, out_row);
        return;
    }
    real part[VECTOR_BYTES / sizeof(real) * VECTOR_BYTES / sizeof(real)] = {0};
    for (long c = 0; c < least(rows, VL); c++)
        memcpy(part + c * VL, x + c * row, (size_t)least(columns, VL) * sizeof(real));
    turn_square(part, VL, out, out_row);
}

#endif
