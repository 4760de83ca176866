/* Sums over many numbers, in one order on every CPU.

   Number p goes to lane p mod 16 of a virtual vector; a block of BLOCK numbers is added up lane by
   lane, its lanes by a fixed tree, and the blocks in double precision, one after the other. */
#ifndef CNNTRAIN_SUMS_H
#define CNNTRAIN_SUMS_H

#include "vec.h"

#define BLOCK (LANES * 32)

#define LANES_OF(n) real __attribute__((vector_size(n * sizeof(real)), aligned(sizeof(real)), may_alias))
typedef LANES_OF(8) eight;
typedef LANES_OF(4) four;
typedef LANES_OF(2) two;

/* The sum of 16 lanes: lanes i and i+8 are added, then i and i+4, i+2, i+1. */
INLINE real lane_tree(const real *lane) {
    const eight e = *(const eight *)lane + *(const eight *)(lane + 8);
    const four f = __builtin_shufflevector(e, e, 0, 1, 2, 3) + __builtin_shufflevector(e, e, 4, 5, 6, 7);
    const two t = __builtin_shufflevector(f, f, 0, 1) + __builtin_shufflevector(f, f, 2, 3);
    return t[0] + t[1];
}

/* total += the sum of n numbers. VALUE is the new sum of a vector of them, at ``at``, in terms of the
   old one, SUM; VALUE_PART the same where only ``left`` numbers are left, its other lanes unchanged. */
#define SUM_BLOCKS(total, n, VALUE, VALUE_PART)                                                       \
    for (long begin_ = 0; begin_ < (n); begin_ += BLOCK) {                                            \
        const long end_ = least((n), begin_ + BLOCK), whole_ = begin_ + (end_ - begin_) / LANES * LANES; \
        vec sum_[PARTS];                                                                              \
        for (int part_ = 0; part_ < PARTS; part_++) sum_[part_] = (vec){};                            \
        for (long p = begin_; p < whole_; p += LANES)                                                 \
            for (int part_ = 0; part_ < PARTS; part_++) {                                             \
                const long at = p + part_ * VL;                                                       \
                sum_[part_] = VALUE;                                                                  \
            }                                                                                         \
        for (int part_ = 0; part_ < PARTS && whole_ < end_; part_++) {                                \
            const long at = whole_ + part_ * VL, left = least(VL, end_ - at);                         \
            if (left > 0) sum_[part_] = VALUE_PART;                                                   \
        }                                                                                             \
        real lane_[LANES];                                                                            \
        for (int part_ = 0; part_ < PARTS; part_++) store(lane_ + part_ * VL, sum_[part_]);           \
        total += (double)lane_tree(lane_);                                                            \
    }
#define SUM sum_[part_]

/* Σ x[p] */
INLINE double sum_of(const real *x, long n) {
    double total = 0;
    SUM_BLOCKS(total, n, SUM + load(x + at), SUM + load_part(x + at, left))
    return total;
}

/* Σ x[p] · y[p] */
INLINE double dot_of(const real *x, const real *y, long n) {
    double total = 0;
    SUM_BLOCKS(total, n, fused(load(x + at), load(y + at), SUM),
               fused(load_part(x + at, left), load_part(y + at, left), SUM))
    return total;
}

/* v in the first n lanes, 0 in the others. */
INLINE vec first_lanes(vec v, long n) {
    real all[VECTOR_BYTES / sizeof(real)];
    store(all, v);
    return load_part(all, n);
}

/* Σ (x[p] - middle)² */
INLINE double squares_around(const real *x, real middle, long n) {
    double total = 0;
    const vec m = splat(middle);
    SUM_BLOCKS(total, n, fused(load(x + at) - m, load(x + at) - m, SUM),
               fused(load_part(x + at, left) - first_lanes(m, left), load_part(x + at, left) - first_lanes(m, left), SUM))
    return total;
}
#endif
