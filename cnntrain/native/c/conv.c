/* Two-dimensional convolution: layers/conv2d.py, forward and ∂C/∂a.

   Both are the same routine: every row of outputs is a product of packed weights with panels of columns
   (position, sample), read at one offset per tap. Taps that are padding for a whole panel are left out. */
#include "conv_small.h"

#define SINGLE 8 /* vectors of a single output: a tile one row high would wait for its own sums */

INLINE void single_vectors(const Pass *p, const real *x, long used, const int vecs, long left, real *out) {
    vec sum[SINGLE] = {{0}};
    for (long i = 0; i < p->rows.count; i++)
        for (long j = 0; j < used; j++) {
            const long first = (p->rows.tap[i] * p->kw + p->used[j]) * p->c;
            for (long k = first; k < first + p->c; k++) {
                const vec w = splat(p->packed[k]);
                const real *from = x + p->offset[k];
                EACH (v, vecs) {
                    const vec in = left ? load_up_to(from + v * VL, left - v * VL) : load(from + v * VL);
                    sum[v] = fused(w, in, sum[v]);
                }
            }
        }
    EACH (v, vecs) store_up_to(out + v * VL, sum[v], left ? left - v * VL : VL);
}

/* One row of the only output of a group, as in depth-wise convolution: the same chains as panel_of. */
static void single_row(Pass *p, const real *x, long width, real *out) {
    long q = 0;
    for (; q + SINGLE * VL <= width; q += SINGLE * VL)
        single_vectors(p, x + q, meet(p, q / p->n, (q + SINGLE * VL - 1) / p->n), SINGLE, 0, out + q);
    for (; q < width; q += VL) {
        const long left = least(VL, width - q);
        single_vectors(p, x + q, meet(p, q / p->n, (q + left - 1) / p->n), 1, left, out + q);
    }
}

/* One output row of one group: ``columns`` positions, which go to out in steps of ``stride`` positions. */
static void convolve_row(Pass *p, long group, const real *x, long columns, real *out, long out_row,
                         long stride) {
    const long width = columns * p->n;
    real *to = stride == 1 ? out : p->strided;
    const long to_row = stride == 1 ? out_row : width;
    if (p->m == 1) single_row(p, x, width, to);
    for (long q = 0; p->m > 1 && q < width; q += PANEL) {
        const long some = least(PANEL, width - q);
        panel_of(p, x + q, meet(p, q / p->n, (q + some - 1) / p->n), some, to + q, to_row);
    }
    if (p->bias || p->has_relu) finish_row(p, p->bias ? p->bias + group * p->m : NULL, to, to_row, width);
    for (long m = 0; stride > 1 && m < p->m; m++)
        for (long u = 0; u < columns; u++)
            copy_few(out + m * out_row + u * stride * p->n, to + m * to_row + u * p->n, p->n);
}

/* Taps of output ``o`` that lie on the map: tap i reads input o · stride + i · dilation - before. */
static void taps_forward(const Axis *ax, long o, Taps *taps) {
    taps->count = 0;
    for (long i = 0; i < ax->size; i++) {
        const long at = o * ax->stride + i * ax->dilation - ax->before;
        if (at < 0 || at >= ax->length) continue;
        taps->tap[taps->count] = i;
        taps->shift[taps->count++] = i * ax->dilation - ax->before;
    }
}

/* Taps that read input t - before, from output (t - i · dilation) / stride: relative to t / stride, at which
   there are outputs 0 .. out - 1, or any if ``out`` is negative. */
static void taps_backward(const Axis *ax, long t, long out, Taps *taps) {
    taps->count = 0;
    for (long i = 0; i < ax->size; i++) {
        const long back = t - i * ax->dilation, o = floor_div(back, ax->stride);
        if (o * ax->stride != back || (out >= 0 && (o < 0 || o >= out))) continue;
        taps->tap[taps->count] = i;
        taps->shift[taps->count++] = o - t / ax->stride;
    }
}

