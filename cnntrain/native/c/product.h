/* The tile at the heart of every product: M rows of weights times a panel of columns.

   out[m, col] = Σ_k A[m, k] · B[k, col], one chain of fused multiply-adds over k for every output.
   The chain is continued from ``out`` unless this is its first piece, so k may be cut anywhere. */
#ifndef CNNTRAIN_PRODUCT_H
#define CNNTRAIN_PRODUCT_H

#include "vec.h"

#if defined(ISA_V4)
#define TILE_ROWS 8
#define TILE_VECS 3
#elif defined(ISA_NEON)
#define TILE_ROWS 8
#define TILE_VECS 2
#else
#define TILE_ROWS 4
#define TILE_VECS 3
#endif
#define PANEL (TILE_VECS * VL) /* columns */
#define K_BLOCK 192            /* a panel of so many rows stays in the first-level cache */

typedef struct {
    const real *A;     /* weights: A[m * a_step + k] if BY_ROW, else A[k * a_step + m] */
    long a_step;       /* 0: A is packed in blocks of tile_rows(), from packed_from on */
    long packed_count; /* of k in a packed A, */
    long packed_from;  /* of which these begin at this one */
    const real *B;     /* inputs: B[offset[k] + col] if there are offsets, else B[k * b_step + col] */
    long b_step;
    const long *offset;
    long count; /* of k */
    int first;  /* whether the chain starts here */
    int adds;   /* 0: ``out`` is overwritten; 1, -1: the sum, a chain of its own, is added to or taken from it
                 */
} Factors;

INLINE void tile(const int rows, const int vecs, const int by_row, const int spread, const Factors *p,
                 real *out, long out_row) {
    vec sum[TILE_ROWS][TILE_VECS];
    EACH (m, rows)
        EACH (v, vecs) sum[m][v] = p->first ? (vec){} : load(out + m * out_row + v * VL);
    const real *A = p->A, *B = p->B;
    const long a_step = p->a_step, b_step = p->b_step;
    for (long k = 0; k < p->count; k++) {
        const real *b = spread ? B + p->offset[k] : B;
        vec x[TILE_VECS];
        EACH (v, vecs) {
            x[v] = load(b + v * VL);
            PIN(x[v]);
        }
        EACH (m, rows) {
            vec w = splat(by_row ? A[m * a_step] : A[m]);
            EACH (v, vecs) sum[m][v] = fused(w, x[v], sum[m][v]);
        }
        A += by_row ? 1 : a_step;
        if (!spread) B += b_step;
    }
    EACH (m, rows)
        EACH (v, vecs) {
            real *to = out + m * out_row + v * VL;
            store(to, p->adds == 0 ? sum[m][v] : p->adds > 0 ? load(to) + sum[m][v] : load(to) - sum[m][v]);
        }
}

typedef void (*Tile)(const Factors *, real *, long);

#define TILE(rows, vecs)                                                                                     \
    static void tile_col_##rows##vecs(const Factors *p, real *out, long r) {                                 \
        tile(rows, vecs, 0, 0, p, out, r);                                                                   \
    }                                                                                                        \
    static void tile_off_##rows##vecs(const Factors *p, real *out, long r) {                                 \
        tile(rows, vecs, 0, 1, p, out, r);                                                                   \
    }                                                                                                        \
    static void tile_row_##rows##vecs(const Factors *p, real *out, long r) {                                 \
        tile(rows, vecs, 1, 0, p, out, r);                                                                   \
    }
#if TILE_ROWS > 4
#define EACH_ROWS(DO, vecs)                                                                                  \
    DO(1, vecs) DO(2, vecs) DO(3, vecs) DO(4, vecs) DO(5, vecs) DO(6, vecs) DO(7, vecs) DO(8, vecs)
#else
#define EACH_ROWS(DO, vecs) DO(1, vecs) DO(2, vecs) DO(3, vecs) DO(4, vecs)
#endif
EACH_ROWS(TILE, 1)
EACH_ROWS(TILE, 2)
#define COL(rows, vecs) tile_col_##rows##vecs,
#define OFF(rows, vecs) tile_off_##rows##vecs,
#define ROW(rows, vecs) tile_row_##rows##vecs,
#if TILE_VECS > 2
EACH_ROWS(TILE, 3)
#define FORM(form)                                                                                           \
    {                                                                                                        \
        {EACH_ROWS(form, 1)}, {EACH_ROWS(form, 2)}, { EACH_ROWS(form, 3) }                                   \
    }
#else
#define FORM(form)                                                                                           \
    {                                                                                                        \
        {EACH_ROWS(form, 1)}, { EACH_ROWS(form, 2) }                                                         \
    }
#endif
enum { BY_COLUMN, BY_OFFSET, BY_ROW };
static const Tile TILE_OF[3][TILE_VECS][TILE_ROWS] = {FORM(COL), FORM(OFF), FORM(ROW)};

/* Rows of the next tile, of so many that are left: tiles of nearly equal size. */
INLINE int tile_rows(long left) {
    const long tiles = (left + TILE_ROWS - 1) / TILE_ROWS;
    return (int)((left + tiles - 1) / tiles);
}

/* One panel, at most PANEL columns wide, of ``rows`` outputs. B is read in whole vectors, so it must
   be readable up to the next multiple of VL. Rows of A are ``a_stride`` apart, unless it is packed. */
INLINE void panel_product(int form, Factors p, long a_stride, long rows, real *out, long out_row,
                          long width) {
    const int vecs = (int)((width + VL - 1) / VL);
    const int packed = p.a_step == 0;
    const size_t bytes = (size_t)width * sizeof(real);
    const real *A = p.A;
    real edge[TILE_ROWS * PANEL];
    for (long m = 0; m < rows;) {
        const int size = tile_rows(rows - m);
        real *to = out + m * out_row;
        p.A = packed ? A + m * p.packed_count + p.packed_from * size : A + m * a_stride;
        if (packed) p.a_step = size;
        if (width == vecs * VL) {
            TILE_OF[form][vecs - 1][size - 1](&p, to, out_row);
        } else {
            if (!p.first || p.adds)
                memset(edge, 0, sizeof(edge)); /* unused lanes must not hold slow denormal numbers */
            for (int i = 0; i < size && (!p.first || p.adds); i++)
                memcpy(edge + i * PANEL, to + i * out_row, bytes);
            TILE_OF[form][vecs - 1][size - 1](&p, edge, PANEL);
            for (int i = 0; i < size; i++) memcpy(to + i * out_row, edge + i * PANEL, bytes);
        }
        m += size;
    }
}
#endif
