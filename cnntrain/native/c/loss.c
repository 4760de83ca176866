/* Softmax (ops/stable.py) and the losses (losses/): cost and δ in one pass. Samples, or positions of them,
   are the lanes; classes follow each other in a chain. */
#include "elementary.h"
#include "sums.h"

#define OUT_OF_RANGE 2 /* a label that is no class */

/* A sum with the digits that it has lost so far (Neumaier 1974, as error-free sums by Knuth 1969). */
typedef struct {
    vec sum, lost;
} Careful;

INLINE void add_to(Careful *total, vec x) {
    const vec sum = total->sum + x, part = sum - total->sum;
    total->lost += (total->sum - (sum - part)) + (x - part);
    total->sum = sum;
}

INLINE vec largest_of(const real *z, long k, long r, long left) {
    vec top = load_up_to(z, left);
    for (long c = 1; c < k; c++) {
        const vec next = load_up_to(z + c * r, left);
        top = pick((next > top) | (next != next), next, top);
    }
    return top;
}

/* What all but the largest add to Σ_j e^(z_j - max), for VL columns: it is 1, which is taken off first.
   ``out`` gets the terms, or only their exponents. */
INLINE vec sum_of_others(const real *z, real *out, vec top, int only_exponents, long k, long r, long left) {
    Careful total = {splat(-1), (vec){}};
    for (long c = 0; c < k; c++) {
        const vec exponent = load_up_to(z + c * r, left) - top, term = exp_of(exponent);
        store_up_to(out + c * r, only_exponents ? exponent : term, left);
        add_to(&total, term);
    }
    return total.sum + total.lost;
}

/* a_k = e^(z_k - max) / Σ_j e^(z_j - max) for VL columns; gives what all but the largest add to the sum */
INLINE vec softmax_of(const real *z, real *a, vec top, long k, long r, long left) {
    const vec others = sum_of_others(z, a, top, 0, k, r, left), sum = splat(1) + others;
    for (long c = 0; c < k; c++) store_up_to(a + c * r, load_up_to(a + c * r, left) / sum, left);
    return others;
}

/* Along the first axis of (K, R) */
static int softmax(const Arg *arg) {
    const long k = arg[2].i, r = arg[3].i;
    for (long at = 0; at < r; at += VL) {
        const real *z = arg[1].r + at;
        const long left = least(VL, r - at);
        softmax_of(z, arg[0].w + at, largest_of(z, k, r, left), k, r, left);
    }
    return 0;
}

/* log p_k = (z_k - max) - log1p(what the others add to the largest), for VL columns */
INLINE void log_softmax_of(const real *z, real *log_p, long k, long r, long left) {
    const vec others = sum_of_others(z, log_p, largest_of(z, k, r, left), 1, k, r, left),
              rest = log1p_of(others);
    for (long c = 0; c < k; c++) store_up_to(log_p + c * r, load_up_to(log_p + c * r, left) - rest, left);
}

static int log_softmax(const Arg *arg) {
    const long k = arg[2].i, r = arg[3].i;
    for (long at = 0; at < r; at += VL) log_softmax_of(arg[1].r + at, arg[0].w + at, k, r, least(VL, r - at));
    return 0;
}

/* δ_k = a_k (da_k - Σ_j a_j da_j); of log_softmax: da_k - e^(a_k) Σ_j da_j */
static int softmax_delta(const Arg *arg) {
    const int of_log = (int)arg[3].i;
    const long k = arg[4].i, r = arg[5].i;
    for (long at = 0; at < r; at += VL) {
        const real *da = arg[1].r + at, *a = arg[2].r + at;
        const long left = least(VL, r - at);
        Careful total = {(vec){}, (vec){}};
        for (long c = 0; c < k; c++) {
            const vec d = load_up_to(da + c * r, left);
            add_to(&total, of_log ? d : load_up_to(a + c * r, left) * d);
        }
        const vec sum = total.sum + total.lost;
        for (long c = 0; c < k; c++) {
            const vec d = load_up_to(da + c * r, left), own = load_up_to(a + c * r, left);
            store_up_to(arg[0].w + at + c * r, of_log ? d - exp_of(own) * sum : own * (d - sum), left);
        }
    }
    return 0;
}

