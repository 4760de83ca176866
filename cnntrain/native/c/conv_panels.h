/* Panels of a convolution: packed weights times columns (position, sample), read at one offset per tap. Taps
   that are padding for a whole panel are left out. */
#ifndef CNNTRAIN_CONV_PANELS_H
#define CNNTRAIN_CONV_PANELS_H

#include "spread.h"

#define FEW_FILTERS 32 /* up to here, panels are not worth a copy of their own (measured) */

typedef struct {
    long count;
    long *tap, *shift; /* tap j of column u is at input u * step + shift, which is */
    long *offset;      /* offset[j] + u * N numbers into a row */
} Taps;

typedef struct {
    Spread in;
    const real *bias;
    int has_relu;             /* of which only the positive part is written */
    long w_out, w_in, kh, kw; /* W[m, c, i, j] at W[m * w_out + c * w_in + i * kw + j] */
    long m, c, n;             /* outputs and inputs of a group, samples */
    long step, limit;     /* column u, tap j reads input u * step + shift[j] if that is in 0 .. limit - 1 */
    long *offset;         /* of the input of (i, j, c) */
    long phase;           /* for which the offsets hold */
    real *packed, *panel; /* weights in the order (i, j, c); inputs of a panel */
    real *strided;        /* outputs of a row before they are put ``stride`` apart */
    Taps rows, cols;      /* taps that the current row and phase have */
    long *used;           /* columns of the kernel that the current panel meets */
} Pass;

/* Weights in blocks of tile_rows(), in the order (i, j, c), so that taps can be left out. */
static void pack_weights(Pass *p, const real *W) {
    const long taps = p->kh * p->kw, count = taps * p->c;
    for (long m = 0; m < p->m;) {
        const int size = tile_rows(p->m - m);
        real *to = p->packed + m * count;
        for (long tap = 0; tap < taps; tap++)
            for (long c = 0; c < p->c; c++)
                for (int s = 0; s < size; s++) *to++ = W[(m + s) * p->w_out + c * p->w_in + tap];
        m += size;
    }
}

static void find_offsets(Pass *p, long phase) {
    if (p->phase == phase) return;
    p->phase = phase;
    for (long i = 0; i < p->rows.count; i++)
        for (long j = 0; j < p->cols.count; j++) {
            long *to = p->offset + (p->rows.tap[i] * p->kw + p->cols.tap[j]) * p->c;
            for (long c = 0; c < p->c; c++) to[c] = c * p->in.plane + p->rows.offset[i] + p->cols.offset[j];
        }
}

/* Columns of the kernel that are not padding for all of the columns first .. last; their number. */
static long meet(Pass *p, long first, long last) {
    long count = 0;
    for (long j = 0; j < p->cols.count; j++)
        if (last * p->step + p->cols.shift[j] >= 0 && first * p->step + p->cols.shift[j] < p->limit)
            p->used[count++] = p->cols.tap[j];
    return count;
}

/* Neighbouring taps k0 .. k0 + count of one panel; x is where its first column would read with offset 0. */
static void run_of_taps(Pass *p, const real *x, long k0, long count, long width, real *out, long out_row,
                        int first) {
    const int copied = p->m > FEW_FILTERS || width % VL != 0;
    for (long end = k0 + count; k0 < end; k0 += K_BLOCK, first = 0) {
        const long some = least(K_BLOCK, end - k0);
        for (long k = 0; copied && k < some; k++) {
            const real *from = x + p->offset[k0 + k];
            real *to = p->panel + k * PANEL;
            const long left = width % VL;
            long q = 0;
            for (; q + VL <= width; q += VL) store(to + q, load(from + q));
            if (left) store(to + q, load_part(from + q, left));
        }
        const Factors f = {.A = p->packed,
                           .packed_count = p->kh * p->kw * p->c,
                           .packed_from = k0,
                           .B = copied ? p->panel : x,
                           .b_step = PANEL,
                           .offset = p->offset + k0,
                           .count = some,
                           .first = first};
        panel_product(copied ? BY_COLUMN : BY_OFFSET, f, 0, p->m, out, out_row, width);
    }
}

/* One panel of all outputs, over the taps of the row and the first ``used`` columns of the kernel. */
static void panel_of(Pass *p, const real *x, long used, long width, real *out, long out_row) {
    long start = 0, count = 0, is_first = 1;
    for (long i = 0; i < p->rows.count; i++)
        for (long j = 0; j < used; j++) {
            const long k = (p->rows.tap[i] * p->kw + p->used[j]) * p->c;
            if (count && start + count != k) {
                run_of_taps(p, x, start, count, width, out, out_row, (int)is_first);
                is_first = count = 0;
            }
            if (!count) start = k;
            count += p->c;
        }
    if (count) run_of_taps(p, x, start, count, width, out, out_row, (int)is_first);
    else
        for (long m = 0; m < p->m; m++) memset(out + m * out_row, 0, (size_t)width * sizeof(real));
}

/* z + b of one row of every output, and the positive part of it. */
static void finish_row(const Pass *p, const real *bias, real *out, long out_row, long width) {
    for (long m = 0; m < p->m; m++) {
        real *z = out + m * out_row;
        const vec b = splat(bias ? bias[m] : 0);
        for (long q = 0; q < width; q += VL) {
            const vec sum = bias ? load_up_to(z + q, width - q) + b : load_up_to(z + q, width - q);
            store_up_to(z + q, p->has_relu ? positive(sum) : sum, width - q);
        }
    }
}

/* Room for a pass, with a copy of so many rows of maps. */
static void *pass_memory(Pass *p, long strided, long rows) {
    const long taps = p->c * p->kh * p->kw, words = (long)sizeof(long), numbers = (long)sizeof(real);
    const long copied = copied_numbers(&p->in, p->c, rows);
    char *block = scratch((p->m * taps + K_BLOCK * PANEL + strided + copied) * numbers +
                          (taps + 3 * p->kh + 4 * p->kw) * words + 13 * 64);
    char *pool = block;
    if (!block) return NULL;
    p->packed = piece(&pool, p->m * taps * numbers);
    p->panel = piece(&pool, K_BLOCK * PANEL * numbers);
    p->strided = piece(&pool, strided * numbers);
    place_copy(&p->in, rows, piece(&pool, copied * numbers));
    p->offset = piece(&pool, taps * words);
    p->used = piece(&pool, p->kw * words);
    Taps *each[2] = {&p->rows, &p->cols};
    const long most_taps[2] = {p->kh, p->kw};
    for (int i = 0; i < 2; i++) {
        each[i]->tap = piece(&pool, most_taps[i] * words);
        each[i]->shift = piece(&pool, most_taps[i] * words);
        each[i]->offset = piece(&pool, most_taps[i] * words);
    }
    p->phase = -1;
    return block;
}
#endif
