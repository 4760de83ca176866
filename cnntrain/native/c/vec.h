/* Vectors of the machine behind one set of names, so that every kernel is written once.

   Compiled once per instruction set (ISA_V4, ISA_V3, ISA_NEON, or none: plain C with fma()) and
   per type (REAL is float or double). Only operations that IEEE 754 defines exactly are used, and
   every fused multiply-add is explicit (-ffp-contract=off), so that a result depends on the order
   of its operations alone, never on the width of a vector. */
#ifndef CNNTRAIN_VEC_H
#define CNNTRAIN_VEC_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(ISA_V4) || defined(ISA_V3)
#include <immintrin.h>
#elif defined(ISA_NEON)
#include <arm_neon.h>
#endif

#define INLINE static inline __attribute__((always_inline))
#define LANES 16 /* of the virtual vector over which every sum is spread, on every CPU */

#ifdef REAL_IS_DOUBLE
typedef double real;
typedef int64_t bits;
#else
typedef float real;
typedef int32_t bits;
#endif

#if defined(ISA_V4)
#define VECTOR_BYTES 64
#elif defined(ISA_V3)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif
#define VL ((long)(VECTOR_BYTES / sizeof(real)))            /* numbers in a vector */
#define PARTS (LANES / (VECTOR_BYTES / (long)sizeof(real))) /* vectors in a virtual one */

typedef real vec __attribute__((vector_size(VECTOR_BYTES)));
typedef bits mask __attribute__((vector_size(VECTOR_BYTES)));
typedef real loose_vec __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));

/* Several arrays of the kernel's own type, and how many numbers each has. */
typedef struct Arrays {
    long count;
    real **data;
    long *sizes;
} Arrays;

/* One argument of a kernel; the letters of its signature (kernels.h) say which member is set. */
typedef union Arg {
    real *w;
    const real *r;
    uint8_t *bytes;
    const uint8_t *read_bytes;
    int64_t *longs;
    const int64_t *read_longs;
    double *doubles;
    const double *read_doubles;
    const Arrays *arrays;
    int64_t i;
    double f;
} Arg;

INLINE vec load(const real *p) { return *(const loose_vec *)p; }
INLINE void store(real *p, vec v) { *(loose_vec *)p = v; }
INLINE vec splat(real x) { return x - (vec){}; }
INLINE vec pick(mask m, vec a, vec b) { return (vec)((m & (mask)a) | (~m & (mask)b)); }
/* a or b: b if they are equal, or if one of them is NaN; so do the instructions of x86 */
#if defined(ISA_V4) && defined(REAL_IS_DOUBLE)
INLINE vec larger(vec a, vec b) { return (vec)_mm512_max_pd((__m512d)a, (__m512d)b); }
INLINE vec smaller(vec a, vec b) { return (vec)_mm512_min_pd((__m512d)a, (__m512d)b); }
#elif defined(ISA_V4)
INLINE vec larger(vec a, vec b) { return (vec)_mm512_max_ps((__m512)a, (__m512)b); }
INLINE vec smaller(vec a, vec b) { return (vec)_mm512_min_ps((__m512)a, (__m512)b); }
#elif defined(ISA_V3) && defined(REAL_IS_DOUBLE)
INLINE vec larger(vec a, vec b) { return (vec)_mm256_max_pd((__m256d)a, (__m256d)b); }
INLINE vec smaller(vec a, vec b) { return (vec)_mm256_min_pd((__m256d)a, (__m256d)b); }
#elif defined(ISA_V3)
INLINE vec larger(vec a, vec b) { return (vec)_mm256_max_ps((__m256)a, (__m256)b); }
INLINE vec smaller(vec a, vec b) { return (vec)_mm256_min_ps((__m256)a, (__m256)b); }
#else
INLINE vec larger(vec a, vec b) { return pick(a > b, a, b); }
INLINE vec smaller(vec a, vec b) { return pick(a < b, a, b); }
#endif
INLINE vec magnitude(vec a) { return (vec)((mask)a & ~(mask)splat((real)-0.0)); }
INLINE vec with_sign(vec a, vec s) { return (vec)((mask)magnitude(a) | ((mask)s & (mask)splat((real)-0.0))); }

/* 1, 0 or -1; NaN stays NaN. */
INLINE vec np_sign(vec x) {
    const vec zero = {};
    return pick(x > zero, splat(1), pick(x < zero, splat(-1), pick(x == zero, zero, x)));
}

