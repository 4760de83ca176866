/* Transforms of a convolution by Fourier series of 8 x 8 numbers: layers/fourier.py.

   Along an axis, eight real numbers x become c_k = Σ x_n cos(πkn/4) and s_k = Σ x_n sin(πkn/4), in the order
   c0 c4 c1 s1 c2 s2 c3 s3. Along both, products of two such factors make up the complex numbers
   X = r - i s of the frequencies (k, l) and (k, -l), and four real ones where both k and l are 0 or 4. */
#ifndef CNNTRAIN_FOURIER_H
#define CNNTRAIN_FOURIER_H

#include "tiles.h"

#define WAVES 8
#define REALS 4 /* values that are no parts of complex numbers: the first ones */
#define ROOT_HALF 0.70710678118654752440

INLINE void waves_of_8(const vec x[8], vec w[8]) {
    const vec h = splat((real)ROOT_HALF);
    const vec e0 = x[0] + x[4], e1 = x[1] + x[5], e2 = x[2] + x[6], e3 = x[3] + x[7];
    const vec o0 = x[0] - x[4], o1 = x[1] - x[5], o2 = x[2] - x[6], o3 = x[3] - x[7];
    const vec even = e0 + e2, odd = e1 + e3, difference = o1 - o3, sum = o1 + o3;
    w[0] = even + odd;
    w[1] = even - odd;
    w[2] = fused(h, difference, o0);
    w[3] = fused(h, sum, o2);
    w[4] = e0 - e2;
    w[5] = e1 - e3;
    w[6] = fused(-h, difference, o0);
    w[7] = fused(h, sum, -o2);
}

/* The same of four numbers, with zeros behind them. */
INLINE void waves_of_4(const vec x[4], vec w[8]) {
    const vec h = splat((real)ROOT_HALF);
    const vec even = x[0] + x[2], odd = x[1] + x[3], difference = x[1] - x[3];
    w[0] = even + odd;
    w[1] = even - odd;
    w[2] = fused(h, difference, x[0]);
    w[3] = fused(h, odd, x[2]);
    w[4] = x[0] - x[2];
    w[5] = difference;
    w[6] = fused(-h, difference, x[0]);
    w[7] = fused(h, odd, -x[2]);
}

/* The first four of the eight numbers whose waves, times their weights, are w. */
INLINE void four_of_waves(const vec w[8], vec x[4]) {
    const vec h = splat((real)ROOT_HALF);
    const vec even = w[0] + w[1], odd = w[0] - w[1], difference = w[2] - w[6], sum = w[3] + w[7];
    x[0] = even + w[4] + (w[2] + w[6]);
    x[1] = fused(h, sum, fused(h, difference, odd + w[5]));
    x[2] = even - w[4] + (w[3] - w[7]);
    x[3] = fused(h, sum, fused(-h, difference, odd - w[5]));
}

/* Where the values of both axes are: the real ones, twelve pairs (r, s) of an axis, the other one of which is
   real, and of nine pairs of frequencies (r, s) of their sum and of their difference. */
#define REAL_AT(p, q) (2 * (p) + (q))
#define ROW_PAIR_AT(p, k) (4 + 2 * (3 * (p) + (k) - 1))
#define COLUMN_PAIR_AT(k, q) (16 + 2 * (3 * (q) + (k) - 1))
#define FOUR_AT(k, l) (28 + 4 * (3 * ((k) - 1) + (l) - 1))

/* Values in this order of products of waves, for one or several numbers at a time. */
#define IN_ORDER(name, type)                                                                                 \
    INLINE void name(type x[WAVES][WAVES], type *out) {                                                      \
        _Pragma("GCC unroll 2") for (int p = 0; p < 2; p++) {                                                \
            _Pragma("GCC unroll 2") for (int q = 0; q < 2; q++) out[REAL_AT(p, q)] = x[p][q];                \
            _Pragma("GCC unroll 3") for (int k = 1; k < 4; k++)                                              \
                _Pragma("GCC unroll 2") for (int part = 0; part < 2; part++) {                               \
                out[ROW_PAIR_AT(p, k) + part] = x[p][2 * k + part];                                          \
                out[COLUMN_PAIR_AT(k, p) + part] = x[2 * k + part][p];                                       \
            }                                                                                                \
        }                                                                                                    \
        _Pragma("GCC unroll 3") for (int k = 1; k < 4; k++)                                                  \
            _Pragma("GCC unroll 3") for (int l = 1; l < 4; l++) {                                            \
            type *four = out + FOUR_AT(k, l);                                                                \
            four[0] = x[2 * k][2 * l] - x[2 * k + 1][2 * l + 1];                                             \
            four[1] = x[2 * k + 1][2 * l] + x[2 * k][2 * l + 1];                                             \
            four[2] = x[2 * k][2 * l] + x[2 * k + 1][2 * l + 1];                                             \
            four[3] = x[2 * k + 1][2 * l] - x[2 * k][2 * l + 1];                                             \
        }                                                                                                    \
    }
