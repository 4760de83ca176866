/* Convolution with stride 1, tile by tile, forward and ∂C/∂a: layers/winograd.py and layers/fourier.py.

   Column (tile, sample) of V holds the values that a tile of inputs is transformed to, the same column of M
   those of its outputs. Some columns at a time, so that both stay in the second-level cache. */
#include "fourier.h"
#include "halves.h"
#include "spread.h"
#include "winograd.h"

#define BUDGET (384L << 10)             /* bytes of V and M */
#define APART (64 / (long)sizeof(real)) /* numbers between values, which then share no set of a cache */

typedef struct {
    long taps, read, tile; /* of an axis: of a kernel, inputs of a tile, and its outputs, */
    long step;   /* from one tile to the next: less than these if outputs overlap and are added up */
    long values; /* of both axes, */
    long reals;  /* of which these are no parts of complex numbers */
    long chains; /* one after the other, for a sum over c of those: shorter ones round less */
    ToPoints inputs;
    OfPieces inputs_of_pieces;
    OfKernels kernels;
    OfPoints outputs;
} Form;

/* In the order of native/tiles.py. */
static const Form FORMS[] = {
    {3, 4, 2, 2, 16, 16, 1, inputs_to_points_4, inputs_to_points_4_of_pieces, kernels_to_points_4_of_3,
     outputs_2_of_4},
    {3, 6, 4, 4, 36, 36, 2, inputs_to_points_6, inputs_to_points_6_of_pieces, kernels_to_points_6_of_3,
     outputs_4_of_6},
    {5, 6, 2, 2, 36, 36, 1, inputs_to_points_6, inputs_to_points_6_of_pieces, kernels_to_points_6_of_5,
     outputs_2_of_6},
    {5, 8, 4, 4, 64, REALS, 1, inputs_to_waves, inputs_to_waves_of_pieces, kernels_to_waves,
     outputs_of_waves},
    {5, 4, 8, 4, 64, REALS, 1, deltas_to_waves, deltas_to_waves_of_pieces, kernels_to_waves, shares_of_waves},
};

typedef struct {
    Form form;
    const real *x, *bias;
    real *z, *U, *V, *M, *zeros;
    uint8_t *winners;
    int has_relu;
    long m, c, n;                       /* outputs, inputs, samples */
    long height, width, top, left;      /* of inputs, and zeros around them */
    long out_height, out_width, across; /* outputs, and tiles in a row of them */
    long before, left_of; /* outputs of the first tile that are beyond the maps, if these overlap */
    long block, columns;  /* of V and M: so many in use, and with room for one more vector */
    long U_apart, V_apart, M_apart;
} Tiles;

/* U[value, m, c] of W[m · w_out + c · w_in + tap], taps backwards if it is ``rotated``. */
static void values_of_weights(const Tiles *p, const real *W, long w_out, long w_in, int rotated) {
    const long taps = p->form.taps * p->form.taps;
    kernels g[MOST_TAPS * MOST_TAPS] = {{0}}, u[MOST_VALUES];
    for (long m = 0; m < p->m; m++)
        for (long c = 0; c < p->c; c += KERNELS) {
            const long some = least(KERNELS, p->c - c);
            for (long k = 0; k < some; k++)
                for (long t = 0; t < taps; t++)
                    g[t][k] = (double)W[m * w_out + (c + k) * w_in + (rotated ? taps - 1 - t : t)];
            p->form.kernels(g, u);
            for (long i = 0; i < p->form.values; i++) {
                real rounded[KERNELS];
                for (int k = 0; k < KERNELS; k++) rounded[k] = (real)u[i][k];
                memcpy(p->U + i * p->U_apart + m * p->c + c, rounded, sizeof(real) * (size_t)some);
            }
        }
}

/* Lanes lo to hi - 1 of a vector of columns: samples from ``first`` on of a tile. */
typedef struct {
    long oh, ow; /* where its outputs begin */
    long first;
    int lo, hi;
} Piece;

/* What is left of the tile of column q, at most ``some`` columns, from lane lo on. */
INLINE Piece piece_of(const Tiles *p, long q, long some, int lo) {
    const long tile = q / p->n, first = q % p->n, side = p->form.step;
    const int hi = lo + (int)least(p->n - first, some);
    return (Piece){tile / p->across * side, tile % p->across * side, first, lo, hi};
}

