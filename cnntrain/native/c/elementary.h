/* exp, expm1, log, log1p, tanh, sigmoid, erf of vectors: additions, products, quotients and fused
   multiply-adds only, so the same bits on every CPU.

   Largest errors over dense grids (tests/native/test_elementary.py), in units of the last place:
   float32 exp 1, expm1 2, log 1, log1p 2, tanh 2, sigmoid 2, erf 2; float64 the same. */
#ifndef CNNTRAIN_ELEMENTARY_H
#define CNNTRAIN_ELEMENTARY_H

#include "vec.h"

#ifdef REAL_IS_DOUBLE
#define MANTISSA 52
#define BIAS 1023
#define ROUNDER 6755399441055744.0 /* 1.5 · 2^52: adding it rounds to an integer in the last bits */
#define LN2_HIGH 0x1.62e42fefa38p-1
#define LN2_LOW 0x1.ef35793c7673p-45
#define EXP_LARGEST 709.782712893384
#define EXP_LEAST (-745.2)
#define LOG_TERMS 11
#define EXP_TERMS 14
#define ERF_TERMS 20
#define LEAST_NORMAL 0x1p-1022
#define RAISED 0x1p54
#define RAISED_BY 54
#else
#define MANTISSA 23
#define BIAS 127
#define ROUNDER 12582912.0f
#define LN2_HIGH 0x1.62ep-1f
#define LN2_LOW 0x1.0bfbe8p-15f
#define EXP_LARGEST 88.7228394f
#define EXP_LEAST (-104.0f)
#define LOG_TERMS 5
#define EXP_TERMS 8
#define ERF_TERMS 12
#define LEAST_NORMAL 0x1p-126f
#define RAISED 0x1p25f
#define RAISED_BY 25
#endif
#define INV_LN2 ((real)1.4426950408889634)

/* 1/k!, k = 2, 3, ...: e^r - 1 - r = r² (1/2! + r/3! + ...), |r| <= ln 2 / 2 */
static const real INVERSE_FACTORIAL[] = {(real)(1.0 / 2),
                                         (real)(1.0 / 6),
                                         (real)(1.0 / 24),
                                         (real)(1.0 / 120),
                                         (real)(1.0 / 720),
                                         (real)(1.0 / 5040),
                                         (real)(1.0 / 40320),
                                         (real)(1.0 / 362880),
                                         (real)(1.0 / 3628800),
                                         (real)(1.0 / 39916800),
                                         (real)(1.0 / 479001600),
                                         (real)(1.0 / 6227020800.0),
                                         (real)(1.0 / 87178291200.0)};

/* Σ c[k] x^k by Horner's rule */
INLINE vec polynomial(const real *c, int terms, vec x) {
    vec sum = splat(c[terms - 1]);
    for (int k = terms - 2; k >= 0; k--) sum = fused(sum, x, splat(c[k]));
    return sum;
}

/* 2^n for whole n in the range of normal exponents, given as n + ROUNDER. */
INLINE vec power_of_2(vec shifted) { return (vec)((((mask)shifted) << MANTISSA) + (mask)splat(1)); }

typedef struct {
    vec shifted, n; /* n + ROUNDER and n: x = n ln 2 + r */
    vec r, small;   /* e^r - 1 = r + small, small with what r was rounded by */
} Reduced;

INLINE Reduced reduced(vec x) {
    Reduced p;
    p.shifted = fused(x, splat(INV_LN2), splat(ROUNDER));
    p.n = p.shifted - splat(ROUNDER);
    const vec high = fused(-p.n, splat(LN2_HIGH), x); /* exact */
    p.r = fused(-p.n, splat(LN2_LOW), high);
    const vec lost = fused(-p.n, splat(LN2_LOW), high - p.r);
    p.small = fused(p.r * p.r, polynomial(INVERSE_FACTORIAL, EXP_TERMS - 2, p.r), lost);
    return p;
}

/* a + b + c, the sum of a and b without rounding (Knuth 1969) */
INLINE vec sum_of_three(vec a, vec b, vec c) {
    const vec sum = a + b, b_part = sum - a;
    return sum + (((a - (sum - b_part)) + (b - b_part)) + c);
}

