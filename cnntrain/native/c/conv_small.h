/* Convolutions of maps with short rows: all rows of outputs as one, as long as those of the map with zeros
   around it. Outputs of windows that span the end of a row are worked out too, and left out: less is lost
   than by vectors that are not full. */
#ifndef CNNTRAIN_CONV_SMALL_H
#define CNNTRAIN_CONV_SMALL_H

#include "conv_panels.h"
#include "halves.h"

/* What the forward pass writes: z, or the largest of every four neighbours with its number. */
typedef struct {
    real *z, *rows; /* two rows of every output, if they are not kept */
    uint8_t *winners;
} Written;

typedef struct {
    const real *maps;
    long rows, columns, top, left; /* of a map, which has so many zeros before it */
    long out_rows, out_columns;
    long row_reach, column_reach; /* from the first to the last tap */
    long row_step, column_step;   /* from one tap to the next: those of ∂C/∂a go backwards */
} Small;

INLINE long small_wide(const Small *s) { return s->out_columns + s->column_reach; }
INLINE long small_tall(const Small *s) { return s->out_rows + s->row_reach; }

/* Of all rows as one, in whole vectors. */
INLINE long small_width(const Small *s, long n) {
    return (((s->out_rows - 1) * small_wide(s) + s->out_columns) * n + VL - 1) / VL * VL;
}

INLINE int is_small(const Pass *p, const Small *s) {
    const long by_row = s->out_rows * ((s->out_columns * p->n + VL - 1) / VL) * VL;
    const int is_padded = s->top >= 0 && s->left >= 0;
    return is_padded && p->m > 1 && s->out_columns * p->n < PANEL && 5 * small_width(s, p->n) <= 6 * by_row;
}

static void pad_maps(const Small *s, long channels, long n, real *padded) {
    const long wide = small_wide(s) * n, plane = small_tall(s) * wide;
    const long some = least(s->columns, small_wide(s) - s->left) * n;
    memset(padded, 0, (size_t)(channels * plane + PANEL) * sizeof(real));
    for (long c = 0; c < channels; c++)
        for (long r = 0; r < least(s->rows, small_tall(s) - s->top); r++)
            copy_few(padded + c * plane + (r + s->top) * wide + s->left * n,
                     s->maps + (c * s->rows + r) * s->columns * n, some);
}

static void write_small(const Pass *p, const Small *s, const Written *to, long g, const real *flat,
                        long width) {
    const long row = s->out_columns * p->n, wide = small_wide(s) * p->n;
    for (long m = 0; m < p->m; m++, flat += width)
        for (long r = 0; r < s->out_rows; r += to->winners ? 2 : 1) {
            const real *from = flat + r * wide;
            const long first = (g * p->m + m) * s->out_rows + r;
            if (to->winners)
                max_of_fours(to->z + first / 2 * row / 2, to->winners + first / 2 * row / 2, from,
                             from + wide, s->out_columns / 2, p->n);
            else
                copy_few(to->z + first * row, from, row);
        }
}

INLINE long small_tap(long reach, long step, long i) { return step < 0 ? reach + i * step : i * step; }

/* Columns q .. q + some of every output; rows of the kernel that meet none of the map there are left out. */
static void small_panel(Pass *p, const Small *s, const real *x, long q, long some, real *out, long width) {
    const long wide = small_wide(s) * p->n, first = q / wide, last = (q + some - 1) / wide;
    p->rows.count = 0;
    for (long i = 0; i < p->kh; i++) {
        const long tap = small_tap(s->row_reach, s->row_step, i);
        if (last + tap >= s->top && first + tap < s->top + s->rows) p->rows.tap[p->rows.count++] = i;
    }
    panel_of(p, x + q, p->kw, some, out + q, width);
}

/* Weights of a group are ``weights`` numbers from those of the last. */
static int convolve_small(Pass *p, const Small *s, const real *W, long groups, long weights, Written to) {
    const long n = p->n, width = small_width(s, n);
    const long wide = small_wide(s) * n, plane = small_tall(s) * wide, numbers = (long)sizeof(real);
    char *memory = scratch((groups * p->c * plane + PANEL + p->m * width) * numbers + 2 * 64), *pool = memory;
    if (!memory) return NO_MEMORY;
    real *padded = piece(&pool, (groups * p->c * plane + PANEL) * numbers);
    real *flat = piece(&pool, p->m * width * numbers);
    pad_maps(s, groups * p->c, n, padded);
    long *offset = p->offset;
    for (long i = 0; i < p->kh; i++)
        for (long j = 0; j < p->kw; j++)
            for (long c = 0; c < p->c; c++)
                *offset++ = c * plane + small_tap(s->row_reach, s->row_step, i) * wide +
                            small_tap(s->column_reach, s->column_step, j) * n;
    for (long j = 0; j < p->kw; j++) p->used[j] = j;
    for (long g = 0; g < groups; g++) {
        pack_weights(p, W + g * weights);
        for (long q = 0; q < width; q += PANEL)
            small_panel(p, s, padded + g * p->c * plane, q, least(PANEL, width - q), flat, width);
        if (p->bias || p->has_relu) finish_row(p, p->bias ? p->bias + g * p->m : NULL, flat, width, width);
        write_small(p, s, &to, g, flat, width);
    }
    release(memory);
    return 0;
}
#endif