/* Where every place of the square of a piece begins, and how far it is to the next channel. */
static void places_of(const Tiles *p, const Piece *of, const real **from, long *step) {
    const long read = p->form.read, plane = p->height * p->width * p->n;
    for (long i = 0; i < read; i++)
        for (long j = 0; j < read; j++, from++, step++) {
            const long h = of->oh - p->top + i, w = of->ow - p->left + j;
            const int inside = h >= 0 && h < p->height && w >= 0 && w < p->width;
            *from = inside ? p->x + (h * p->width + w) * p->n + of->first : p->zeros;
            *step = inside ? plane : 0;
        }
}

/* Values of whole vectors of a tile, to column ``at`` of V. */
static void values_of_run(const Tiles *p, const Piece *of, long count, long at) {
    const long places = p->form.read * p->form.read;
    const real *from[MOST_READ * MOST_READ];
    long step[MOST_READ * MOST_READ];
    places_of(p, of, from, step);
    for (long c = 0; c < p->c; c++) {
        p->form.inputs(from, count, p->V + c * p->columns + at, p->V_apart);
        for (long i = 0; i < places; i++) from[i] += step[i];
    }
}

/* The pieces of columns q .. q + some, which are no more than a vector. */
static int pieces_of(const Tiles *p, long q, long some, Piece *pieces) {
    int count = 0;
    for (int lo = 0; lo < some; count++) {
        pieces[count] = piece_of(p, q + lo, some - lo, lo);
        lo = pieces[count].hi;
    }
    return count;
}

static void values_of_pieces(const Tiles *p, long q, long some, long at) {
    const long places = p->form.read * p->form.read;
    Piece piece[LANES];
    Pieces of;
    of.count = pieces_of(p, q, some, piece);
    for (int k = 0; k < of.count; k++) {
        of.lo[k] = piece[k].lo, of.hi[k] = piece[k].hi;
        places_of(p, piece + k, of.from[k], of.step[k]);
    }
    for (long c = 0; c < p->c; c++) {
        p->form.inputs_of_pieces(&of, p->V + c * p->columns + at, p->V_apart);
        for (int k = 0; k < of.count; k++)
            for (long i = 0; i < places; i++) of.from[k][i] += of.step[k][i];
    }
}

/* Values of columns q .. q + count. */
static void values_of_columns(const Tiles *p, long q, long count) {
    for (long at = 0; at < count;) {
        const Piece piece = piece_of(p, q + at, count - at, 0);
        const long whole = piece.hi / VL * VL;
        if (whole) values_of_run(p, &piece, whole, at);
        else
            values_of_pieces(p, q + at, least(VL, count - at), at);
        at += most(VL, whole);
    }
}

/* M[m] = U[u] V[v] of some c and columns, or what is added to it or, if ``adds`` is -1, subtracted from it */
INLINE void product_of(const Tiles *p, const long of[3], long c, long count, long q, long width, int adds) {
    const Factors f = {.A = p->U + of[1] * p->U_apart + c,
                       .a_step = p->c,
                       .B = p->V + of[2] * p->V_apart + c * p->columns + q,
                       .b_step = p->columns,
                       .count = count,
                       .first = 1,
                       .adds = adds};
    panel_product(BY_ROW, f, p->c, p->m, p->M + of[0] * p->M_apart + q, p->columns, width);
}

static void real_product(const Tiles *p, long i, long q, long width) {
    const long each = (p->c + p->form.chains - 1) / p->form.chains, of[3] = {i, i, i};
    for (long c = 0; c < p->c; c += each) product_of(p, of, c, least(each, p->c - c), q, width, c > 0);
}

/* (r - i s) of the outputs = (r - i s) of the inputs times (r + i s) of the kernel, or times (r - i s) if
   tiles overlap: every input goes to outputs behind it. */
static void complex_product(const Tiles *p, long r, long q, long width) {
    const long s = r + 1;
    const int sign = p->form.tile > p->form.step ? -1 : 1;
    product_of(p, (const long[3]){r, r, r}, 0, p->c, q, width, 0);
    product_of(p, (const long[3]){r, s, s}, 0, p->c, q, width, sign);
    product_of(p, (const long[3]){s, r, s}, 0, p->c, q, width, 0);
    product_of(p, (const long[3]){s, s, r}, 0, p->c, q, width, -sign);
}

