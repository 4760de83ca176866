/* Convolution tile by tile: numbers of a square of inputs, or of a kernel, are transformed to as many values,
   of which products over channels are taken. Vectors of numbers of the same kind, of which nobody here needs
   to know whether they are samples or channels. */
#ifndef CNNTRAIN_TILES_H
#define CNNTRAIN_TILES_H

#include "vec.h"

#define MOST_TAPS 5
#define MOST_TILE 8    /* outputs of an axis */
#define MOST_READ 8    /* inputs of an axis that a tile reads */
#define MOST_VALUES 64 /* of both axes */

typedef void (*ToPoints)(const real *const *from, long count, real *to, long apart);
typedef void (*OfPoints)(const real *from, long apart, vec *z);

#define KERNELS 8 /* transformed at a time, in double precision */
typedef double kernels __attribute__((vector_size(KERNELS * sizeof(double))));
typedef void (*OfKernels)(const kernels *g, kernels *u);

/* A vector of inputs of several tiles: piece by piece, the lanes and where each place of the square begins.
 */
typedef struct {
    int count;
    int lo[LANES], hi[LANES];
    const real *from[LANES][MOST_READ * MOST_READ];
    long step[LANES][MOST_READ * MOST_READ]; /* from channel to channel: 0 where there is only padding */
} Pieces;

typedef void (*OfPieces)(const Pieces *pieces, real *to, long apart);

INLINE vec load_pieces(const Pieces *p, int place) {
    vec v = load_between(p->from[0][place], p->lo[0], p->hi[0]);
    for (int i = 1; i < p->count; i++)
        v = (vec)((mask)v | (mask)load_between(p->from[i][place], p->lo[i], p->hi[i]));
    return v;
}

/* Numbers of a square, column by column: half[j] = TRANSFORM of column j */
#define COLUMNS_OF(side, TRANSFORM, LOAD, half)                                                              \
    _Pragma("GCC unroll 8") for (int j = 0; j < side; j++) {                                                 \
        vec column[side];                                                                                    \
        _Pragma("GCC unroll 8") for (int i = 0; i < side; i++) column[i] = LOAD(i * side + j);               \
        TRANSFORM(column, half[j]);                                                                          \
    }

/* Row i of half, which holds columns */
#define ROW_OF(side, half, i, row)                                                                           \
    vec row[side];                                                                                           \
    _Pragma("GCC unroll 8") for (int j = 0; j < side; j++) row[j] = half[j][i];

/* What ROWS makes of the columns, for a run of whole vectors, and for a vector of pieces. */
#define LOAD_RUN(place) load(from[place] + k)
#define LOAD_PIECES(place) load_pieces(pieces, place)
#define BOTH_WAYS(name, side, points, TRANSFORM, ROWS)                                                       \
    static void name(const real *const *from, long count, real *to, long apart) {                            \
        for (long k = 0; k < count; k += VL, to += VL) {                                                     \
            vec half[side][points];                                                                          \
            COLUMNS_OF(side, TRANSFORM, LOAD_RUN, half)                                                      \
            ROWS(side, points, TRANSFORM, half, to, apart)                                                   \
        }                                                                                                    \
    }                                                                                                        \
    __attribute__((unused)) static void name##_of_pieces(const Pieces *pieces, real *to, long apart) {       \
        vec half[side][points];                                                                              \
        COLUMNS_OF(side, TRANSFORM, LOAD_PIECES, half)                                                       \
        ROWS(side, points, TRANSFORM, half, to, apart)                                                       \
    }

/* Numbers of each of side x side arrays, transformed, to points x points arrays that are ``apart``. */
#define TO_POINTS(name, side, points, TRANSFORM) BOTH_WAYS(name, side, points, TRANSFORM, ROWS_TO_POINTS)
#define ROWS_TO_POINTS(side, points, TRANSFORM, half, to, apart)                                             \
    _Pragma("GCC unroll 8") for (int i = 0; i < points; i++) {                                               \
        ROW_OF(side, half, i, row)                                                                           \
        vec out[points];                                                                                     \
        TRANSFORM(row, out);                                                                                 \
        _Pragma("GCC unroll 8") for (int j = 0; j < points; j++)                                             \
            store(to + (i * points + j) * apart, out[j]);                                                    \
    }

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
