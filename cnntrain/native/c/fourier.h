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
#define EACH_OF_FOUR(n) _Pragma("GCC unroll 4") for (int n = 0; n < 4; n++)

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

/* All of the eight. */
INLINE void eight_of_waves(const vec w[8], vec x[8]) {
    const vec h = splat((real)ROOT_HALF);
    const vec even = w[0] + w[1], odd = w[0] - w[1], difference = w[2] - w[6], sum = w[3] + w[7];
    const vec of_even[4] = {even + w[4], odd + w[5], even - w[4], odd - w[5]};
    const vec of_odd[4] = {w[2] + w[6], h * (sum + difference), w[3] - w[7], h * (sum - difference)};
    EACH_OF_FOUR(n) {
        x[n] = of_even[n] + of_odd[n];
        x[n + 4] = of_even[n] - of_odd[n];
    }
}

/* Where the values of both axes are: the real ones, twelve pairs (r, s) of an axis, the other one of which is
   real, and of nine pairs of frequencies (r, s) of their sum and of their difference. */
#define REAL_AT(p, q) (2 * (p) + (q))
#define ROW_PAIR_AT(p, k) (4 + 2 * (3 * (p) + (k) - 1))
#define COLUMN_PAIR_AT(k, q) (16 + 2 * (3 * (q) + (k) - 1))
#define FOUR_AT(k, l) (28 + 4 * (3 * ((k) - 1) + (l) - 1))

/* Rows of products of waves to their values: row p of c0 or c4, and rows c and s of frequency k */
#define PUT_REAL_ROW(p, row, PUT)                                                                            \
    _Pragma("GCC unroll 2") for (int q = 0; q < 2; q++) PUT(REAL_AT(p, q), row[q]);                          \
    _Pragma("GCC unroll 3") for (int k = 1; k < 4; k++) {                                                    \
        PUT(ROW_PAIR_AT(p, k), row[2 * k]);                                                                  \
        PUT(ROW_PAIR_AT(p, k) + 1, row[2 * k + 1]);                                                          \
    }
#define PUT_TWO_ROWS(k, c, s, PUT)                                                                           \
    _Pragma("GCC unroll 2") for (int q = 0; q < 2; q++) {                                                    \
        PUT(COLUMN_PAIR_AT(k, q), c[q]);                                                                     \
        PUT(COLUMN_PAIR_AT(k, q) + 1, s[q]);                                                                 \
    }                                                                                                        \
    _Pragma("GCC unroll 3") for (int m = 1; m < 4; m++) {                                                    \
        PUT(FOUR_AT(k, m), c[2 * m] - s[2 * m + 1]);                                                         \
        PUT(FOUR_AT(k, m) + 1, s[2 * m] + c[2 * m + 1]);                                                     \
        PUT(FOUR_AT(k, m) + 2, c[2 * m] + s[2 * m + 1]);                                                     \
        PUT(FOUR_AT(k, m) + 3, s[2 * m] - c[2 * m + 1]);                                                     \
    }

/* The reverse, but that products of two frequencies come out twice. */
#define GET_REAL_ROW(p, row, GET)                                                                            \
    _Pragma("GCC unroll 2") for (int q = 0; q < 2; q++) row[q] = GET(REAL_AT(p, q));                         \
    _Pragma("GCC unroll 3") for (int k = 1; k < 4; k++) {                                                    \
        row[2 * k] = GET(ROW_PAIR_AT(p, k));                                                                 \
        row[2 * k + 1] = GET(ROW_PAIR_AT(p, k) + 1);                                                         \
    }
#define GET_TWO_ROWS(k, c, s, GET)                                                                           \
    _Pragma("GCC unroll 2") for (int q = 0; q < 2; q++) {                                                    \
        c[q] = GET(COLUMN_PAIR_AT(k, q));                                                                    \
        s[q] = GET(COLUMN_PAIR_AT(k, q) + 1);                                                                \
    }                                                                                                        \
    _Pragma("GCC unroll 3") for (int m = 1; m < 4; m++) {                                                    \
        c[2 * m] = GET(FOUR_AT(k, m)) + GET(FOUR_AT(k, m) + 2);                                              \
        s[2 * m + 1] = GET(FOUR_AT(k, m) + 2) - GET(FOUR_AT(k, m));                                          \
        s[2 * m] = GET(FOUR_AT(k, m) + 1) + GET(FOUR_AT(k, m) + 3);                                          \
        c[2 * m + 1] = GET(FOUR_AT(k, m) + 1) - GET(FOUR_AT(k, m) + 3);                                      \
    }

