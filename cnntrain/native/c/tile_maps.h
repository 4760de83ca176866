/* How maps are cut into tiles: column (tile, sample) of V holds the values that a tile of inputs is
   transformed to. Some columns at a time, so that these and what comes of them stay in the second-level
   cache. */
#ifndef CNNTRAIN_TILE_MAPS_H
#define CNNTRAIN_TILE_MAPS_H

#include "halves.h"
#include "point_products.h"

#define MOST_VECTORS 16 /* of columns at a time */

/* An axis of a tile. */
typedef struct {
    long read, tile; /* inputs and outputs */
    long step; /* from one tile to the next: fewer than its outputs, if these overlap and are added up */
    long values;
} Side;

typedef struct {
    long taps;   /* of an axis of a kernel */
    long chains; /* one after the other, for a sum over c of those: shorter ones round less */
    Side down, across;
    ToPoints inputs;
    OfPieces inputs_of_pieces;
    OfKernels kernels;
    OfPoints outputs;
    WholeTile whole;
    RowOfProducts rows; /* NULL: all products are written to M before outputs are worked out */
} Form;

typedef struct {
    Form form;
    const real *x, *bias;
    real *z, *U, *V, *M, *zeros;
    uint8_t *winners;
    int has_relu;
    long m, c, n;                  /* outputs, inputs, samples */
    long height, width, top, left; /* of inputs, and zeros around them */
    long out_height, out_width;    /* outputs, */
    long before, left_of;          /* of which so many of the first tile are beyond the map */
    long tiles_across, block;      /* tiles in a row, and columns at a time */
    long U_value, V_channel;       /* from one to the next */
    long M_value, M_output, M_vector;
    Apart V_apart;
} Tiles;

/* Lanes lo to hi - 1 of a vector of columns: samples from ``first`` on of a tile. */
typedef struct {
    long h, w, oh, ow; /* where its inputs and outputs begin */
    long first;
    int lo, hi;
} Piece;

/* What is left of the tile of column q, at most ``some`` columns, from lane lo on. */
INLINE Piece piece_of(const Tiles *p, long q, long some, int lo) {
    const long tile = q / p->n, first = q % p->n;
    const long i = tile / p->tiles_across, j = tile % p->tiles_across;
    const int hi = lo + (int)least(p->n - first, some);
    const Side *down = &p->form.down, *across = &p->form.across;
    return (Piece){i * down->step - p->top,
                   j * across->step - p->left,
                   i * down->step - p->before,
                   j * across->step - p->left_of,
                   first,
                   lo,
                   hi};
}

/* Some columns: each vector of them is of one tile or of several pieces. */
typedef struct {
    long vectors;
    int count[MOST_VECTORS];
    Piece pieces[MOST_VECTORS][LANES];
} Columns;

/* Columns q .. q + count */
static void find_columns(const Tiles *p, long q, long count, Columns *columns) {
    columns->vectors = (count + VL - 1) / VL;
    for (long v = 0; v < columns->vectors; v++, q += VL, count -= VL) {
        const int some = (int)least(VL, count);
        int k = 0;
        for (int lo = 0; lo < some; k++) {
            columns->pieces[v][k] = piece_of(p, q + lo, some - lo, lo);
            lo = columns->pieces[v][k].hi;
        }
        columns->count[v] = k;
    }
}

/* Where every place of a piece begins, and how far it is to the next channel. */
static void places_of(const Tiles *p, const Piece *of, const real **from, long *step) {
    const long plane = p->height * p->width * p->n;
    for (long i = 0; i < p->form.down.read; i++)
        for (long j = 0; j < p->form.across.read; j++, from++, step++) {
            const long h = of->h + i, w = of->w + j;
            const int inside = h >= 0 && h < p->height && w >= 0 && w < p->width;
            *from = inside ? p->x + (h * p->width + w) * p->n + of->first : p->zeros;
            *step = inside ? plane : 0;
        }
}

INLINE real *place_in_V(const Tiles *p, long c, long vector) {
    return p->V + vector * p->V_apart.vector + c * p->V_channel;
}

/* Values of a vector of columns of several tiles. */
static void values_of_pieces(const Tiles *p, const Piece *piece, int count, long vector) {
    const long places = p->form.down.read * p->form.across.read;
    Pieces of;
    of.count = count;
    for (int k = 0; k < count; k++) {
        of.lo[k] = piece[k].lo, of.hi[k] = piece[k].hi;
        places_of(p, piece + k, of.from[k], of.step[k]);
    }
    for (long c = 0; c < p->c; c++) {
        p->form.inputs_of_pieces(&of, place_in_V(p, c, vector), p->V_apart);
        for (int k = 0; k < count; k++)
            for (long i = 0; i < places; i++) of.from[k][i] += of.step[k][i];
    }
}