/* total = -Σ_n log p_n[label]; delta = p - one-hot: expm1(log p) at the label */
static int cross_entropy(const Arg *arg) {
    real *delta = arg[0].w, *costs = arg[2].w;
    const int64_t *labels = arg[4].read_longs;
    const long k = arg[5].i, n = arg[6].i;
    for (long i = 0; i < n; i++)
        if (labels[i] < 0 || labels[i] >= k) return OUT_OF_RANGE;
    for (long at = 0; at < n; at += VL) {
        const real *z = arg[3].r + at;
        const long left = least(VL, n - at);
        const vec top = largest_of(z, k, n, left), others = softmax_of(z, delta + at, top, k, n, left);
        for (long i = 0; i < left; i++) costs[at + i] = z[labels[at + i] * n + i];
        const vec log_p = (load_up_to(costs + at, left) - top) - log1p_of(others);
        store_up_to(costs + at, log_p, left);
        real right[VECTOR_BYTES / sizeof(real)];
        store(right, expm1_of(log_p));
        for (long i = 0; i < left; i++) delta[labels[at + i] * n + at + i] = right[i];
    }
    arg[1].doubles[0] = -sum_of(costs, n);
    return 0;
}

/* total = -Σ t log p, or Σ t (log t - log p) if ``divergence``; delta = p Σ_k t_k - t */
static int soft_cross_entropy(const Arg *arg) {
    real *delta = arg[0].w, *costs = arg[2].w;
    const int divergence = (int)arg[5].i;
    const long k = arg[6].i, n = arg[7].i;
    for (long at = 0; at < n; at += VL) {
        const long left = least(VL, n - at);
        const real *t = arg[4].r + at;
        log_softmax_of(arg[3].r + at, delta + at, k, n, left);
        Careful total = {(vec){}, (vec){}};
        for (long c = 0; c < k; c++) add_to(&total, load_up_to(t + c * n, left));
        const vec sum = total.sum + total.lost;
        for (long c = 0; c < k; c++) {
            const vec log_p = load_up_to(delta + c * n + at, left), own = load_up_to(t + c * n, left);
            const vec log_t = divergence ? log_of(pick(own > (vec){}, own, splat(1))) : (vec){};
            store_up_to(costs + c * n + at, own * (log_t - log_p), left);
            const vec near_1 = expm1_of(log_p) * sum + (sum - own);
            const vec elsewhere = exp_of(log_p) * sum - own;
            store_up_to(delta + c * n + at,
                        pick(log_p > splat((real)-0.69314718055994531), near_1, elsewhere), left);
        }
    }
    arg[1].doubles[0] = sum_of(costs, k * n);
    return 0;
}

/* A loss of single numbers: total = Σ COST(z, t), delta = DELTA(z, t); p is an option of the loss. */
#define LOSS(name, COST, DELTA)                                                                              \
    INLINE vec name##_cost(vec z, vec t, vec p) {                                                            \
        (void)p;                                                                                             \
        return COST;                                                                                         \
    }                                                                                                        \
    INLINE vec name##_delta(vec z, vec t, vec p) {                                                           \
        (void)p;                                                                                             \
        return DELTA;                                                                                        \
    }                                                                                                        \
    static int name(const Arg *arg) {                                                                        \
        const vec p = splat((real)arg[6].f);                                                                 \
        const long n = arg[5].i;                                                                             \
        for (long at = 0; at < n; at += VL) {                                                                \
            const long left = least(VL, n - at);                                                             \
            const vec z = load_up_to(arg[3].r + at, left), t = load_up_to(arg[4].r + at, left);              \
            store_up_to(arg[2].w + at, name##_cost(z, t, p), left);                                          \
            store_up_to(arg[0].w + at, name##_delta(z, t, p), left);                                         \
        }                                                                                                    \
        arg[1].doubles[0] = sum_of(arg[2].r, n);                                                             \
        return 0;                                                                                            \
    }

INLINE vec above_zero(vec z) { return pick(z <= (vec){}, (vec){}, z); }
INLINE vec within(vec z, vec limit) { return pick(z < -limit, -limit, pick(z > limit, limit, z)); }
INLINE vec sign_of(vec z) { return pick(z > (vec){}, splat(1), pick(z < (vec){}, splat(-1), z)); }

/* products in the arguments of a macro would be formatted as pointers */
/* clang-format off */
LOSS(squared_error, (z - t) * (z - t), z - t)
LOSS(absolute_error, magnitude(z - t), sign_of(z - t))
LOSS(huber, within(z - t, p) * ((z - t) - splat((real)0.5) * within(z - t, p)), within(z - t, p))
LOSS(binary_cross_entropy, (above_zero(z) - t * z) + log1p_within(exp_of(-magnitude(z))),
     (splat(1) - t) * sigmoid_of(z) - t * sigmoid_of(-z))
LOSS(hinge, above_zero(splat(1) - t * z), -t * pick(splat(1) - t * z > (vec){}, splat(1), (vec){}))
LOSS(squared_hinge, above_zero(splat(1) - t * z) * above_zero(splat(1) - t * z),
     splat(-2) * t * above_zero(splat(1) - t * z))
/* clang-format on */
