/* Random masks: layers/dropout.py. The numbers are those of numpy.random.Philox, bit for bit.

   Philox4x64-10 of Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3": ten rounds turn a
   counter of four words and a key of two into four random words. NumPy counts up before each block, and
   cuts every word into two numbers in [0, 1), its lower half first: the upper 24 bits of a half, times 2⁻²⁴.
 */
#include "vec.h"

typedef unsigned __int128 Wide;

#define SIDE_BY_SIDE 2 /* blocks, because the rounds of one wait for each other */
#define PER_BLOCK 8    /* numbers */

INLINE void philox_round(uint64_t x[4], uint64_t k0, uint64_t k1) {
    const Wide a = (Wide)0xD2E7470EE14C6C93u * x[0], b = (Wide)0xCA5A826395121157u * x[2];
    const uint64_t x0 = (uint64_t)(b >> 64) ^ x[1] ^ k0, x2 = (uint64_t)(a >> 64) ^ x[3] ^ k1;
    x[0] = x0, x[1] = (uint64_t)b, x[2] = x2, x[3] = (uint64_t)a;
}

/* counter + step, a number of 256 bits. */
INLINE void count_up(const uint64_t *counter, uint64_t step, uint64_t x[4]) {
    for (int i = 0; i < 4; i++) {
        x[i] = counter[i] + step;
        step = x[i] < step;
    }
}

/* The blocks ``first`` + 1 .. of a stream, counter and key. */
INLINE void philox_blocks(const uint64_t *stream, uint64_t first, uint64_t x[SIDE_BY_SIDE][4]) {
    uint64_t k0 = stream[4], k1 = stream[5];
    for (int b = 0; b < SIDE_BY_SIDE; b++) count_up(stream, first + 1 + (uint64_t)b, x[b]);
    for (int round = 0; round < 10; round++) {
        for (int b = 0; b < SIDE_BY_SIDE; b++) philox_round(x[b], k0, k1);
        k0 += 0x9E3779B97F4A7C15u, k1 += 0xBB67AE8584CAA73Bu;
    }
}

/* kept = whether each of n halves of words is at least the threshold, which may be 2³². */
static int keep_units(const Arg *arg) {
    uint8_t *kept = arg[0].bytes;
    const uint64_t *stream = (const uint64_t *)arg[1].read_longs, threshold = (uint64_t)arg[2].i;
    const uint32_t least_kept = (uint32_t)threshold;
    const uint8_t possible = threshold >> 32 == 0;
    const long n = arg[3].i;
    for (long at = 0; at < n; at += SIDE_BY_SIDE * PER_BLOCK) {
        uint64_t x[SIDE_BY_SIDE][4];
        uint32_t half[SIDE_BY_SIDE * PER_BLOCK];
        uint8_t some[SIDE_BY_SIDE * PER_BLOCK];
        philox_blocks(stream, (uint64_t)(at / PER_BLOCK), x);
        for (int k = 0; k < 4 * SIDE_BY_SIDE; k++)
            half[2 * k] = (uint32_t)x[k / 4][k % 4], half[2 * k + 1] = (uint32_t)(x[k / 4][k % 4] >> 32);
        for (int k = 0; k < SIDE_BY_SIDE * PER_BLOCK; k++) some[k] = (half[k] >= least_kept) & possible;
        memcpy(kept + at, some, (size_t)least(n - at, SIDE_BY_SIDE * PER_BLOCK));
    }
    return 0;
}

#define TOGETHER_MASKED 64 /* numbers whose mask is written down */

/* y (G, M, N) = x · (scale where kept (G, N), else 0): NaN and infinities times 0 are NaN */
static int apply_mask(const Arg *arg) {
    const real scale = (real)arg[3].f;
    const int one = arg[6].i == 1; /* sample: the same mask for all M */
    const long groups = arg[4].i, m = one ? 1 : arg[5].i, n = one ? arg[5].i : arg[6].i;
    for (long g = 0; g < groups; g++)
        for (long from = 0; from < n; from += TOGETHER_MASKED) {
            const uint8_t *kept = arg[2].read_bytes + (one ? g : g * n + from);
            const long some = least(TOGETHER_MASKED, n - from);
            real mask[TOGETHER_MASKED];
            if (some == TOGETHER_MASKED && !one)
                for (long i = 0; i < TOGETHER_MASKED; i++) mask[i] = (real)kept[i] * scale;
            else
                for (long i = 0; i < some; i++) mask[i] = (real)kept[one ? 0 : i] * scale;
            for (long k = 0; k < m; k++) {
                const long row = (g * m + k) * n + from;
                for (long at = 0; at < some; at += VL) {
                    const vec x = load_up_to(arg[1].r + row + at, some - at);
                    store_up_to(arg[0].w + row + at, x * load_up_to(mask + at, some - at), some - at);
                }
            }
        }
    return 0;
}