static void write_halves(const Pass *p, const Written *to, long g, long oh, long rows, long columns) {
    const long width = columns * p->n, half = columns / 2 * p->n;
    for (long m = 0; m < p->m; m++) {
        const real *top = to->rows + 2 * m * width;
        const long at = ((g * p->m + m) * rows / 2 + oh / 2) * half;
        max_of_fours(to->z + at, to->winners + at, top, top + width, columns / 2, p->n);
    }
}

/* Arguments from the fifth on as those of conv2d_forward. */
static int convolve(const Arg *arg, const real *a, const real *W, const real *b, int has_relu, Written to) {
    const long f = arg[0].i, c = arg[1].i, groups = arg[2].i, n = arg[3].i;
    const Axis v = axis_of(arg + 4), h = axis_of(arg + 10);
    Pass p = {
        .bias = b,
        .has_relu = has_relu,
        .w_out = c / groups * v.size * h.size,
        .w_in = v.size * h.size,
        .kh = v.size,
        .kw = h.size,
        .m = f / groups,
        .c = c / groups,
        .n = n,
        .step = h.stride,
        .limit = h.length,
        .in = spread_for_taps(&v, &h, n),
    };
    const long reach = reach_of(&v) + 1, held = rows_at_a_time(&p.in, p.c, reach);
    const long some = (held - reach) / v.stride + 1; /* rows of outputs that these serve */
    void *memory = pass_memory(&p, to.winners ? 2 * p.m * h.out * n : 0, held);
    if (!memory) return NO_MEMORY;
    const Small small = {.maps = a,
                         .rows = v.length,
                         .columns = h.length,
                         .top = v.before,
                         .left = h.before,
                         .out_rows = v.out,
                         .out_columns = h.out,
                         .row_reach = (v.size - 1) * v.dilation,
                         .column_reach = (h.size - 1) * h.dilation,
                         .row_step = v.dilation,
                         .column_step = h.dilation};
    if (v.stride == 1 && h.stride == 1 && is_small(&p, &small)) {
        const int status = convolve_small(&p, &small, W, groups, p.m * p.w_out, to);
        release(memory);
        return status;
    }
    to.rows = p.strided;
    p.rows.count = v.size, p.cols.count = h.size;
    for (long i = 0; i < v.size; i++) p.rows.tap[i] = i, p.rows.offset[i] = i * v.dilation * p.in.row;
    for (long j = 0; j < h.size; j++) {
        const long at = j * h.dilation;
        p.cols.tap[j] = j, p.cols.shift[j] = at - h.before;
        p.cols.offset[j] = (at % h.stride * p.in.part + at / h.stride) * n;
    }
    find_offsets(&p, 0);
    for (long g = 0; g < groups; g++) {
        const real *maps = a + g * p.c * v.length * h.length * n, *x = NULL;
        pack_weights(&p, W + g * p.m * p.w_out);
        for (long oh = 0; oh < v.out; oh++) {
            const long first = oh * v.stride - v.before;
            if (oh % some == 0) x = rows_from(&p.in, maps, p.c, first, held);
            const long width = h.out * n;
            real *out = to.winners ? to.rows + oh % 2 * width : to.z + (g * p.m * v.out + oh) * width;
            taps_forward(&v, oh, &p.rows);
            const real *rows = x + oh % some * v.stride * p.in.row;
            convolve_row(&p, g, rows, h.out, out, (to.winners ? 2 : v.out) * width, 1);
            if (to.winners && oh % 2) write_halves(&p, &to, g, oh, v.out, h.out);
        }
    }
    release(memory);
    return 0;
}

/* z[f, oh, ow] = Σ_{i,j,c} W[f, c, i, j] · padded a[c, oh·s + i·d, ow·s + j·d] + b[f], a chain over (i, j, c)
 */
static int conv2d_forward(const Arg *arg) {
    return convolve(arg + 4, arg[1].r, arg[2].r, arg[3].r, (int)arg[20].i, (Written){.z = arg[0].w});
}

