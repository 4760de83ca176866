/* exp, expm1, log, log1p, tanh, sigmoid, erf of vectors: additions, products, quotients and fused
   multiply-adds only, so the same bits on every CPU.

   Largest errors over dense grids (tests/native/test_elementary.py), in units of the last place:
   exp 1.1, expm1 1.5, log 0.85, log1p 1.45, tanh 1.4, sigmoid 1.5, erf 1.3, in float32 and in float64. */
#ifndef CNNTRAIN_ELEMENTARY_H
#define CNNTRAIN_ELEMENTARY_H

#include "polynomials.h"
#include "vec.h"

#ifdef REAL_IS_DOUBLE
#define MANTISSA 52
#define ROUNDER 6755399441055744.0 /* 1.5 · 2^52: adding it rounds to an integer in the last bits */
#define LN2_HIGH 0x1.62e42fefa38p-1
#define LN2_LOW 0x1.ef35793c7673p-45
#define EXP_LARGEST 710.0
#define EXP_LEAST_NORMAL (-706.0)
#define EXP_LEAST (-745.2)
#define LEAST_NORMAL 0x1p-1022
#define RAISED_BY 54
#define RAISED 0x1p54
#define ERF_1 6.0 /* from here on erf is 1 */
#else
#define MANTISSA 23
#define ROUNDER 12582912.0f
#define LN2_HIGH 0x1.62ep-1f
#define LN2_LOW 0x1.0bfbe8p-15f
#define EXP_LARGEST 89.0f
#define EXP_LEAST_NORMAL (-86.0f)
#define EXP_LEAST (-104.0f)
#define LEAST_NORMAL 0x1p-126f
#define RAISED_BY 25
#define RAISED 0x1p25f
#define ERF_1 4.0f
#endif
#define INV_LN2 ((real)1.4426950408889634)
#define HALF splat((real)0.5)
#define ONE splat(1)

/* Σ c[k] x^k by Horner's rule */
INLINE vec horner(const real *c, int terms, vec x) {
    vec sum = splat(c[terms - 1]);
    for (int k = terms - 2; k >= 0; k--) sum = fused(sum, x, splat(c[k]));
    return sum;
}
#define POLYNOMIAL(c, x) horner(c, sizeof(c) / sizeof(real), x)

/* x, or the nearest bound; NaN stays NaN. */
INLINE vec between(real low, vec x, real high) { return smaller(splat(high), larger(splat(low), x)); }

/* 2^n a for a that is 1 or ½ and n + ROUNDER, by adding n to the exponent */
INLINE vec scaled(mask shifted, vec a) { return (vec)((shifted << MANTISSA) + (mask)a); }

typedef struct {
    vec shifted;         /* n + ROUNDER: x = n ln 2 + r, |r| <= ½ ln 2 */
    vec r, lost;         /* r, and what it was rounded by */
    vec square, quarter; /* e^r = 1 + r + square · quarter */
} Reduced;

INLINE Reduced reduced(vec x) {
    Reduced p;
    p.shifted = fused(x, splat(INV_LN2), splat(ROUNDER));
    const vec minus_n = splat(ROUNDER) - p.shifted;
    const vec high = fused(minus_n, splat(LN2_HIGH), x); /* exact */
    p.r = fused(minus_n, splat(LN2_LOW), high);
    p.lost = fused(minus_n, splat(LN2_LOW), high - p.r);
    p.square = p.r * p.r;
    p.quarter = POLYNOMIAL(EXP_REST, p.r);
    return p;
}

/* e^r, to half a unit more than its rounding */
INLINE vec exp_of_rest(Reduced p) { return ONE + fused(p.square, p.quarter, p.r); }

/* e^x = 2^n e^r, in two factors because 2^n alone may be out of range */
INLINE vec exp_of(vec x) {
    const vec bounded = between(EXP_LEAST, x, EXP_LARGEST);
    const Reduced p = reduced(bounded);
    const mask is_low = bounded < splat(EXP_LEAST_NORMAL);
    const mask raised = (mask)p.shifted + (is_low & RAISED_BY);
    return exp_of_rest(p) * scaled(raised, HALF) * pick(is_low, splat(2 / RAISED), splat(2));
}