#if defined(ISA_V4) && defined(REAL_IS_DOUBLE)
INLINE vec fused(vec a, vec b, vec c) { return (vec)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c); }
INLINE vec root(vec a) { return (vec)_mm512_sqrt_pd((__m512d)a); }
INLINE vec load_part(const real *p, long n) {
    return (vec)_mm512_maskz_loadu_pd((__mmask8)((1u << n) - 1), p);
}
INLINE void store_part(real *p, vec v, long n) {
    _mm512_mask_storeu_pd(p, (__mmask8)((1u << n) - 1), (__m512d)v);
}
#elif defined(ISA_V4)
INLINE vec fused(vec a, vec b, vec c) { return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
INLINE vec root(vec a) { return (vec)_mm512_sqrt_ps((__m512)a); }
INLINE vec load_part(const real *p, long n) {
    return (vec)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}
INLINE void store_part(real *p, vec v, long n) {
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
}
#else
#if defined(ISA_V3) && defined(REAL_IS_DOUBLE)
INLINE vec fused(vec a, vec b, vec c) { return (vec)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c); }
INLINE vec root(vec a) { return (vec)_mm256_sqrt_pd((__m256d)a); }
#elif defined(ISA_V3)
INLINE vec fused(vec a, vec b, vec c) { return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
INLINE vec root(vec a) { return (vec)_mm256_sqrt_ps((__m256)a); }
#elif defined(ISA_NEON) && defined(REAL_IS_DOUBLE)
INLINE vec fused(vec a, vec b, vec c) {
    return (vec)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
INLINE vec root(vec a) { return (vec)vsqrtq_f64((float64x2_t)a); }
#elif defined(ISA_NEON)
INLINE vec fused(vec a, vec b, vec c) {
    return (vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
INLINE vec root(vec a) { return (vec)vsqrtq_f32((float32x4_t)a); }
#else
#ifdef REAL_IS_DOUBLE
#define FMA fma
#define SQRT sqrt
#else
#define FMA fmaf
#define SQRT sqrtf
#endif
INLINE vec fused(vec a, vec b, vec c) {
    vec r;
    for (int i = 0; i < VL; i++) r[i] = FMA(a[i], b[i], c[i]);
    return r;
}
INLINE vec root(vec a) {
    vec r;
    for (int i = 0; i < VL; i++) r[i] = SQRT(a[i]);
    return r;
}
#endif
#if defined(ISA_V3) && defined(REAL_IS_DOUBLE)
INLINE __m256i first_of(long n) {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
}
INLINE vec load_part(const real *p, long n) { return (vec)_mm256_maskload_pd(p, first_of(n)); }
INLINE void store_part(real *p, vec v, long n) { _mm256_maskstore_pd(p, first_of(n), (__m256d)v); }
#elif defined(ISA_V3)
INLINE __m256i first_of(long n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
INLINE vec load_part(const real *p, long n) { return (vec)_mm256_maskload_ps(p, first_of(n)); }
INLINE void store_part(real *p, vec v, long n) { _mm256_maskstore_ps(p, first_of(n), (__m256)v); }
#else
INLINE vec load_part(const real *p, long n) {
    vec v = {};
    for (long i = 0; i < n; i++) v[i] = p[i];
    return v;
}
INLINE void store_part(real *p, vec v, long n) {
    for (long i = 0; i < n; i++) p[i] = v[i];
}
#endif
#endif

/* VL bytes as numbers. */
#if defined(ISA_V4) && defined(REAL_IS_DOUBLE)
INLINE vec load_bytes(const uint8_t *p) {
    return (vec)_mm512_cvtepi32_pd(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}
#elif defined(ISA_V4)
INLINE vec load_bytes(const uint8_t *p) {
    return (vec)_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)));
}
#elif defined(ISA_V3) && defined(REAL_IS_DOUBLE)
INLINE vec load_bytes(const uint8_t *p) {
    int four;
    memcpy(&four, p, sizeof four);
    return (vec)_mm256_cvtepi32_pd(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(four)));
}
#elif defined(ISA_V3)
INLINE vec load_bytes(const uint8_t *p) {
    return (vec)_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}
#elif defined(ISA_NEON) && !defined(REAL_IS_DOUBLE)
INLINE vec load_bytes(const uint8_t *p) {
    uint32_t four;
    memcpy(&four, p, sizeof four);
    return (vec)vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(four)))));
}
#else
typedef uint8_t few_bytes __attribute__((vector_size(VECTOR_BYTES / sizeof(real)), aligned(1), may_alias));
INLINE vec load_bytes(const uint8_t *p) { return __builtin_convertvector(*(const few_bytes *)p, vec); }
#endif

/* The first n of VL lanes as bytes. */
#if defined(ISA_V4)
INLINE void store_bytes(uint8_t *p, mask lanes, long n) {
#if defined(REAL_IS_DOUBLE)
    const __m128i found = _mm512_cvtepi64_epi8((__m512i)lanes);
#else
    const __m128i found = _mm512_cvtepi32_epi8((__m512i)lanes);
#endif
    _mm_mask_storeu_epi8(p, (__mmask16)((1u << n) - 1), found);
}
#else
INLINE void store_bytes(uint8_t *p, mask lanes, long n) {
    bits each[VECTOR_BYTES / sizeof(real)];
    memcpy(each, &lanes, sizeof each);
    if (n == VL) /* a loop of known length, which compilers turn into vectors */
        for (long k = 0; k < VL; k++) p[k] = (uint8_t)each[k];
    else
        for (long k = 0; k < n; k++) p[k] = (uint8_t)each[k];
}
#endif

