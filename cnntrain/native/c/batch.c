/* A batch out of stored samples in one pass: gathered, normalized, and turned so that the samples are the
   last axis (data/normalize.py). */
#include "parts.h"
#include "vec.h"

#define SIDE 16               /* samples and features of a tile, which is turned in the first-level cache */
#define NO_SUCH_ROW 2         /* a number of a sample that is none */
#define WORTH_GATHERING 20000 /* numbers for each thread: some 4 microseconds */

typedef uint8_t Bytes __attribute__((vector_size(SIDE)));
typedef uint8_t LooseBytes __attribute__((vector_size(SIDE), aligned(1), may_alias));

INLINE Bytes lower_halves(Bytes a, Bytes b) {
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
INLINE Bytes upper_halves(Bytes a, Bytes b) {
    return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

/* Half of the work of a turn by 16: pairs of rows, 8 apart, are shuffled into each other. */
INLINE void shuffle_rows(const Bytes from[SIDE], Bytes to[SIDE]) {
#pragma GCC unroll 8
    for (int i = 0; i < SIDE / 2; i++) {
        to[2 * i] = lower_halves(from[i], from[i + SIDE / 2]);
        to[2 * i + 1] = upper_halves(from[i], from[i + SIDE / 2]);
    }
}

/* Four such rounds turn a tile. Single vectors are moved: a wide copy would have to wait for them. */
INLINE void turn_bytes(const uint8_t *const row[SIDE], long f, uint8_t tile[SIDE][SIDE]) {
    Bytes v[SIDE], w[SIDE];
#pragma GCC unroll 16
    for (int i = 0; i < SIDE; i++) v[i] = *(const LooseBytes *)(row[i] + f);
    shuffle_rows(v, w);
    shuffle_rows(w, v);
    shuffle_rows(v, w);
    shuffle_rows(w, v);
#pragma GCC unroll 16
    for (int i = 0; i < SIDE; i++) *(LooseBytes *)tile[i] = v[i];
}

INLINE void turn_reals(const real *const row[SIDE], long f, real tile[SIDE][SIDE]) {
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) tile[j][i] = row[i][f + j];
}

INLINE void turn_doubles(const double *const row[SIDE], long f, double tile[SIDE][SIDE]) {
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) tile[j][i] = row[i][f + j];
}

/* A row of a tile, in vectors of the kernel's own type. */
#define WRITE(name, stored_in, AT)                                                                           \
    INLINE void name(real *out, const stored_in *in, real near, real rest, real inverse, long n) {           \
        for (long k = 0; k < SIDE; k += VL)                                                                  \
            if (k < n)                                                                                       \
                store_up_to(out + k, ((AT(in + k) - splat(near)) - splat(rest)) * splat(inverse), n - k);    \
    }
WRITE(write_bytes, uint8_t, load_bytes)
WRITE(write_reals, real, load)

INLINE void write_doubles(real *out, const double *in, double near, double rest, double inverse, long n) {
    if (n == SIDE)
        for (long k = 0; k < SIDE; k++) out[k] = (real)(((in[k] - near) - rest) * inverse);
    else
        for (long k = 0; k < n; k++) out[k] = (real)(((in[k] - near) - rest) * inverse);
}

/* out (features, n) = ((x[rows] - near) - rest) · inverse, in the precision of ``number``.

   Arguments: out, stored samples (count, features), rows, near, rest, inverse, n, features, how many
   features share a statistic, count. */
#define GATHER(name, stored_in, number, TURN, WRITE_ROW, STORED, NUMBERS)                                    \
    INLINE void name##_tile(const Arg *arg, const stored_in *const row[SIDE], long i, long f) {              \
        const number *near = arg[3].NUMBERS, *rest = arg[4].NUMBERS, *inverse = arg[5].NUMBERS;              \
        const long n = arg[6].i, features = arg[7].i, sharing = arg[8].i;                                    \
        const long some = least(SIDE, n - i), there = least(SIDE, features - f);                             \
        stored_in tile[SIDE][SIDE] = {{0}};                                                                  \
        if (some == SIDE && there == SIDE) TURN(row, f, tile);                                               \
        else                                                                                                 \
            for (long j = 0; j < there; j++)                                                                 \
                for (long k = 0; k < some; k++) tile[j][k] = row[k][f + j];                                  \
        for (long j = 0, s = f / sharing, used = f % sharing; j < there; j++) {                              \
            WRITE_ROW(arg[0].w + (f + j) * n + i, tile[j], near[s], rest[s], inverse[s], some);              \
            if (++used == sharing) used = 0, s++;                                                            \
        }                                                                                                    \
    }                                                                                                        \
    static int part_of_##name(const Arg *arg, long part, long parts) {                                       \
        const long n = arg[6].i, features = arg[7].i;                                                        \
        const long from = part_start(features, part, parts, SIDE);                                           \
        const long to = part_start(features, part + 1, parts, SIDE);                                         \
        for (long i = 0; i < n; i += SIDE) {                                                                 \
            const stored_in *row[SIDE];                                                                      \
            for (long k = 0; k < SIDE; k++)                                                                  \
                row[k] = arg[1].STORED + arg[2].read_longs[i + (i + k < n ? k : 0)] * features;              \
            for (long f = from; f < to; f += SIDE) name##_tile(arg, row, i, f);                              \
        }                                                                                                    \
        return 0;                                                                                            \
    }                                                                                                        \
    static void name##_of_one(const Arg *arg) {                                                              \
        const long features = arg[7].i, sharing = arg[8].i;                                                  \
        const stored_in *x = arg[1].STORED + arg[2].read_longs[0] * features;                                \
        const number *near = arg[3].NUMBERS, *rest = arg[4].NUMBERS, *inverse = arg[5].NUMBERS;              \
        for (long f = 0, some; f < features; f += some) {                                                    \
            const long s = f / sharing;                                                                      \
            stored_in few[SIDE] = {0};                                                                       \
            some = least(SIDE, (s + 1) * sharing - f);                                                       \
            if (some < SIDE) memcpy(few, x + f, (size_t)some * sizeof(stored_in));                           \
            WRITE_ROW(arg[0].w + f, some < SIDE ? few : x + f, near[s], rest[s], inverse[s], some);          \
        }                                                                                                    \
    }                                                                                                        \
    static int name(const Arg *arg) {                                                                        \
        const long n = arg[6].i, count = arg[9].i;                                                           \
        for (long i = 0; i < n; i++)                                                                         \
            if (arg[2].read_longs[i] < 0 || arg[2].read_longs[i] >= count) return NO_SUCH_ROW;               \
        if (n > 1) return in_parts(part_of_##name, arg, n * arg[7].i / WORTH_GATHERING);                     \
        name##_of_one(arg);                                                                                  \
        return 0;                                                                                            \
    }

GATHER(gather_bytes, uint8_t, real, turn_bytes, write_bytes, read_bytes, r)
GATHER(gather_reals, real, real, turn_reals, write_reals, r, r)
GATHER(gather_doubles, double, double, turn_doubles, write_doubles, read_doubles, read_doubles)
