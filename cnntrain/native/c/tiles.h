/* Convolution tile by tile: numbers of a rectangle of inputs, or of a kernel, are transformed to as many
   values, of which products over channels are taken. Vectors of numbers of the same kind, of which nobody
   here needs to know whether they are samples or channels. */
#ifndef CNNTRAIN_TILES_H
#define CNNTRAIN_TILES_H

#include "vec.h"

#define MOST_TAPS 5
#define MOST_TILE 8    /* outputs of an axis */
#define MOST_READ 8    /* inputs of an axis that a tile reads */
#define MOST_VALUES 64 /* of both axes */

/* Numbers from one value to the next: in a row of a tile, from row to row, and from vector to vector. */
typedef struct {
    long value, row, vector;
} Apart;

typedef void (*ToPoints)(const real *const *from, long count, real *to, Apart apart);
typedef void (*OfPoints)(const real *from, long apart, vec *z);

#define KERNELS 8 /* transformed at a time, in double precision */
typedef double kernels __attribute__((vector_size(KERNELS * sizeof(double))));
typedef void (*OfKernels)(const kernels *g, kernels *u);

/* A vector of inputs of several tiles: piece by piece, the lanes and where each place begins. */
typedef struct {
    int count;
    int lo[LANES], hi[LANES];
    const real *from[LANES][MOST_READ * MOST_READ];
    long step[LANES][MOST_READ * MOST_READ]; /* from channel to channel: 0 where there is only padding */
} Pieces;

typedef void (*OfPieces)(const Pieces *pieces, real *to, Apart apart);

INLINE vec load_pieces(const Pieces *p, int place) {
    vec v = load_between(p->from[0][place], p->lo[0], p->hi[0]);
    for (int i = 1; i < p->count; i++)
        v = (vec)((mask)v | (mask)load_between(p->from[i][place], p->lo[i], p->hi[i]));
    return v;
}

/* What the transform DOWN makes of the columns of ``tall`` x ``wide`` places, and name##_rows of the rows of
   that: for a run of whole vectors, and for a vector of pieces. */
#define LOAD_RUN(place) load(from[place] + k)
#define LOAD_PIECES(place) load_pieces(pieces, place)
#define COLUMNS_OF(tall, wide, DOWN, LOAD)                                                                   \
    EACH (j, wide) {                                                                                         \
        vec column[tall];                                                                                    \
        EACH (i, tall) column[i] = LOAD(i * wide + j);                                                       \
        DOWN(column, half[j]);                                                                               \
    }
#define BOTH_WAYS(name, tall, points, DOWN, wide)                                                            \
    static void name(const real *const *from, long count, real *to, Apart apart) {                           \
        for (long k = 0; k < count; k += VL, to += apart.vector) {                                           \
            vec half[wide][points];                                                                          \
            COLUMNS_OF(tall, wide, DOWN, LOAD_RUN)                                                           \
            name##_rows(half, to, apart);                                                                    \
        }                                                                                                    \
    }                                                                                                        \
    __attribute__((unused)) static void name##_of_pieces(const Pieces *pieces, real *to, Apart apart) {      \
        vec half[wide][points];                                                                              \
        COLUMNS_OF(tall, wide, DOWN, LOAD_PIECES)                                                            \
        name##_rows(half, to, apart);                                                                        \
    }

/* Row i of half, which holds columns */
#define ROW_OF(wide, half, i, row)                                                                           \
    vec row[wide];                                                                                           \
    EACH (j, wide) row[j] = half[j][i];

/* Numbers to values; an axis is (numbers, values, transform). */
#define TO_POINTS(name, DOWN, ACROSS) TO_POINTS_OF(name, DOWN, ACROSS)
#define TO_POINTS_OF(name, tall, rows, DOWN, wide, values, ACROSS)                                           \
    INLINE void name##_rows(vec half[wide][rows], real *to, Apart apart) {                                   \
        EACH (i, rows) {                                                                                     \
            ROW_OF(wide, half, i, row)                                                                       \
            vec out[values];                                                                                 \
            ACROSS(row, out);                                                                                \
            EACH (j, values) store(to + i * apart.row + j * apart.value, out[j]);                            \
        }                                                                                                    \
    }                                                                                                        \
    BOTH_WAYS(name, tall, rows, DOWN, wide)

/* z[i * wide + j] of rows of values: half[i][j] */
#define ROWS_TO_TILE(tall, points, DOWN, wide, half, z)                                                      \
    EACH (j, wide) {                                                                                         \
        vec column[points], out[tall];                                                                       \
        EACH (i, points) column[i] = half[i][j];                                                             \
        DOWN(column, out);                                                                                   \
        EACH (i, tall) z[i * wide + j] = out[i];                                                             \
    }

/* u = G g Gᵀ of some kernels, G of the axis down and of that across: (taps, values, matrix) */
#define KERNELS_TO_POINTS(name, DOWN, ACROSS) KERNELS_TO_POINTS_OF(name, DOWN, ACROSS)
#define KERNELS_TO_POINTS_OF(name, taps, rows, DOWN, same_taps, values, ACROSS)                              \
    static void name(const kernels *g, kernels *u) {                                                         \
        for (int p = 0; p < rows; p++) {                                                                     \
            kernels half[taps] = {{0}};                                                                      \
            for (int t = 0; t < taps; t++)                                                                   \
                for (int s = 0; s < taps; s++) half[t] += DOWN[p][s] * g[s * taps + t];                      \
            for (int q = 0; q < values; q++) {                                                               \
                kernels sum = {0};                                                                           \
                for (int t = 0; t < taps; t++) sum += ACROSS[q][t] * half[t];                                \
                u[p * values + q] = sum;                                                                     \
            }                                                                                                \
        }                                                                                                    \
    }

#endif
