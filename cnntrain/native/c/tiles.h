/* Convolution tile by tile: numbers of a square of inputs, or of a kernel, are transformed to as many values,
   of which products over channels are taken. Vectors of numbers of the same kind, of which nobody here needs
   to know whether they are samples or channels. */
#ifndef CNNTRAIN_TILES_H
#define CNNTRAIN_TILES_H

#include "vec.h"

#define MOST_TAPS 5
#define MOST_TILE 4    /* outputs of an axis */
#define MOST_READ 8    /* inputs of an axis that a tile reads */
#define MOST_VALUES 64 /* of both axes */

typedef void (*ToPoints)(const real *const *from, long count, real *to, long apart);
typedef void (*OfPoints)(const real *from, long apart, vec *z);

#define KERNELS 8 /* transformed at a time, in double precision */
typedef double kernels __attribute__((vector_size(KERNELS * sizeof(double))));
typedef void (*OfKernels)(const kernels *g, kernels *u);

/* Numbers of a square, column by column: half[j] = TRANSFORM of what side x side arrays hold in column j */
#define COLUMNS_OF(side, TRANSFORM, from, k, count, half)                                                    \
    _Pragma("GCC unroll 8") for (int j = 0; j < side; j++) {                                                 \
        vec column[side];                                                                                    \
        _Pragma("GCC unroll 8") for (int i = 0; i < side; i++) column[i] =                                   \
            count < VL ? load_part(from[i * side + j] + k, count) : load(from[i * side + j] + k);            \
        TRANSFORM(column, half[j]);                                                                          \
    }

/* Row i of half, which holds columns */
#define ROW_OF(side, half, i, row)                                                                           \
    vec row[side];                                                                                           \
    _Pragma("GCC unroll 8") for (int j = 0; j < side; j++) row[j] = half[j][i];

/* ``name`` for whole vectors and what is left. */
#define EACH_VECTOR(name)                                                                                    \
    static void name(const real *const *from, long count, real *to, long apart) {                            \
        long k = 0;                                                                                          \
        for (; k + VL <= count; k += VL) name##_vector(from, k, VL, to + k, apart);                          \
        if (k < count) name##_vector(from, k, count - k, to + k, apart);                                     \
    }

/* Some numbers of each of side x side arrays, transformed, to points x points arrays that are ``apart``. */
#define TO_POINTS(name, side, points, TRANSFORM)                                                             \
    INLINE void name##_vector(const real *const *from, long k, long count, real *to, long apart) {           \
        vec half[side][points];                                                                              \
        COLUMNS_OF(side, TRANSFORM, from, k, count, half)                                                    \
        _Pragma("GCC unroll 8") for (int i = 0; i < points; i++) {                                           \
            ROW_OF(side, half, i, row)                                                                       \
            vec out[points];                                                                                 \
            TRANSFORM(row, out);                                                                             \
            _Pragma("GCC unroll 8") for (int j = 0; j < points; j++)                                         \
                store(to + (i * points + j) * apart, out[j]);                                                \
        }                                                                                                    \
    }                                                                                                        \
    EACH_VECTOR(name)

/* One vector of a tile of outputs, of points x points arrays that are ``apart``. */
#define OF_POINTS(name, side, points, TRANSFORM)                                                             \
    static void name(const real *from, long apart, vec *z) {                                                 \
        vec half[points][side];                                                                              \
        _Pragma("GCC unroll 8") for (int i = 0; i < points; i++) {                                           \
            vec row[points];                                                                                 \
            _Pragma("GCC unroll 8") for (int j = 0; j < points; j++) row[j] =                                \
                load(from + (i * points + j) * apart);                                                       \
            TRANSFORM(row, half[i]);                                                                         \
        }                                                                                                    \
        ROWS_TO_TILE(side, points, TRANSFORM, half, z)                                                       \
    }
#define ROWS_TO_TILE(side, points, TRANSFORM, half, z)                                                       \
    _Pragma("GCC unroll 8") for (int j = 0; j < side; j++) {                                                 \
        vec column[points], out[side];                                                                       \
        _Pragma("GCC unroll 8") for (int i = 0; i < points; i++) column[i] = half[i][j];                     \
        TRANSFORM(column, out);                                                                              \
        _Pragma("GCC unroll 8") for (int i = 0; i < side; i++) z[i * side + j] = out[i];                     \
    }

/* u = G g Gᵀ of some kernels */
#define KERNELS_TO_POINTS(name, taps, points, G)                                                             \
    static void name(const kernels *g, kernels *u) {                                                         \
        for (int p = 0; p < points; p++) {                                                                   \
            kernels half[taps] = {{0}};                                                                      \
            for (int t = 0; t < taps; t++)                                                                   \
                for (int s = 0; s < taps; s++) half[t] += G[p][s] * g[s * taps + t];                         \
            for (int q = 0; q < points; q++) {                                                               \
                kernels sum = {0};                                                                           \
                for (int t = 0; t < taps; t++) sum += G[q][t] * half[t];                                     \
                u[p * points + q] = sum;                                                                     \
            }                                                                                                \
        }                                                                                                    \
    }

#endif