/* The numbers at p, of which n, one or more, are there. */
INLINE vec load_up_to(const real *p, long n) { return n >= VL ? load(p) : load_part(p, n); }
INLINE void store_up_to(real *p, vec v, long n) {
    if (n >= VL) store(p, v);
    else
        store_part(p, v, n);
}

/* Few numbers: a call of memcpy takes longer. */
INLINE void copy_few(real *to, const real *from, long n) {
    for (long k = 0; k < n; k += VL) store_up_to(to + k, load_up_to(from + k, n - k), n - k);
}

/* Lanes lo to hi - 1, of which p is the first one in memory; the others are 0, or not stored. */
#if defined(ISA_V4) && defined(REAL_IS_DOUBLE)
#define BETWEEN(lo, hi) ((__mmask8)(((1u << (hi)) - 1) & ~((1u << (lo)) - 1)))
INLINE vec load_between(const real *p, int lo, int hi) {
    return (vec)_mm512_maskz_loadu_pd(BETWEEN(lo, hi), p - lo);
}
INLINE void store_between(real *p, vec v, int lo, int hi) {
    _mm512_mask_storeu_pd(p - lo, BETWEEN(lo, hi), (__m512d)v);
}
#elif defined(ISA_V4)
#define BETWEEN(lo, hi) ((__mmask16)(((1u << (hi)) - 1) & ~((1u << (lo)) - 1)))
INLINE vec load_between(const real *p, int lo, int hi) {
    return (vec)_mm512_maskz_loadu_ps(BETWEEN(lo, hi), p - lo);
}
INLINE void store_between(real *p, vec v, int lo, int hi) {
    _mm512_mask_storeu_ps(p - lo, BETWEEN(lo, hi), (__m512)v);
}
#elif defined(ISA_V3)
INLINE __m256i lanes_between(int lo, int hi) { return _mm256_andnot_si256(first_of(lo), first_of(hi)); }
#if defined(REAL_IS_DOUBLE)
INLINE vec load_between(const real *p, int lo, int hi) {
    return (vec)_mm256_maskload_pd(p - lo, lanes_between(lo, hi));
}
INLINE void store_between(real *p, vec v, int lo, int hi) {
    _mm256_maskstore_pd(p - lo, lanes_between(lo, hi), (__m256d)v);
}
#else
INLINE vec load_between(const real *p, int lo, int hi) {
    return (vec)_mm256_maskload_ps(p - lo, lanes_between(lo, hi));
}
INLINE void store_between(real *p, vec v, int lo, int hi) {
    _mm256_maskstore_ps(p - lo, lanes_between(lo, hi), (__m256)v);
}
#endif
#else
INLINE vec load_between(const real *p, int lo, int hi) {
    vec v = {};
    for (int i = lo; i < hi; i++) v[i] = p[i - lo];
    return v;
}
INLINE void store_between(real *p, vec v, int lo, int hi) {
    for (int i = lo; i < hi; i++) p[i - lo] = v[i];
}
#endif

/* Keep a loaded vector in its register: compilers would fold the load into each of its uses. */
#if defined(ISA_V4)
#define PIN(v) __asm__("" : "+v"(v))
#elif defined(ISA_V3)
#define PIN(v) __asm__("" : "+x"(v))
#elif defined(ISA_NEON)
#define PIN(v) __asm__("" : "+w"(v))
#else
#define PIN(v)
#endif

/* A loop that is unrolled. */
#define EACH(i, count) _Pragma("GCC unroll 8") for (int i = 0; i < (count); i++)

INLINE long least(long a, long b) { return a < b ? a : b; }
INLINE long most(long a, long b) { return a > b ? a : b; }

#define NO_MEMORY 1 /* returned by a kernel that got none; otherwise it returns 0 */

/* Memory for the duration of a call, on a cache line, with room for one vector beyond its end. */
INLINE void *scratch(long bytes) {
    char *block =
        malloc((size_t)bytes + 3 * 64); /* aligned_alloc of glibc splits blocks that it cannot reuse */
    if (!block) return NULL;
    char *line = block + 128 - (uintptr_t)block % 64;
    memcpy(line - sizeof block, &block, sizeof block);
    return line;
}

INLINE void release(void *line) {
    char *block;
    if (!line) return;
    memcpy(&block, (char *)line - sizeof block, sizeof block);
    free(block);
}

/* The next piece of a scratch block, on a cache line. */
INLINE void *piece(char **pool, long bytes) {
    void *p = *pool;
    *pool += (bytes + 63) / 64 * 64;
    return p;
}

/* 1 where m holds, else 0 */
INLINE vec when(mask m) { return pick(m, splat(1), (vec){}); }
/* NaN stays NaN, -0 becomes 0 */
INLINE vec positive(vec z) { return larger((vec){}, z) + (vec){}; }

#endif
