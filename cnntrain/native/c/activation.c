/* Activations and their δ: layers/activations.py, layers/prelu.py. p and q are options of the layer. */
#include "elementary.h"
#include "parts.h"
#include "sums.h"

/* Numbers for each thread: what another one has written takes some microseconds to come. */
#define WORTH_SHARING 8000

/* out[k] = FORMULA of one or two inputs, element by element. */
#define ELEMENTWISE_1(name, FORMULA)                                                                         \
    INLINE vec name##_formula(vec z, vec p, vec q) {                                                         \
        (void)p, (void)q;                                                                                    \
        return FORMULA;                                                                                      \
    }                                                                                                        \
    static int part_of_##name(const Arg *arg, long part, long parts) {                                       \
        real *out = arg[0].w;                                                                                \
        const real *in = arg[1].r;                                                                           \
        const long n = part_start(arg[2].i, part + 1, parts, VL);                                            \
        const vec p = splat((real)arg[3].f), q = splat((real)arg[4].f);                                      \
        long k = part_start(arg[2].i, part, parts, VL);                                                      \
        for (; k + VL <= n; k += VL) store(out + k, name##_formula(load(in + k), p, q));                     \
        if (k < n) store_part(out + k, name##_formula(load_part(in + k, n - k), p, q), n - k);               \
        return 0;                                                                                            \
    }                                                                                                        \
    static int name(const Arg *arg) { return in_parts(part_of_##name, arg, arg[2].i / WORTH_SHARING); }
#define ELEMENTWISE_2(name, FORMULA)                                                                         \
    INLINE vec name##_formula(vec d, vec z, vec p, vec q) {                                                  \
        (void)p, (void)q;                                                                                    \
        return FORMULA;                                                                                      \
    }                                                                                                        \
    static int part_of_##name(const Arg *arg, long part, long parts) {                                       \
        real *out = arg[0].w;                                                                                \
        const real *first = arg[1].r, *second = arg[2].r;                                                    \
        const long n = part_start(arg[3].i, part + 1, parts, VL);                                            \
        const vec p = splat((real)arg[4].f), q = splat((real)arg[5].f);                                      \
        long k = part_start(arg[3].i, part, parts, VL);                                                      \
        for (; k + VL <= n; k += VL)                                                                         \
            store(out + k, name##_formula(load(first + k), load(second + k), p, q));                         \
        if (k < n) {                                                                                         \
            const vec d = load_part(first + k, n - k), z = load_part(second + k, n - k);                     \
            store_part(out + k, name##_formula(d, z, p, q), n - k);                                          \
        }                                                                                                    \
        return 0;                                                                                            \
    }                                                                                                        \
    static int name(const Arg *arg) { return in_parts(part_of_##name, arg, arg[3].i / WORTH_SHARING); }

#define ZERO ((vec){})
#define NUMBER(x) splat((real)(x))

INLINE vec negative(vec z) { return smaller(ZERO, z); }
INLINE vec clipped(vec z, vec low, vec high) { return smaller(high, larger(low, z)); }
INLINE vec normal_cdf(vec z) { return HALF * (ONE + erf_of(z * NUMBER(0.70710678118654752))); }
INLINE vec softplus_of(vec z) { return positive(z) + log1p_within(exp_of(-magnitude(z))); }
#define ROOT_2_OVER_PI NUMBER(0.79788456080286536)
INLINE vec gelu_inner(vec z) { return tanh_of(ROOT_2_OVER_PI * fused(NUMBER(0.044715) * z * z, z, z)); }

/* products in the arguments of a macro would be formatted as pointers */
/* clang-format off */
ELEMENTWISE_1(exp_values, exp_of(z))
ELEMENTWISE_1(expm1_values, expm1_of(z))
ELEMENTWISE_1(log_values, log_of(z))
ELEMENTWISE_1(log1p_values, log1p_of(z))
ELEMENTWISE_1(tanh_values, tanh_of(z))
ELEMENTWISE_1(sigmoid_values, sigmoid_of(z))
ELEMENTWISE_1(erf_values, erf_of(z))
ELEMENTWISE_1(softplus_values, softplus_of(z))
ELEMENTWISE_1(power_values, exp_of(p * log_of(z))) /* z^p; error up to 1 + |p log z| units of the last place */

ELEMENTWISE_2(sigmoid_delta, d * (z * (ONE - z)))
ELEMENTWISE_2(tanh_delta, d * (ONE - z * z))
ELEMENTWISE_1(relu, positive(z))
ELEMENTWISE_2(relu_delta, d * when(z > ZERO))
ELEMENTWISE_1(relu6, clipped(z, ZERO, NUMBER(6)))
ELEMENTWISE_2(relu6_delta, d * when((z > ZERO) & (z < NUMBER(6))))
ELEMENTWISE_1(leaky_relu, z * pick(z > ZERO, ONE, p))
ELEMENTWISE_2(leaky_relu_delta, d * pick(z > ZERO, ONE, p))
/* elu, selu, celu: q (z or p (e^(z/r) - 1)); r is 1, or for celu p */
ELEMENTWISE_1(elu, q * (positive(z) + p * expm1_of(negative(z))))
ELEMENTWISE_2(elu_delta, d * (q * pick(z > ZERO, ONE, p) * exp_of(negative(z))))
ELEMENTWISE_1(celu, positive(z) + p * expm1_of(negative(z) / p))
ELEMENTWISE_2(celu_delta, d * exp_of(negative(z) / p))
ELEMENTWISE_1(gelu, z * normal_cdf(z))
ELEMENTWISE_2(gelu_delta, d * fused(z, exp_of(-HALF * z * z) * (HALF * ROOT_2_OVER_PI), normal_cdf(z)))
ELEMENTWISE_1(gelu_tanh, HALF * z * (ONE + gelu_inner(z)))
INLINE vec gelu_tanh_slope(vec z) {
    const vec t = gelu_inner(z), inner = ROOT_2_OVER_PI * fused(NUMBER(3 * 0.044715) * z, z, ONE);
    return HALF * (ONE + t) + HALF * z * (ONE - t * t) * inner;
}
ELEMENTWISE_2(gelu_tanh_delta, d * gelu_tanh_slope(z))
ELEMENTWISE_1(silu, z * sigmoid_of(z))
INLINE vec silu_slope(vec z) {
    const vec s = sigmoid_of(z);
    return s * fused(z, ONE - s, ONE);
}
ELEMENTWISE_2(silu_delta, d * silu_slope(z))
/* tanh(log(1 + e^z)) = n / d with positive terms only: by e = e^-|z|, n = 1 + 2 e and d = n + 2 e² above 0,
   n = e² + 2 e and d = n + 2 below; f' = n/d + 4 z g (1 + e)/d², g = e² above and e below. */
typedef struct {
    vec e, n, d;
} Mish;
INLINE Mish mish_of(vec z) {
    const vec e = exp_of(-magnitude(z)), twice = e + e, square = e * e;
    const vec n = twice + pick(z > ZERO, ONE, square);
    return (Mish){e, n, n + pick(z > ZERO, square + square, NUMBER(2))};
}
INLINE vec mish_value(vec z) {
    const Mish m = mish_of(z);
    return z * (m.n / m.d);
}
ELEMENTWISE_1(mish, mish_value(z))
INLINE vec mish_slope(vec z) {
    const Mish m = mish_of(z);
    const vec inverse = ONE / m.d, g = m.e * pick(z > ZERO, m.e, ONE);
    return fused(NUMBER(4) * z * g * (ONE + m.e), inverse, m.n) * inverse;
}
ELEMENTWISE_2(mish_delta, d * mish_slope(z))
ELEMENTWISE_2(softplus_delta, d * sigmoid_of(z))
ELEMENTWISE_1(softsign, z / (ONE + magnitude(z)))
INLINE vec squared(vec z) { return z * z; }
ELEMENTWISE_2(softsign_delta, d * squared(ONE - magnitude(z)))
ELEMENTWISE_1(hard_sigmoid, clipped(z * p + q, ZERO, ONE))
ELEMENTWISE_2(hard_sigmoid_delta, d * (when((z > ZERO) & (z < ONE)) * p))
ELEMENTWISE_1(hard_swish, z * clipped(z / NUMBER(6) + HALF, ZERO, ONE))
ELEMENTWISE_2(hard_swish_delta, d * pick(magnitude(z) < NUMBER(3), z / NUMBER(3) + HALF, when(z > ZERO)))
/* clang-format on */
