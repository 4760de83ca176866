/* Transforms of Winograd's F(2x2, 3x3), F(4x4, 3x3) and F(2x2, 5x5): layers/winograd.py.

   Four points are 0, ±1 and ∞; six are 0, ±a, ±b and ∞; seven are those four of three taps and 0, 1 and ∞ of
   the other two. */
#ifndef CNNTRAIN_WINOGRAD_H
#define CNNTRAIN_WINOGRAD_H

#include "point_products.h"

#define POINT_A 0.625 /* a and b, their squares, and what comes of both, are exact numbers */
#define POINT_B 1.5
#define A_SQUARED (POINT_A * POINT_A)
#define B_SQUARED (POINT_B * POINT_B)

/* Bᵀ d */
INLINE void input_points_4(const vec d[4], vec v[4]) {
    v[0] = d[2] - d[0];
    v[1] = d[1] + d[2];
    v[2] = d[2] - d[1];
    v[3] = d[3] - d[1];
}

/* 0 and ∞: x⁴ - (a² + b²) x² + a² b² of even and of odd numbers */
INLINE vec outer_point(vec low, vec middle, vec high) {
    const vec product = splat((real)(A_SQUARED * B_SQUARED)), sum = splat((real)(A_SQUARED + B_SQUARED));
    return fused(product, low, fused(-sum, middle, high));
}

/* ±point: (x³ - square x) (x ± point), where ``square`` is that of the other one */
INLINE void two_points(const vec d[6], double point, double square, vec v[2]) {
    const vec s = splat((real)-square), p = splat((real)point);
    const vec even = fused(s, d[2], d[4]), odd = fused(s, d[1], d[3]);
    v[0] = fused(p, odd, even);
    v[1] = fused(-p, odd, even);
}

INLINE void input_points_6(const vec d[6], vec v[6]) {
    v[0] = outer_point(d[0], d[2], d[4]);
    two_points(d, POINT_A, B_SQUARED, v + 1);
    two_points(d, POINT_B, A_SQUARED, v + 3);
    v[5] = outer_point(d[1], d[3], d[5]);
}

INLINE void input_points_7(const vec d[6], vec v[7]) {
    input_points_4(d, v);
    v[4] = d[4] - d[3];
    v[5] = d[4];
    v[6] = d[5] - d[4];
}

/* Aᵀ m */
INLINE void output_2_of_4(const vec m[4], vec z[2]) {
    z[0] = m[0] + m[1] + m[2];
    z[1] = m[1] - m[2] + m[3];
}

INLINE void output_2_of_6(const vec m[6], vec z[2]) {
    const vec a = splat((real)POINT_A), b = splat((real)POINT_B);
    z[0] = m[0] + ((m[1] + m[2]) + (m[3] + m[4]));
    z[1] = fused(a, m[1] - m[2], fused(b, m[3] - m[4], m[5]));
}

INLINE void output_4_of_6(const vec m[6], vec z[4]) {
    const vec a = splat((real)POINT_A), b = splat((real)POINT_B);
    const vec a2 = splat((real)A_SQUARED), b2 = splat((real)B_SQUARED);
    const vec even_a = m[1] + m[2], even_b = m[3] + m[4];
    const vec odd_a = a * (m[1] - m[2]), odd_b = b * (m[3] - m[4]);
    z[0] = m[0] + (even_a + even_b);
    z[1] = odd_a + odd_b;
    z[2] = fused(a2, even_a, b2 * even_b);
    z[3] = fused(a2, odd_a, fused(b2, odd_b, m[5]));
}

/* A d */
INLINE void delta_points_4(const vec d[2], vec p[4]) {
    p[0] = d[0];
    p[1] = d[0] + d[1];
    p[2] = d[0] - d[1];
    p[3] = d[1];
}

INLINE void delta_points_7(const vec d[2], vec p[7]) {
    delta_points_4(d, p);
    p[4] = d[0];
    p[5] = p[1];
    p[6] = d[1];
}

/* (numbers, values, transform) of an axis */
#define INPUTS_4 4, 4, input_points_4
#define INPUTS_6 6, 6, input_points_6
#define INPUTS_7 6, 7, input_points_7
#define DELTAS_4 2, 4, delta_points_4
#define DELTAS_7 2, 7, delta_points_7
TO_POINTS(inputs_to_points_4, INPUTS_4, INPUTS_4)
TO_POINTS(inputs_to_points_4_6, INPUTS_4, INPUTS_6)
TO_POINTS(inputs_to_points_6, INPUTS_6, INPUTS_6)
TO_POINTS(inputs_to_points_7, INPUTS_7, INPUTS_7)
TO_POINTS(deltas_to_points_4, DELTAS_4, DELTAS_4)
TO_POINTS(deltas_to_points_7, DELTAS_7, DELTAS_7)

