/* Products of the values of tiles and of kernels over channels, which stay in registers until the outputs
   along the rows are worked out: of GROUP outputs at a time, each a chain of fused multiply-adds over c. */
#ifndef CNNTRAIN_POINT_PRODUCTS_H
#define CNNTRAIN_POINT_PRODUCTS_H

#include "tiles.h"

#if defined(ISA_V4) || defined(ISA_NEON)
#define GROUP 4 /* outputs, times six values of a row: of 32 registers */
#else
#define GROUP 2
#endif
#define MOST_POINTS 6 /* of an axis */

typedef vec Sums[GROUP][MOST_POINTS];

/* sum[m][j] = Σ_c U[c, j, m] · V[c, j] */
INLINE void point_products(const int group, const int values, const real *U, const real *V, long count,
                           Sums sum) {
    EACH (m, group)
        EACH (j, values) sum[m][j] = (vec){};
    for (long c = 0; c < count; c++, U += group * values, V += values * VL)
        EACH (j, values) {
            vec v = load(V + j * VL);
            PIN(v);
            EACH (m, group) sum[m][j] = fused(splat(U[j * group + m]), v, sum[m][j]);
        }
}

/* The same of c channels in chains of ``each``, which are added up. */
INLINE void chained_products(const int group, const int values, const real *U, const real *V, long c,
                             long each, Sums sum) {
    point_products(group, values, U, V, least(each, c), sum);
    for (long from = each; from < c; from += each) {
        Sums more;
        point_products(group, values, U + from * group * values, V + from * values * VL,
                       least(each, c - from), more);
        EACH (m, group)
            EACH (j, values) sum[m][j] += more[m][j];
    }
}

/* A row of products of ``group`` outputs, transformed: half[m] is ``apart`` from the next one. */
typedef void (*RowOfProducts)(int group, const real *U, const real *V, long c, long each, real *half,
                              long apart);
/* A vector of all outputs of a tile, written to the map. */
typedef void (*WholeTile)(const real *half, vec b, int has_relu, real *out, long row, long column);

#define ROW_OF_GROUP(group, wide, values, ACROSS)                                                            \
    do {                                                                                                     \
        if (group > GROUP || group != outputs) break;                                                        \
        Sums sum;                                                                                            \
        chained_products(group, values, U, V, c, each, sum);                                                 \
        EACH (m, group) {                                                                                    \
            vec out[wide];                                                                                   \
            ACROSS(sum[m], out);                                                                             \
            EACH (j, wide) store(half + m * apart + j * VL, out[j]);                                         \
        }                                                                                                    \
    } while (0)

/* Outputs of values, an axis as (outputs, values, transform): along a row, of all rows, and to the map. */
#define OF_PRODUCTS(name, DOWN, ACROSS) OF_PRODUCTS_OF(name, DOWN, ACROSS)
#define OF_PRODUCTS_OF(name, tall, rows, DOWN, wide, values, ACROSS)                                         \
    static void rows_of_##name(int outputs, const real *U, const real *V, long c, long each, real *half,     \
                               long apart) {                                                                 \
        ROW_OF_GROUP(4, wide, values, ACROSS);                                                               \
        ROW_OF_GROUP(3, wide, values, ACROSS);                                                               \
        ROW_OF_GROUP(2, wide, values, ACROSS);                                                               \
        ROW_OF_GROUP(1, wide, values, ACROSS);                                                               \
    }                                                                                                        \
    INLINE void name##_at(const real *from, long apart, vec *z) {                                            \
        vec half[rows][wide];                                                                                \
        EACH (i, rows)                                                                                       \
            EACH (j, wide) half[i][j] = load(from + (i * wide + j) * apart);                                 \
        ROWS_TO_TILE(tall, rows, DOWN, wide, half, z)                                                        \
    }                                                                                                        \
    static void name(const real *from, long apart, vec *z) { name##_at(from, apart, z); }                    \
    static void whole_##name(const real *from, vec b, int has_relu, real *out, long row, long column) {      \
        vec z[tall * wide];                                                                                  \
        name##_at(from, VL, z);                                                                              \
        EACH (i, tall)                                                                                       \
            EACH (j, wide) {                                                                                 \
                const vec y = z[i * wide + j] + b;                                                           \
                store(out + i * row + j * column, has_relu ? positive(y) : y);                               \
            }                                                                                                \
    }

#endif
