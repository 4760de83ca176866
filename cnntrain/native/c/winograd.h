/* Transforms of Winograd's F(2x2, 3x3): layers/winograd.py. Vectors of numbers of the same kind, of which
   nobody here needs to know whether they are samples or channels. */
#ifndef CNNTRAIN_WINOGRAD_H
#define CNNTRAIN_WINOGRAD_H

#include "vec.h"

#define TILE_SIDE 4                    /* of the square of inputs that a tile of 2 x 2 outputs reads */
#define POINTS (TILE_SIDE * TILE_SIDE) /* at which the product of the two polynomials is taken */

/* Bᵀ d */
INLINE void input_points(const vec d[TILE_SIDE], vec v[TILE_SIDE]) {
    v[0] = d[0] - d[2];
    v[1] = d[1] + d[2];
    v[2] = d[2] - d[1];
    v[3] = d[1] - d[3];
}

/* G g */
INLINE void kernel_points(const vec g[3], vec u[TILE_SIDE]) {
    const vec half = splat((real)0.5), ends = g[0] + g[2];
    u[0] = g[0];
    u[1] = half * (ends + g[1]);
    u[2] = half * (ends - g[1]);
    u[3] = g[2];
}

/* Aᵀ m */
INLINE void output_of_points(const vec m[TILE_SIDE], vec z[2]) {
    z[0] = m[0] + m[1] + m[2];
    z[1] = m[1] - m[2] - m[3];
}

/* A d */
INLINE void output_points(const vec d[2], vec p[TILE_SIDE]) {
    p[0] = d[0];
    p[1] = d[0] + d[1];
    p[2] = d[0] - d[1];
    p[3] = -d[1];
}

/* The two-dimensional form ``name`` of TRANSFORM, from rows x cols ``in`` to its square ``out``: columns
   first, then rows. */
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
IN_TWO(inputs_in_two, input_points, TILE_SIDE, TILE_SIDE)
IN_TWO(kernel_in_two, kernel_points, 3, TILE_SIDE)
IN_TWO(outputs_in_two, output_of_points, TILE_SIDE, 2)
IN_TWO(deltas_in_two, output_points, 2, TILE_SIDE)

/* One vector of each of side x side arrays, transformed, to POINTS arrays that are ``apart``. */
#define TO_POINTS(name, side, IN_TWO_OF)                                                                     \
    INLINE void name##_vector(const real *const *from, long k, long count, real *to, long apart) {           \
        vec in[side][side], out[TILE_SIDE][TILE_SIDE];                                                       \
        _Pragma("GCC unroll 16") for (int i = 0; i < side * side; i++) in[i / side][i % side] =              \
            count < VL ? load_part(from[i] + k, count) : load(from[i] + k);                                  \
        IN_TWO_OF(in, out);                                                                                  \
        _Pragma("GCC unroll 16") for (int i = 0; i < POINTS; i++)                                            \
            store(to + i * apart + k, out[i / TILE_SIDE][i % TILE_SIDE]);                                    \
    }                                                                                                        \
    static void name(const real *const *from, long count, real *to, long apart) {                            \
        long k = 0;                                                                                          \
        for (; k + VL <= count; k += VL) name##_vector(from, k, VL, to, apart);                              \
        if (k < count) name##_vector(from, k, count - k, to, apart);                                         \
    }
TO_POINTS(inputs_to_points, TILE_SIDE, inputs_in_two)
TO_POINTS(kernels_to_points, 3, kernel_in_two)
TO_POINTS(deltas_to_points, 2, deltas_in_two)

#endif
