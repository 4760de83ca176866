/* Sums over many numbers, in one order on every CPU.

   Number p goes to lane p mod 16 of a virtual vector of doubles; a block of BLOCK numbers is added up lane
   by lane, its lanes by a fixed tree, and the blocks one after the other. A product of two float32 numbers
   has no rounding in double precision. */
#ifndef CNNTRAIN_SUMS_H
#define CNNTRAIN_SUMS_H

#include "vec.h"

#define DVL ((long)(VECTOR_BYTES / sizeof(double))) /* doubles in a vector */
#define DPARTS (LANES / (VECTOR_BYTES / (long)sizeof(double)))
typedef double dvec __attribute__((vector_size(VECTOR_BYTES)));
typedef int64_t dmask __attribute__((vector_size(VECTOR_BYTES)));

#ifdef REAL_IS_DOUBLE
#define BLOCK (LANES * 8) /* few, because a lane is no more precise than its numbers */
INLINE dvec dload(const real *p) { return (dvec)load(p); }
#else
#define BLOCK (LANES * 1024)
#if defined(ISA_V4) /* compilers make several instructions of __builtin_convertvector */
INLINE dvec dload(const real *p) { return (dvec)_mm512_cvtps_pd(_mm256_loadu_ps(p)); }
#elif defined(ISA_V3)
INLINE dvec dload(const real *p) { return (dvec)_mm256_cvtps_pd(_mm_loadu_ps(p)); }
#else
typedef float half_vec __attribute__((vector_size(VECTOR_BYTES / 2), aligned(4), may_alias));
INLINE dvec dload(const real *p) { return __builtin_convertvector(*(const half_vec *)p, dvec); }
#endif
#endif

#define LANES_OF(type, n)                                                                                    \
    type __attribute__((vector_size(n * sizeof(type)), aligned(sizeof(type)), may_alias))
#define TREE(name, type)                                                                                     \
    /* The sum of 16 lanes: lanes i and i + 8 are added, then i and i + 4, i + 2, i + 1. */                  \
    INLINE type name(const type *lane) {                                                                     \
        typedef LANES_OF(type, 8) eight;                                                                     \
        const eight e = *(const eight *)lane + *(const eight *)(lane + 8);                                   \
        const LANES_OF(type, 4) f =                                                                          \
            __builtin_shufflevector(e, e, 0, 1, 2, 3) + __builtin_shufflevector(e, e, 4, 5, 6, 7);           \
        const LANES_OF(type, 2) t =                                                                          \
            __builtin_shufflevector(f, f, 0, 1) + __builtin_shufflevector(f, f, 2, 3);                       \
        return t[0] + t[1];                                                                                  \
    }
TREE(lane_tree, real)
TREE(wide_lane_tree, double)

/* total + x, with what is lost added to ``lost`` (Knuth 1969). */
INLINE double add_careful(double total, double x, double *lost) {
    const double sum = total + x, part = sum - total;
    *lost += (total - (sum - part)) + (x - part);
    return sum;
}

/* v where its lanes, the first of which is number ``at``, are less than ``count``, else 0 */
INLINE dvec first_of_lanes(dvec v, long at, long count) {
    dmask keep;
    for (long i = 0; i < DVL; i++) keep[i] = -(at + i < count);
    return (dvec)((dmask)v & keep);
}

/* The sums of a block, added to the totals; and the totals. */
#define ADD_LANES(count)                                                                                     \
    for (int s = 0; s < (count); s++) {                                                                      \
        double lane[LANES];                                                                                  \
        for (int part = 0; part < DPARTS; part++) memcpy(lane + part * DVL, &sum[s][part], sizeof(dvec));    \
        total[s] = add_careful(total[s], wide_lane_tree(lane), &lost[s]);                                    \
    }
#define KEEP_LOST(count, out)                                                                                \
    for (int s = 0; s < (count); s++) /* an infinity has lost nothing */                                     \
        (out)[s] = total[s] - total[s] == 0 ? total[s] + lost[s] : total[s];

/* Σ over p < n of ``count`` values at once, in out[0 .. count - 1]. FIND sets value[0 .. count - 1] in terms
   of
   ``at``, the place of a vector of doubles in a and b. The last numbers are copied, with zeros behind them,
   so that FIND may read whole vectors. */