/* Where a vector of samples of one tile is read. */
typedef struct {
    const real *from[MOST_READ * MOST_READ];
    long step[MOST_READ * MOST_READ];
    long vector;
} Run;

/* Values of some columns: of one channel after the other, so that memory is read in long rows. What is next
   of the next channel, which is far away, is fetched meanwhile. */
static void values_of_columns(const Tiles *p, const Columns *columns) {
    const long places = p->form.down.read * p->form.across.read;
    Run runs[MOST_VECTORS];
    int whole = 0;
    for (long v = 0; v < columns->vectors; v++) {
        const Piece *pieces = columns->pieces[v];
        if (pieces->hi == VL) {
            places_of(p, pieces, runs[whole].from, runs[whole].step);
            runs[whole++].vector = v;
        } else
            values_of_pieces(p, pieces, columns->count[v], v);
    }
    for (long c = 0; c < p->c; c++)
        for (Run *run = runs; run < runs + whole; run++) {
            p->form.inputs(run->from, VL, place_in_V(p, c, run->vector), p->V_apart);
            for (long i = 0; i < places; i++) run->from[i] += run->step[i];
            for (long i = places / 2; i < places; i++) __builtin_prefetch(run->from[i]);
        }
}

INLINE void put_lanes(real *to, vec v, const Piece *of) {
    if (of->hi - of->lo == VL) store(to, v);
    else
        store_between(to, v, of->lo, of->hi);
}

/* Whether a vector of columns is of one tile, all of which is on the map. */
INLINE int is_whole(const Tiles *p, const Piece *of) {
    return of->hi - of->lo == VL && of->oh >= 0 && of->oh + p->form.down.tile <= p->out_height &&
           of->ow >= 0 && of->ow + p->form.across.tile <= p->out_width;
}

INLINE real *place_in_z(const Tiles *p, const Piece *of, long m, long i, long j) {
    return p->z + ((m * p->out_height + of->oh + i) * p->out_width + of->ow + j) * p->n + of->first;
}

/* What is on the map of the outputs m of a tile; ``adds``: to what is there of tiles that overlap. */
INLINE void put_tile(const Tiles *p, const Piece *of, long m, const vec *z, const int adds) {
    const Side *down = &p->form.down, *across = &p->form.across;
    for (long i = most(0, -of->oh); i < least(down->tile, p->out_height - of->oh); i++)
        for (long j = most(0, -of->ow); j < least(across->tile, p->out_width - of->ow); j++) {
            real *to = place_in_z(p, of, m, i, j);
            const vec y = z[i * across->tile + j];
            put_lanes(to, adds ? load_between(to, of->lo, of->hi) + y : y, of);
        }
}

static void write_tile(const Tiles *p, const Piece *of, long m, const vec *z) { put_tile(p, of, m, z, 0); }
static void add_tile(const Tiles *p, const Piece *of, long m, const vec *z) { put_tile(p, of, m, z, 1); }

/* The largest of every four neighbours in a tile, whose map has an even number of rows and columns, and which
   of them it is. */
static void pool_tile(const Tiles *p, const Piece *of, long m, const vec *z) {
    const long height = p->out_height / 2, width = p->out_width / 2, side = p->form.across.tile;
    const long oh = of->oh / 2, ow = of->ow / 2;
    const long tall = least(p->form.down.tile / 2, height - oh), wide = least(side / 2, width - ow);
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

/* Outputs m of a vector of columns, which are several pieces. */
static void outputs_of_vector(const Tiles *p, long m, const real *M, const Piece *pieces, int count,
                              PutTile put) {
    const vec b = splat(p->bias ? p->bias[m] : 0);
    if (p->form.whole && put == write_tile && is_whole(p, pieces)) {
        p->form.whole(M, b, p->has_relu, place_in_z(p, pieces, m, 0, 0), p->out_width * p->n, p->n);
        return;
    }
    vec z[MOST_TILE * MOST_TILE];
    p->form.outputs(M, p->M_value, z);
    for (int i = 0; i < p->form.down.tile * p->form.across.tile; i++) {
        z[i] += b;
        if (p->has_relu) z[i] = positive(z[i]);
    }
    for (int k = 0; k < count; k++) put(p, pieces + k, m, z);
}

/* Outputs of some columns: of one map after the other. */
static void outputs_of_columns(const Tiles *p, const Columns *columns, PutTile put) {
    for (long m = 0; m < p->m; m++)
        for (long v = 0; v < columns->vectors; v++) {
            const real *M = p->M + v * p->M_vector + m * p->M_output;
            outputs_of_vector(p, m, M, columns->pieces[v], columns->count[v], put);
        }
}
#endif
