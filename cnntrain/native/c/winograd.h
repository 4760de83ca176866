/* Transforms of Winograd's F(2x2, 3x3) and F(2x2, 5x5): layers/winograd.py. Vectors of numbers of the same
   kind, of which nobody here needs to know whether they are samples or channels.

   Five taps are three and two: the points of F(2, 3), then those of F(2, 2). */
#ifndef CNNTRAIN_WINOGRAD_H
#define CNNTRAIN_WINOGRAD_H

#include "vec.h"

#define MOST_TAPS 5
#define MOST_READ 6   /* inputs of an axis that a tile of 2 x 2 outputs reads */
#define MOST_POINTS 7 /* of an axis, at which the product of the two polynomials is taken */

/* Bᵀ d */
INLINE void input_points_3(const vec d[4], vec v[4]) {
    v[0] = d[0] - d[2];
    v[1] = d[1] + d[2];
    v[2] = d[2] - d[1];
    v[3] = d[1] - d[3];
}

INLINE void input_points_5(const vec d[6], vec v[7]) {
    input_points_3(d, v);
    v[4] = d[3] - d[4];
    v[5] = d[4];
    v[6] = d[5] - d[4];
}

/* G g */
INLINE void kernel_points_3(const vec g[3], vec u[4]) {
    const vec half = splat((real)0.5), ends = g[0] + g[2];
    u[0] = g[0];
    u[1] = half * (ends + g[1]);
    u[2] = half * (ends - g[1]);
    u[3] = g[2];
}

INLINE void kernel_points_5(const vec g[5], vec u[7]) {
    kernel_points_3(g, u);
    u[4] = g[3];
    u[5] = g[3] + g[4];
    u[6] = g[4];
}

/* Aᵀ m */
INLINE void output_of_points_3(const vec m[4], vec z[2]) {
    z[0] = m[0] + m[1] + m[2];
    z[1] = m[1] - m[2] - m[3];
}

INLINE void output_of_points_5(const vec m[7], vec z[2]) {
    output_of_points_3(m, z);
    z[0] += m[4] + m[5];
    z[1] += m[5] + m[6];
}

/* A d */
INLINE void output_points_3(const vec d[2], vec p[4]) {
    p[0] = d[0];
    p[1] = d[0] + d[1];
    p[2] = d[0] - d[1];
    p[3] = -d[1];
}

INLINE void output_points_5(const vec d[2], vec p[7]) {
    output_points_3(d, p);
    p[4] = d[0];
    p[5] = p[1];
    p[6] = d[1];
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
IN_TWO(inputs_in_two_3, input_points_3, 4, 4)
IN_TWO(inputs_in_two_5, input_points_5, 6, 7)
IN_TWO(kernel_in_two_3, kernel_points_3, 3, 4)
IN_TWO(kernel_in_two_5, kernel_points_5, 5, 7)
IN_TWO(outputs_in_two_3, output_of_points_3, 4, 2)
IN_TWO(outputs_in_two_5, output_of_points_5, 7, 2)
IN_TWO(deltas_in_two_3, output_points_3, 2, 4)
IN_TWO(deltas_in_two_5, output_points_5, 2, 7)

/* One vector of each of side x side arrays, transformed, to points x points arrays that are ``apart``. */
#define TO_POINTS(name, side, points, IN_TWO_OF)                                                             \
    INLINE void name##_vector(const real *const *from, long k, long count, real *to, long apart) {           \
        vec in[side][side], out[points][points];                                                             \
        _Pragma("GCC unroll 49") for (int i = 0; i < side * side; i++) in[i / side][i % side] =              \
            count < VL ? load_part(from[i] + k, count) : load(from[i] + k);                                  \
        IN_TWO_OF(in, out);                                                                                  \
        _Pragma("GCC unroll 49") for (int i = 0; i < points * points; i++)                                   \
            store(to + i * apart + k, out[i / points][i % points]);                                          \
    }                                                                                                        \
    static void name(const real *const *from, long count, real *to, long apart) {                            \
        long k = 0;                                                                                          \
        for (; k + VL <= count; k += VL) name##_vector(from, k, VL, to, apart);                              \
        if (k < count) name##_vector(from, k, count - k, to, apart);                                         \
    }
TO_POINTS(inputs_to_points_3, 4, 4, inputs_in_two_3)
TO_POINTS(inputs_to_points_5, 6, 7, inputs_in_two_5)
TO_POINTS(kernels_to_points_3, 3, 4, kernel_in_two_3)
TO_POINTS(kernels_to_points_5, 5, 7, kernel_in_two_5)
TO_POINTS(deltas_to_points_3, 2, 4, deltas_in_two_3)
TO_POINTS(deltas_to_points_5, 2, 7, deltas_in_two_5)

/* One vector of 2 x 2 outputs of points x points arrays that are ``apart``. */
#define OF_POINTS(name, points, IN_TWO_OF)                                                                   \
    static void name(const real *from, long apart, vec out[2][2]) {                                          \
        vec m[points][points];                                                                               \
        _Pragma("GCC unroll 49") for (int i = 0; i < points * points; i++) m[i / points][i % points] =       \
            load(from + i * apart);                                                                          \
        IN_TWO_OF(m, out);                                                                                   \
    }
OF_POINTS(outputs_of_points_3, 4, outputs_in_two_3)
OF_POINTS(outputs_of_points_5, 7, outputs_in_two_5)

typedef void (*ToPoints)(const real *const *from, long count, real *to, long apart);

/* What the number of taps decides. */
typedef struct {
    long taps, read, points; /* of an axis */
    ToPoints inputs, kernels, deltas;
    void (*outputs)(const real *from, long apart, vec out[2][2]);
} Form;

static const Form FORMS[2] = {
    {3, 4, 4, inputs_to_points_3, kernels_to_points_3, deltas_to_points_3, outputs_of_points_3},
    {5, 6, 7, inputs_to_points_5, kernels_to_points_5, deltas_to_points_5, outputs_of_points_5},
};

INLINE Form form_of(long taps) { return FORMS[taps == 5]; }

#endif