/* Numbers of side x side places, transformed, to 64 values. */
#define STORE_VALUE(i, v) store(to + (i) * apart.value, v)
#define TO_WAVES(name, side, TRANSFORM)                                                                      \
    INLINE void name##_rows(vec half[side][WAVES], real *to, Apart apart) {                                  \
        _Pragma("GCC unroll 2") for (int p = 0; p < 2; p++) {                                                \
            ROW_OF(side, half, p, row)                                                                       \
            vec out[WAVES];                                                                                  \
            TRANSFORM(row, out);                                                                             \
            PUT_REAL_ROW(p, out, STORE_VALUE)                                                                \
        }                                                                                                    \
        _Pragma("GCC unroll 3") for (int l = 1; l < 4; l++) {                                                \
            ROW_OF(side, half, 2 * l, c_row)                                                                 \
            ROW_OF(side, half, 2 * l + 1, s_row)                                                             \
            vec c[WAVES], s[WAVES];                                                                          \
            TRANSFORM(c_row, c);                                                                             \
            TRANSFORM(s_row, s);                                                                             \
            PUT_TWO_ROWS(l, c, s, STORE_VALUE)                                                               \
        }                                                                                                    \
    }                                                                                                        \
    BOTH_WAYS(name, side, WAVES, TRANSFORM, side)
TO_WAVES(inputs_to_waves, 8, waves_of_8)
TO_WAVES(deltas_to_waves, 4, waves_of_4)

/* One vector of a tile of outputs. */
#define LOAD_VALUE(i) load(from + (i) * apart)
#define OF_WAVES(name, side, TRANSFORM)                                                                      \
    static void name(const real *from, long apart, vec *z) {                                                 \
        vec half[WAVES][side];                                                                               \
        _Pragma("GCC unroll 2") for (int p = 0; p < 2; p++) {                                                \
            vec row[WAVES];                                                                                  \
            GET_REAL_ROW(p, row, LOAD_VALUE)                                                                 \
            TRANSFORM(row, half[p]);                                                                         \
        }                                                                                                    \
        _Pragma("GCC unroll 3") for (int k = 1; k < 4; k++) {                                                \
            vec c[WAVES], s[WAVES];                                                                          \
            GET_TWO_ROWS(k, c, s, LOAD_VALUE)                                                                \
            TRANSFORM(c, half[2 * k]);                                                                       \
            TRANSFORM(s, half[2 * k + 1]);                                                                   \
        }                                                                                                    \
        ROWS_TO_TILE(side, WAVES, TRANSFORM, side, half, z)                                                  \
    }
OF_WAVES(outputs_of_waves, 4, four_of_waves)
OF_WAVES(shares_of_waves, 8, eight_of_waves)

/* cos and sin (πkn/4) of five taps n */
static const double WAVES_OF_5[8][5] = {
    {1, 1, 1, 1, 1},  {1, -1, 1, -1, 1}, {1, ROOT_HALF, 0, -ROOT_HALF, -1}, {0, ROOT_HALF, 1, ROOT_HALF, 0},
    {1, 0, -1, 0, 1}, {0, 1, 0, -1, 0},  {1, -ROOT_HALF, 0, ROOT_HALF, -1}, {0, ROOT_HALF, -1, ROOT_HALF, 0}};
#define FIVE_TAPS 5, WAVES, WAVES_OF_5
KERNELS_TO_POINTS(waves_of_kernels, FIVE_TAPS, FIVE_TAPS)

/* 1 / 8 for each axis, twice where a frequency has a partner -k that is not kept; half of what comes out of
   order twice */
INLINE double weight(int p, int q) {
    return (p < 2 ? 1 : 2) * (q < 2 ? 1 : 2) / (p < 2 || q < 2 ? 64. : 128.);
}

static void kernels_to_waves(const kernels *g, kernels *u) {
    kernels waves[WAVES][WAVES];
    waves_of_kernels(g, waves[0]);
    for (int i = 0; i < 64; i++) waves[i / 8][i % 8] *= weight(i / 8, i % 8);
#define KEEP(i, v) u[i] = v
    for (int p = 0; p < 2; p++) { PUT_REAL_ROW(p, waves[p], KEEP) }
    for (int k = 1; k < 4; k++) { PUT_TWO_ROWS(k, waves[2 * k], waves[2 * k + 1], KEEP) }
}

/* The kernels whose waves, in order, are u: transposed, what makes waves of them */
static void weights_of_waves(const kernels *u, kernels *g) {
    kernels waves[WAVES][WAVES];
#define KEPT(i) u[i]
    for (int p = 0; p < 2; p++) { GET_REAL_ROW(p, waves[p], KEPT) }
    for (int k = 1; k < 4; k++) { GET_TWO_ROWS(k, waves[2 * k], waves[2 * k + 1], KEPT) }
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