/* e^x for x between -86 and 86, or NaN: no result is out of range */
INLINE vec exp_within(vec x) {
    const Reduced p = reduced(x);
    return exp_of_rest(p) * scaled((mask)p.shifted, ONE);
}

/* e^x - 1 = 2^n (e^r - 1) + (2^n - 1), of which half is computed, for 2^n may be out of range */
INLINE vec expm1_of(vec x) {
    const Reduced p = reduced(between(-(real)MANTISSA - 2, x, EXP_LARGEST));
    const vec half_scale = scaled((mask)p.shifted, HALF);
    const vec half = fused(half_scale, p.r + fused(p.square, p.quarter, p.lost), half_scale - HALF);
    return pick(magnitude(x) < splat((real)1e-20), x, half + half);
}

/* log x = n ln 2 + log(1 + f), √½ <= 1 + f < √2; s = f / (2 + f) */
INLINE vec log_of(vec x) {
    const mask is_tiny = x < splat(LEAST_NORMAL);
    const vec normal = pick(is_tiny, x * splat(RAISED), x);
    const mask exponent = ((mask)normal - (mask)splat((real)0.70710678118654752)) >> MANTISSA;
    const vec f = (vec)((mask)normal - (exponent << MANTISSA)) - ONE;
    const vec raised_n = (vec)(exponent + (mask)splat(ROUNDER)) - splat(ROUNDER);
    const vec n = raised_n - pick(is_tiny, splat(RAISED_BY), (vec){});
    const vec s = f / (splat(2) + f), z = s * s, half_square = HALF * f * f;
    const vec low = fused(s, fused(z, POLYNOMIAL(LOG_REST, z), half_square), n * splat(LN2_LOW));
    const vec result = fused(n, splat(LN2_HIGH), f - (half_square - low));
    const vec special = pick(x == (vec){}, splat(-(real)INFINITY), pick(x < (vec){}, splat((real)NAN), x));
    return pick((x > (vec){}) & (x < splat((real)INFINITY)), result, special);
}

/* log(1 + x) = log u + (x - (u - 1)) / u, u the rounded 1 + x */
INLINE vec log1p_of(vec x) {
    const vec u = ONE + x;
    const mask is_plain = (u > (vec){}) & (u < splat((real)INFINITY)) & (x != (vec){});
    return pick(is_plain, log_of(u) + (x - (u - ONE)) / u, pick(x == (vec){}, x, log_of(u)));
}

/* log(1 + x) for x between 0 and 1 */
INLINE vec log1p_within(vec x) { return fused(x * x, POLYNOMIAL(LOG1P_REST, x), x); }

/* tanh x = x + x³ (...) near 0, else 1 - 2 / (e^(2|x|) + 1) with the sign of x */
INLINE vec tanh_of(vec x) {
    const vec size = smaller(splat((real)0.85 * MANTISSA), magnitude(x)), square = x * x;
    const vec near = fused(x * square, POLYNOMIAL(TANH_REST, square), x);
    const vec far = ONE - splat(2) / (exp_within(size + size) + ONE);
    return with_sign(pick(size < splat((real)0.625), near, far), x);
}

/* a / (1 + e), with one correction for the rounding of the sum and the quotient */
INLINE vec over_1_and(vec a, vec e) {
    const vec sum = ONE + e, lost = (ONE - sum) + e, inverse = ONE / sum, q = a * inverse;
    return fused(fused(-q, sum, a) - q * lost, inverse, q);
}

/* 1 / (1 + e^-x), as e^x / (1 + e^x) below 0 */
INLINE vec sigmoid_of(vec x) {
    const vec e = exp_of(-magnitude(x));
    return over_1_and(pick(x < (vec){}, e, ONE), e);
}

/* erf x = x + x (...) up to 1, else 1 - e^(log erfc |x|) with the sign of x */
INLINE vec erf_of(vec x) {
    const vec size = smaller(splat(ERF_1), magnitude(x)), square = size * size;
    const vec near = fused(x, POLYNOMIAL(ERF_REST, square), x);
    const vec far = ONE - exp_within(POLYNOMIAL(LOG_ERFC, size - ONE));
    return with_sign(pick(size < ONE, near, far), x);
}
#endif