/* e^x = 2^n (1 + r + small), in two steps because 2^n alone may be out of range */
INLINE vec exp_of(vec x) {
    const vec bounded = smaller(larger(x, splat(EXP_LEAST)), splat(EXP_LARGEST + 1));
    const Reduced p = reduced(bounded);
    const vec half = fused(p.n, splat((real)0.5), splat(ROUNDER)), other = p.n - (half - splat(ROUNDER));
    const vec result =
        sum_of_three(splat(1), p.r, p.small) * power_of_2(half) * power_of_2(other + splat(ROUNDER));
    return pick(x != x, x, pick(x > splat(EXP_LARGEST), splat((real)INFINITY), result));
}

/* e^x - 1 = (2^n - 1) + 2^n r + 2^n small */
INLINE vec expm1_of(vec x) {
    const vec bounded = smaller(larger(x, splat(-50)), splat(50));
    const Reduced p = reduced(bounded);
    const vec scale = power_of_2(p.shifted);
    const vec near = sum_of_three(scale - splat(1), scale * p.r, scale * p.small);
    return pick(x == (vec){}, x, pick(magnitude(x) <= splat(40), near, exp_of(x) - splat(1)));
}

/* 2/3, 2/5, ...: log((1 + s)/(1 - s)) = 2 s + s³ (2/3 + 2/5 s² + ...) */
static const real INVERSE_ODD[] = {(real)(2.0 / 3),  (real)(2.0 / 5),  (real)(2.0 / 7),  (real)(2.0 / 9),
                                   (real)(2.0 / 11), (real)(2.0 / 13), (real)(2.0 / 15), (real)(2.0 / 17),
                                   (real)(2.0 / 19), (real)(2.0 / 21), (real)(2.0 / 23)};

/* log x = e ln 2 + log(1 + f), √½ <= 1 + f < √2; s = f / (2 + f) */
INLINE vec log_of(vec x) {
    const mask is_tiny = x < splat(LEAST_NORMAL);
    const vec scaled = pick(is_tiny, x * splat(RAISED), x);
    const vec root_half = splat((real)0.70710678118654752);
    const mask up = (mask)scaled - (mask)root_half; /* its exponent is that of x / √½ */
    const mask exponent = up >> MANTISSA;
    const vec f = (vec)((mask)scaled - (exponent << MANTISSA)) - splat(1);
    vec e = (vec)(exponent + (mask)splat(ROUNDER)) - splat(ROUNDER);
    e = pick(is_tiny, e - splat(RAISED_BY), e);
    const vec s = f / (splat(2) + f), z = s * s, half_square = splat((real)0.5) * f * f;
    const vec rest = z * polynomial(INVERSE_ODD, LOG_TERMS, z);
    const vec low = fused(s, half_square + rest, e * splat(LN2_LOW));
    const vec result = fused(e, splat(LN2_HIGH), f - (half_square - low));
    const vec special = pick(x == (vec){}, splat(-(real)INFINITY), pick(x < (vec){}, splat((real)NAN), x));
    return pick((x > (vec){}) & (x < splat((real)INFINITY)), result, special);
}

/* log(1 + x) = log u + (x - (u - 1)) / u, u the rounded 1 + x */
INLINE vec log1p_of(vec x) {
    const vec u = splat(1) + x;
    const vec result = log_of(u) + (x - (u - splat(1))) / u;
    const mask is_plain = (u > (vec){}) & (u < splat((real)INFINITY)) & (x != (vec){});
    return pick(is_plain, result, pick(x == (vec){}, x, log_of(u)));
}

/* a / (larger + less), 0 <= less: with one correction for the rounding of the sum and the quotient */
INLINE vec quotient(vec a, vec larger_part, vec less) {
    const vec sum = larger_part + less, lost = (larger_part - sum) + less;
    const vec inverse = splat(1) / sum, q = a * inverse;
    return fused(fused(-q, sum, a) - q * lost, inverse, q);
}

