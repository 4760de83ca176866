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

/* The two-dimensional form ``name`` of TRANSFORM, from ``in`` to its square ``out``: columns first, then
   rows. */
#define IN_TWO(name, TRANSFORM, in_side, out_side)                                                           \
    INLINE void name(vec in[in_side][in_side], vec out[out_side][out_side]) {                                \
        vec half[in_side][out_side];                                                                         \
        _Pragma("GCC unroll 8") for (int j = 0; j < in_side; j++) {                                          \
            vec column[in_side];                                                                             \
            _Pragma("GCC unroll 8") for (int i = 0; i < in_side; i++) column[i] = in[i][j];                  \
            TRANSFORM(column, half[j]);                                                                      \
        }                                                                                                    \
        _Pragma("GCC unroll 8") for (int i = 0; i < out_side; i++) {                                         \
            vec row[in_side];                                                                                \
            _Pragma("GCC unroll 8") for (int j = 0; j < in_side; j++) row[j] = half[j][i];                   \
            TRANSFORM(row, out[i]);                                                                          \
        }                                                                                                    \
    }
/* Some numbers of each of side x side arrays, transformed, to points x points arrays that are ``apart``. */
#define TO_POINTS(name, side, points, IN_TWO_OF)                                                             \
    INLINE void name##_vector(const real *const *from, long k, long count, real *to, long apart) {           \
        vec in[side][side], out[points][points];                                                             \
        _Pragma("GCC unroll 64") for (int i = 0; i < side * side; i++) in[i / side][i % side] =              \
            count < VL ? load_part(from[i] + k, count) : load(from[i] + k);                                  \
        IN_TWO_OF(in, out);                                                                                  \
        _Pragma("GCC unroll 64") for (int i = 0; i < points * points; i++)                                   \
            store(to + i * apart + k, out[i / points][i % points]);                                          \
    }                                                                                                        \
    static void name(const real *const *from, long count, real *to, long apart) {                            \
        long k = 0;                                                                                          \
        for (; k + VL <= count; k += VL) name##_vector(from, k, VL, to, apart);                              \
        if (k < count) name##_vector(from, k, count - k, to, apart);                                         \
    }
/* One vector of a tile of outputs, of points x points arrays that are ``apart``. */
#define OF_POINTS(name, side, points, IN_TWO_OF)                                                             \
    static void name(const real *from, long apart, vec *z) {                                                 \
        vec m[points][points], out[side][side];                                                              \
        _Pragma("GCC unroll 64") for (int i = 0; i < points * points; i++) m[i / points][i % points] =       \
            load(from + i * apart);                                                                          \
        IN_TWO_OF(m, out);                                                                                   \
        _Pragma("GCC unroll 16") for (int i = 0; i < side * side; i++) z[i] = out[i / side][i % side];       \
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