static void products(const Tiles *p, long count) {
    const long whole = (count + VL - 1) / VL * VL, reals = p->form.reals;
    for (long q = 0; q < whole; q += PANEL)
        for (long i = 0; i < reals; i++) real_product(p, i, q, least(PANEL, whole - q));
    for (long i = reals; i < p->form.values; i += 2)
        for (long q = 0; q < whole; q += PANEL) complex_product(p, i, q, least(PANEL, whole - q));
}

/* One vector of samples of the outputs of a tile. */
INLINE void outputs_of_vector(const Tiles *p, const real *M, vec b, vec *z) {
    p->form.outputs(M, p->M_apart, z);
    for (int i = 0; i < p->form.tile * p->form.tile; i++) {
        z[i] += b;
        if (p->has_relu) z[i] = positive(z[i]);
    }
}

INLINE void put_lanes(real *to, vec v, const Piece *of) {
    if (of->hi - of->lo == VL) store(to, v);
    else
        store_between(to, v, of->lo, of->hi);
}

/* One vector of the outputs m of a tile. */
static void write_tile(const Tiles *p, const Piece *of, long m, const vec *z) {
    const long side = p->form.tile;
    const long tall = least(side, p->out_height - of->oh), wide = least(side, p->out_width - of->ow);
    real *out = p->z + ((m * p->out_height + of->oh) * p->out_width + of->ow) * p->n + of->first;
    for (long i = 0; i < tall; i++)
        for (long j = 0; j < wide; j++) put_lanes(out + (i * p->out_width + j) * p->n, z[i * side + j], of);
}

/* The same, where tiles overlap: added to what others have given. */
static void add_tile(const Tiles *p, const Piece *of, long m, const vec *z) {
    const long side = p->form.tile, top = of->oh - p->before, left = of->ow - p->left_of;
    real *out = p->z + ((m * p->out_height + top) * p->out_width + left) * p->n + of->first;
    for (long i = most(0, -top); i < least(side, p->out_height - top); i++)
        for (long j = most(0, -left); j < least(side, p->out_width - left); j++) {
            real *to = out + (i * p->out_width + j) * p->n;
            put_lanes(to, load_between(to, of->lo, of->hi) + z[i * side + j], of);
        }
}

/* The largest of every four neighbours in a tile, whose map has an even number of rows and columns, and which
   of them it is. */
static void pool_tile(const Tiles *p, const Piece *of, long m, const vec *z) {
    const long side = p->form.tile, height = p->out_height / 2, width = p->out_width / 2;
    const long oh = of->oh / 2, ow = of->ow / 2;
    const long tall = least(side / 2, height - oh), wide = least(side / 2, width - ow);
    for (long i = 0; i < tall * wide; i++) {
        const long h = i / wide, w = i % wide;
        const long to = ((m * height + oh + h) * width + ow + w) * p->n + of->first;
        vec best = {};
        mask winner = {};
        for (int tap = 0; tap < 4; tap++)
            compete(z[(2 * h + tap / 2) * side + 2 * w + tap % 2], tap, tap == 0, &best, &winner);
        put_lanes(p->z + to, best, of);
        put_winners(p->winners + to, winner, of->lo, of->hi);
    }
}

typedef void (*PutTile)(const Tiles *, const Piece *, long m, const vec *z);

/* Outputs of columns q .. q + count, vector by vector. */
static void outputs_of_columns(const Tiles *p, long q, long count, PutTile put) {
    for (long at = 0; at < count; at += VL) {
        Piece pieces[LANES];
        const int some = pieces_of(p, q + at, least(VL, count - at), pieces);
        for (long m = 0; m < p->m; m++) {
            vec z[MOST_TILE * MOST_TILE];
            outputs_of_vector(p, p->M + m * p->columns + at, splat(p->bias ? p->bias[m] : 0), z);
            for (int k = 0; k < some; k++) put(p, pieces + k, m, z);
        }
    }
}