/* tanh x = t / (t + 2), t = e^(2|x|) - 1, with the sign of x */
INLINE vec tanh_of(vec x) {
    const vec t = expm1_of(splat(2) * smaller(magnitude(x), splat(30)));
    const mask is_small = t < splat(2);
    const vec result = quotient(t, pick(is_small, splat(2), t), pick(is_small, t, splat(2)));
    return pick(x != x, x, with_sign(result, x));
}

/* 1 / (1 + e^-x), as e^x / (1 + e^x) below 0 */
INLINE vec sigmoid_of(vec x) {
    const vec e = exp_of(-magnitude(x));
    return pick(x != x, x, quotient(pick(x < (vec){}, e, splat(1)), splat(1), e));
}

/* 2/√π (-1)^k / (k! (2k + 1)): erf x = x (c_0 + c_1 x² + ...), for |x| <= 0.85 */
static const real ERF_SERIES[] = {
    (real)1.1283791670955126,      (real)-0.37612638903183754,    (real)0.11283791670955126,
    (real)-0.026866170645131252,   (real)0.005223977625442188,    (real)-0.0008548327023450852,
    (real)0.00012055332981789664,  (real)-1.492565035840625e-05,  (real)1.6462114365889246e-06,
    (real)-1.6365844691234924e-07, (real)1.4807192815879218e-08,  (real)-1.2290555301717926e-09,
    (real)9.422759064650411e-11,   (real)-6.7113668551641105e-12, (real)4.4632242632864775e-13,
    (real)-2.7835162072109212e-14, (real)1.6342614095367152e-15,  (real)-9.063970842808673e-17,
    (real)4.763348040515068e-18,   (real)-2.3784598852774293e-19};

/* W. J. Cody 1969, as in ops/erf.py, lowest power first; beyond 0.85 the error of 1 - erf hardly shows. */
static const real MIDDLE_P[] = {
    (real)1.23033935479799725e3, (real)2.05107837782607147e3,  (real)1.71204761263407058e3,
    (real)8.81952221241769090e2, (real)2.98635138197400131e2,  (real)6.61191906371416295e1,
    (real)8.88314979438837594e0, (real)5.64188496988670089e-1, (real)2.15311535474403846e-8};
static const real MIDDLE_Q[] = {
    (real)1.23033935480374942e3, (real)3.43936767414372164e3, (real)4.36261909014324716e3,
    (real)3.29079923573345963e3, (real)1.62138957456669019e3, (real)5.37181101862009858e2,
    (real)1.17693950891312499e2, (real)1.57449261107098347e1, (real)1.0};
static const real FAR_P[] = {(real)6.58749161529837803e-4, (real)1.60837851487422766e-2,
                             (real)1.25781726111229246e-1, (real)3.60344899949804439e-1,
                             (real)3.05326634961232344e-1, (real)1.63153871373020978e-2};
static const real FAR_Q[] = {(real)2.33520497626869185e-3, (real)6.05183413124143191e-2,
                             (real)5.27905102951428412e-1, (real)1.87295284992346725e0,
                             (real)2.56852019228982242e0,  (real)1.0};

INLINE vec erf_of(vec x) {
    const vec size = smaller(magnitude(x), splat(6));
    const vec square = size * size, decay = exp_of(-square);
    const vec rest = polynomial(ERF_SERIES + 1, ERF_TERMS - 1, square);
    const vec near = fused(size, splat(ERF_SERIES[0]), size * square * rest);
    const vec middle = splat(1) - decay * (polynomial(MIDDLE_P, 9, size) / polynomial(MIDDLE_Q, 9, size));
    const vec y = splat(1) / larger(square, splat(1));
    const vec tail =
        splat((real)0.564189583547756287) - y * (polynomial(FAR_P, 6, y) / polynomial(FAR_Q, 6, y));
    const vec far = splat(1) - decay / larger(size, splat(1)) * tail;
    const vec result = pick(size <= splat((real)0.85), near, pick(size <= splat(4), middle, far));
    return pick(x != x, x, with_sign(result, x));
}
#endif