IN_ORDER(in_order, vec)
IN_ORDER(kernels_in_order, kernels)

/* The reverse, but that products of two frequencies come out twice. */
#define OUT_OF_ORDER(name, type)                                                                             \
    INLINE void name(const type *in, type x[WAVES][WAVES]) {                                                 \
        _Pragma("GCC unroll 2") for (int p = 0; p < 2; p++) {                                                \
            _Pragma("GCC unroll 2") for (int q = 0; q < 2; q++) x[p][q] = in[REAL_AT(p, q)];                 \
            _Pragma("GCC unroll 3") for (int k = 1; k < 4; k++)                                              \
                _Pragma("GCC unroll 2") for (int part = 0; part < 2; part++) {                               \
                x[p][2 * k + part] = in[ROW_PAIR_AT(p, k) + part];                                           \
                x[2 * k + part][p] = in[COLUMN_PAIR_AT(k, p) + part];                                        \
            }                                                                                                \
        }                                                                                                    \
        _Pragma("GCC unroll 3") for (int k = 1; k < 4; k++)                                                  \
            _Pragma("GCC unroll 3") for (int l = 1; l < 4; l++) {                                            \
            const type *four = in + FOUR_AT(k, l);                                                           \
            x[2 * k][2 * l] = four[0] + four[2];                                                             \
            x[2 * k + 1][2 * l + 1] = four[2] - four[0];                                                     \
            x[2 * k + 1][2 * l] = four[1] + four[3];                                                         \
            x[2 * k][2 * l + 1] = four[1] - four[3];                                                         \
        }                                                                                                    \
    }
OUT_OF_ORDER(out_of_order, vec)
OUT_OF_ORDER(kernels_out_of_order, kernels)

IN_TWO(waves_in_two_of_8, waves_of_8, 8, 8)
IN_TWO(waves_in_two_of_4, waves_of_4, 4, 8)
IN_TWO(four_in_two, four_of_waves, 8, 4)

INLINE void inputs_to_waves_in_two(vec in[8][8], vec out[8][8]) {
    vec waves[8][8];
    waves_in_two_of_8(in, waves);
    in_order(waves, out[0]);
}
INLINE void deltas_to_waves_in_two(vec in[4][4], vec out[8][8]) {
    vec waves[8][8];
    waves_in_two_of_4(in, waves);
    in_order(waves, out[0]);
}
INLINE void outputs_of_waves_in_two(vec in[8][8], vec out[4][4]) {
    vec waves[8][8];
    out_of_order(in[0], waves);
    four_in_two(waves, out);
}
TO_POINTS(inputs_to_waves, 8, 8, inputs_to_waves_in_two)
TO_POINTS(deltas_to_waves, 4, 8, deltas_to_waves_in_two)
OF_POINTS(outputs_of_waves, 4, 8, outputs_of_waves_in_two)

/* cos and sin (πkn/4) of five taps n */
static const double WAVES_OF_5[8][5] = {
    {1, 1, 1, 1, 1},  {1, -1, 1, -1, 1}, {1, ROOT_HALF, 0, -ROOT_HALF, -1}, {0, ROOT_HALF, 1, ROOT_HALF, 0},
    {1, 0, -1, 0, 1}, {0, 1, 0, -1, 0},  {1, -ROOT_HALF, 0, ROOT_HALF, -1}, {0, ROOT_HALF, -1, ROOT_HALF, 0}};
KERNELS_TO_POINTS(waves_of_kernels, 5, 8, WAVES_OF_5)

/* 1 / 8 for each axis, twice where a frequency has a partner -k that is not kept; half of what comes out of
   order twice */
INLINE double weight(int p, int q) {
    return (p < 2 ? 1 : 2) * (q < 2 ? 1 : 2) / (p < 2 || q < 2 ? 64. : 128.);
}

static void kernels_to_waves(const kernels *g, kernels *u) {
    kernels waves[8][8];
    waves_of_kernels(g, waves[0]);
    for (int i = 0; i < 64; i++) waves[i / 8][i % 8] *= weight(i / 8, i % 8);
    kernels_in_order(waves, u);
}

/* The kernels whose waves, in order, are u: transposed, what makes waves of them */
static void weights_of_waves(const kernels *u, kernels *g) {
    kernels waves[WAVES][WAVES];
    kernels_out_of_order(u, waves);
    for (int j = 0; j < 5; j++) {
        kernels half[WAVES];
        for (int p = 0; p < WAVES; p++) {
            half[p] = (kernels){0};
            for (int q = 0; q < WAVES; q++) half[p] += weight(p, q) * WAVES_OF_5[q][j] * waves[p][q];
        }
        for (int i = 0; i < 5; i++) {
            kernels tap = {0};
            for (int p = 0; p < WAVES; p++) tap += WAVES_OF_5[p][i] * half[p];
            g[i * 5 + j] = tap;
        }
    }
}

#endif