/* The largest of every four neighbours of z, and which it is; z has an even number of rows and columns. */
static int conv2d_pool_forward(const Arg *arg) {
    return convolve(arg + 5, arg[2].r, arg[3].r, arg[4].r, 0,
                    (Written){.z = arg[0].w, .winners = arg[1].bytes});
}

/* da[c, h, w] = Σ_{i,j,f} W[f, c, i, j] · delta[f, oh, ow] over all taps that read (h, w), a chain over (i,
 * j, f) */
static int conv2d_da(const Arg *arg) {
    real *da = arg[0].w;
    const real *delta = arg[1].r, *W = arg[2].r;
    const long f = arg[3].i, c = arg[4].i, groups = arg[5].i, n = arg[6].i;
    const Axis v = axis_of(arg + 7), h = axis_of(arg + 13);
    const long per_phase = (h.length + h.stride - 1) / h.stride;
    const long row_reach = reach_of(&v), column_reach = reach_of(&h);
    Pass p = {
        .w_out = v.size * h.size,
        .w_in = c / groups * v.size * h.size,
        .kh = v.size,
        .kw = h.size,
        .m = c / groups,
        .c = f / groups,
        .n = n,
        .step = 1,
        .limit = h.out,
        .in = spread_for_outputs(&v, &h, n),
    };
    /* rows of delta that the first row of da does without, or the last one */
    const long lost = row_reach / v.stride + 2;
    const long held = rows_at_a_time(&p.in, p.c, lost + 1), some = (held - lost) * v.stride;
    void *memory = pass_memory(&p, p.m * per_phase * n, held);
    if (!memory) return NO_MEMORY;
    const Small small = {.maps = delta,
                         .rows = v.out,
                         .columns = h.out,
                         .top = row_reach - v.before,
                         .left = column_reach - h.before,
                         .out_rows = v.length,
                         .out_columns = h.length,
                         .row_reach = row_reach,
                         .column_reach = column_reach,
                         .row_step = -v.dilation,
                         .column_step = -h.dilation};
    if (v.stride == 1 && h.stride == 1 && is_small(&p, &small)) {
        const int status = convolve_small(&p, &small, W, groups, p.c * p.w_in, (Written){.z = da});
        release(memory);
        return status;
    }
    for (long g = 0; g < groups; g++) {
        const real *maps = delta + g * p.c * v.out * h.out * n, *rows = NULL;
        pack_weights(&p, W + g * p.c * p.w_in);
        for (long row = 0, first = 0; row < v.length; row++) {
            const long t = row + v.before;
            if (row % some == 0) {
                first = floor_div(t - row_reach, v.stride);
                rows = rows_from(&p.in, maps, p.c, first, held);
            }
            taps_backward(&v, t, v.out, &p.rows);
            if (!p.rows.count) { /* no tap reads it */
                for (long m = g * p.m; m < (g + 1) * p.m; m++)
                    memset(da + (m * v.length + row) * h.length * n, 0,
                           (size_t)(h.length * n) * sizeof(real));
                continue;
            }
            const real *x = rows + (t / v.stride - first) * p.in.row;
            for (long r = 0; r < h.stride && r < h.length; r++) {
                taps_backward(&h, r + h.before, -1, &p.cols);
                for (long j = 0; j < p.cols.count; j++) {
                    p.cols.shift[j] += (r + h.before) / h.stride;
                    p.cols.offset[j] = (p.cols.shift[j] + p.in.left) * n;
                }
                taps_backward(&v, v.stride + t % v.stride, -1, &p.rows); /* of all rows of this phase */
                for (long i = 0; i < p.rows.count; i++) p.rows.offset[i] = p.rows.shift[i] * p.in.row;
                find_offsets(&p, t % v.stride * h.stride + r);
                taps_backward(&v, t, v.out, &p.rows);
                convolve_row(&p, g, x, (h.length - r + h.stride - 1) / h.stride,
                             da + ((g * p.m * v.length + row) * h.length + r) * n, v.length * h.length * n,
                             h.stride);
            }
        }
    }
    release(memory);
    return 0;
}