static void *tiles_memory(Tiles *p, long columns) {
    const long values = p->form.values;
    const long per_column = values * (p->c + p->m) * (long)sizeof(real);
    p->block = least(most(1, BUDGET / per_column / PANEL) * PANEL, (columns + VL - 1) / VL * VL);
    p->columns = p->block + VL;
    p->U_apart = p->m * p->c + APART;
    p->V_apart = p->c * p->columns + APART, p->M_apart = p->m * p->columns + APART;
    const long sizes[4] = {values * p->U_apart, values * p->V_apart, values * p->M_apart, p->n + VL};
    real **parts[4] = {&p->U, &p->V, &p->M, &p->zeros};
    long bytes = 4 * 64;
    for (int i = 0; i < 4; i++) bytes += sizes[i] * (long)sizeof(real);
    char *block = scratch(bytes), *pool = block;
    if (!block) return NULL;
    for (int i = 0; i < 4; i++) *parts[i] = piece(&pool, sizes[i] * (long)sizeof(real));
    memset(p->zeros, 0, (size_t)sizes[3] * sizeof(real));
    memset(p->V, 0, (size_t)sizes[1] * sizeof(real)); /* columns that nobody reads must not be slow */
    return block;
}

static int convolve_tiles(Tiles p, const real *W, long w_out, long w_in, int rotated) {
    const long step = p.form.step, overlap = p.form.tile > step;
    const long down = ((overlap ? p.height : p.out_height) + step - 1) / step;
    p.across = ((overlap ? p.width : p.out_width) + step - 1) / step;
    const long columns = down * p.across * p.n;
    void *memory = tiles_memory(&p, columns);
    if (!memory) return NO_MEMORY;
    values_of_weights(&p, W, w_out, w_in, rotated && !overlap);
    if (overlap) memset(p.z, 0, (size_t)(p.m * p.out_height * p.out_width * p.n) * sizeof(real));
    for (long q = 0; q < columns; q += p.block) {
        const long some = least(p.block, columns - q);
        values_of_columns(&p, q, some);
        products(&p, some);
        outputs_of_columns(&p, q, some, overlap ? add_tile : p.winners ? pool_tile : write_tile);
    }
    release(memory);
    return 0;
}

/* Arguments from the fifth on as those of tiles_forward. */
static int tiles(const Arg *arg, const real *a, const real *W, Tiles p) {
    const Axis v = axis_of(arg + 3), h = axis_of(arg + 9);
    p.form = FORMS[arg[15].i], p.x = a, p.m = arg[0].i, p.c = arg[1].i, p.n = arg[2].i;
    p.height = v.length, p.width = h.length, p.top = v.before, p.left = h.before;
    p.out_height = v.out, p.out_width = h.out;
    return convolve_tiles(p, W, p.c * v.size * h.size, v.size * h.size, 0);
}

/* z = Aᵀ (Σ_c (G W Gᵀ) ⊙ (Bᵀ a B)) A + b of every tile, each point a chain over c */
static int tiles_forward(const Arg *arg) {
    const Tiles p = {.z = arg[0].w, .bias = arg[3].r, .has_relu = (int)arg[20].i};
    return tiles(arg + 4, arg[1].r, arg[2].r, p);
}

/* The largest of every four neighbours of z, and which of them it is. */
static int tiles_pool_forward(const Arg *arg) {
    const Tiles p = {.z = arg[0].w, .winners = arg[1].bytes, .bias = arg[4].r};
    return tiles(arg + 5, arg[2].r, arg[3].r, p);
}

/* da: the same of delta with the kernel rotated by 180°, each point a chain over f; where tiles overlap,
   every tile of delta gives its share to all that it has read */
static int tiles_da(const Arg *arg) {
    const long f = arg[3].i, c = arg[4].i;
    const Axis v = axis_of(arg + 6), h = axis_of(arg + 12);
    Tiles p = {.form = FORMS[arg[18].i],
               .x = arg[1].r,
               .z = arg[0].w,
               .m = c,
               .c = f,
               .n = arg[5].i,
               .height = v.out,
               .width = h.out,
               .before = v.before,
               .left_of = h.before,
               .out_height = v.length,
               .out_width = h.length};
    if (p.form.tile == p.form.step) p.top = v.size - 1 - v.before, p.left = h.size - 1 - h.before;
    return convolve_tiles(p, arg[2].r, v.size * h.size, c * v.size * h.size, 1);
}