#define SUMS_OF(count, n, X, Y, FIND, out)                                                                   \
    double total[count] = {0}, lost[count] = {0};                                                            \
    for (long begin = 0; begin < (n); begin += BLOCK) {                                                      \
        const long end = least((n), begin + BLOCK), whole = begin + (end - begin) / LANES * LANES;           \
        dvec sum[count][DPARTS] = {{{0}}}, value[count];                                                     \
        const real *a = (X), *b = (Y); /* b is not read by every FIND */                                     \
        for (long p = begin; p < whole; p += LANES)                                                          \
            for (int part = 0; part < DPARTS; part++) {                                                      \
                const long at = p + part * DVL;                                                              \
                FIND;                                                                                        \
                for (int s = 0; s < (count); s++) sum[s][part] += value[s];                                  \
            }                                                                                                \
        if (whole < end) {                                                                                   \
            real last_a[LANES] = {0}, last_b[LANES] = {0};                                                   \
            memcpy(last_a, a + whole, (size_t)(end - whole) * sizeof(real));                                 \
            memcpy(last_b, b + whole, (size_t)(end - whole) * sizeof(real));                                 \
            a = last_a, b = last_b;                                                                          \
            for (int part = 0; part < DPARTS; part++) {                                                      \
                const long at = part * DVL;                                                                  \
                FIND;                                                                                        \
                for (int s = 0; s < (count); s++) sum[s][part] += first_of_lanes(value[s], at, end - whole); \
            }                                                                                                \
        }                                                                                                    \
        ADD_LANES(count)                                                                                     \
    }                                                                                                        \
    KEEP_LOST(count, out)

#define SHORT 8 /* numbers of a lane that are added up in the precision of the kernel's type */

/* sum += v, lane by lane */
INLINE void add_widened(vec v, dvec *sum) {
    real lane[VECTOR_BYTES / sizeof(real)];
    store(lane, v);
    for (long k = 0; k < VL / DVL; k++) sum[k] += dload(lane + k * DVL);
}

/* v where its lanes, the first of which is number ``at``, are less than ``count``, else 0 */
INLINE vec first_of_numbers(vec v, long at, long count) {
    mask keep;
    for (long i = 0; i < VL; i++) keep[i] = -(at + i < count);
    return (vec)((mask)v & keep);
}

/* Σ over p < n of ``count`` values at once, which FIND sets in terms of a and b, vectors of X and Y. The
   first
   ``exact`` of them are added up in double precision, as in SUMS_OF; the others are value[s] · factor[s], in
   chains of SHORT fused multiply-adds before that. */
#define SHORT_SUMS_OF(exact, count, n, X, Y, FIND, out)                                                      \
    double total[count] = {0}, lost[count] = {0};                                                            \
    for (long begin = 0; begin < (n); begin += BLOCK) {                                                      \
        const long end = least((n), begin + BLOCK);                                                          \
        dvec sum[count][DPARTS] = {{{0}}};                                                                   \
        for (long from = begin; from < end; from += SHORT * LANES) {                                         \
            const long stop = least(end, from + SHORT * LANES);                                              \
            for (int part = 0; part < PARTS; part++) {                                                       \
                vec chain[count] = {{0}}, value[count], factor[count];                                       \
                for (long p = from + part * VL; p < stop; p += LANES) {                                      \
                    const vec a = load_up_to((X) + p, stop - p);                                             \
                    const vec b __attribute__((unused)) = load_up_to((Y) + p, stop - p);                     \
                    FIND;                                                                                    \
                    for (int s = 0; s < (count); s++) {                                                      \
                        if (stop - p < VL) value[s] = first_of_numbers(value[s], p, stop);                   \
                        if (s < (exact)) add_widened(value[s], sum[s] + part * (VL / DVL));                  \
                        else                                                                                 \
                            chain[s] = fused(value[s], factor[s], chain[s]);                                 \
                    }                                                                                        \
                }                                                                                            \
                for (int s = (exact); s < (count); s++) add_widened(chain[s], sum[s] + part * (VL / DVL));   \
            }                                                                                                \
        }                                                                                                    \
        ADD_LANES(count)                                                                                     \
    }                                                                                                        \
    KEEP_LOST(count, out)

/* The same of one value, which is returned. */
#define SUM_OF(n, X, Y, VALUE)                                                                               \
    double found[1];                                                                                         \
    SUMS_OF(1, n, X, Y, value[0] = VALUE, found)                                                             \
    return found[0];

/* Σ x[p] */
INLINE double sum_of(const real *x, long n){SUM_OF(n, x, x, dload(a + at))}

/* Σ x[p] · y[p] */
INLINE double dot_of(const real *x, const real *y, long n) {
    SUM_OF(n, x, y, dload(a + at) * dload(b + at))
}
#endif