/* (outputs, values, transform) */
#define OUTPUTS_2_OF_4 2, 4, output_2_of_4
#define OUTPUTS_2_OF_6 2, 6, output_2_of_6
#define OUTPUTS_4_OF_6 4, 6, output_4_of_6
OF_PRODUCTS(outputs_2_of_4, OUTPUTS_2_OF_4, OUTPUTS_2_OF_4)
OF_PRODUCTS(outputs_2_of_6, OUTPUTS_2_OF_6, OUTPUTS_2_OF_6)
OF_PRODUCTS(outputs_2_4_of_4_6, OUTPUTS_2_OF_4, OUTPUTS_4_OF_6)
OF_PRODUCTS(outputs_4_of_6, OUTPUTS_4_OF_6, OUTPUTS_4_OF_6)

/* (1, p, p²...) / N, where N is the product of the differences of p to the other points; ∞ has the last tap
 */
static const double G_4_OF_3[4][3] = {{-1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
#define AT_0 (1 / (A_SQUARED * B_SQUARED))
#define AT_A (1 / (2 * A_SQUARED * (A_SQUARED - B_SQUARED)))
#define AT_B (1 / (2 * B_SQUARED * (B_SQUARED - A_SQUARED)))
#define POWERS_3(p, at) {at, (p) * at, (p) * (p) * at}
#define POWERS_5(p, at) {at, (p) * at, (p) * (p) * at, (p) * (p) * (p) * at, (p) * (p) * (p) * (p) * at}
#define FINITE_POINTS(POWERS)                                                                                \
    POWERS(0., AT_0), POWERS(POINT_A, AT_A), POWERS(-POINT_A, AT_A), POWERS(POINT_B, AT_B),                  \
        POWERS(-POINT_B, AT_B)
static const double G_6_OF_3[6][3] = {FINITE_POINTS(POWERS_3), {0, 0, 1}};
static const double G_6_OF_5[6][5] = {FINITE_POINTS(POWERS_5), {0, 0, 0, 0, 1}};

/* (taps, values, matrix) */
#define TAPS_4_OF_3 3, 4, G_4_OF_3
#define TAPS_6_OF_3 3, 6, G_6_OF_3
#define TAPS_6_OF_5 5, 6, G_6_OF_5
KERNELS_TO_POINTS(kernels_to_points_4_of_3, TAPS_4_OF_3, TAPS_4_OF_3)
KERNELS_TO_POINTS(kernels_to_points_4_6_of_3, TAPS_4_OF_3, TAPS_6_OF_3)
KERNELS_TO_POINTS(kernels_to_points_6_of_3, TAPS_6_OF_3, TAPS_6_OF_3)
KERNELS_TO_POINTS(kernels_to_points_6_of_5, TAPS_6_OF_5, TAPS_6_OF_5)

/* Gᵀ u of numbers that are ``apart``, with the points 0, ±1 and ∞ */
INLINE void taps_of_4_points(const kernels *u, int apart, kernels *g) {
    const kernels sum = u[apart] + u[2 * apart], difference = u[apart] - u[2 * apart];
    g[0] = 0.5 * sum - u[0];
    g[1] = 0.5 * difference;
    g[2] = 0.5 * sum + u[3 * apart];
}

/* Behind them those of 0, 1 and ∞. */
INLINE void taps_of_7_points(const kernels *u, int apart, kernels *g) {
    taps_of_4_points(u, apart, g);
    g[3] = u[5 * apart] - u[4 * apart];
    g[4] = u[5 * apart] + u[6 * apart];
}

/* g = Gᵀ u G */
#define WEIGHTS_OF_POINTS(name, taps, points, TAPS_OF)                                                       \
    static void name(const kernels *u, kernels *g) {                                                         \
        kernels half[points][taps];                                                                          \
        for (int j = 0; j < points; j++) TAPS_OF(u + j, points, half[j]);                                    \
        for (int i = 0; i < taps; i++) TAPS_OF(half[0] + i, taps, g + i * taps);                             \
    }
WEIGHTS_OF_POINTS(weights_of_4_points, 3, 4, taps_of_4_points)
WEIGHTS_OF_POINTS(weights_of_7_points, 5, 7, taps_of_7_points)

#endif
