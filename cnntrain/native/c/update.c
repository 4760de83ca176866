/* W ← W + ΔW for all arrays in one call: the rules of the optimizers, with weight decay, averaging, the
   largest change, and whether all is finite (optimizers/, training/update.py). The operations are those of
   the NumPy functions, in their order, so both engines give the same bits. */
#include "vec.h"

enum {
    RULE_SGD,
    RULE_MOMENTUM,
    RULE_NESTEROV,
    RULE_ADAM,
    RULE_AMSGRAD,
    RULE_NADAM,
    RULE_RMSPROP,
    RULE_RMSPROP_INSIDE,
    RULE_CENTERED,
    RULE_CENTERED_INSIDE,
    RULE_ADADELTA,
    RULE_ADAGRAD,
    RULE_LION
};

typedef struct {
    vec g, s[3]; /* the gradient, and the slots of the optimizer */
    vec c[7];    /* constants of the rule */
} Element;

INLINE vec change_by(const int rule, const int slots, Element *e) {
    const vec g = e->g, *c = e->c;
    vec *s = e->s;
    switch (rule) {
    case RULE_SGD:
        return g * c[0];
    case RULE_MOMENTUM:
        s[0] = s[0] * c[1] + g;
        return s[0] * c[0];
    case RULE_NESTEROV:
        s[0] = s[0] * c[1] + g;
        return (g + c[1] * s[0]) * c[0];
    case RULE_ADAM:
    case RULE_AMSGRAD:
    case RULE_NADAM: {
        s[0] = s[0] * c[1] + c[2] * g;
        s[1] = s[1] * c[3] + (g * g) * c[4];
        if (rule == RULE_AMSGRAD) s[2] = pick((s[1] > s[2]) | (s[1] != s[1]), s[1], s[2]);
        const vec bound = rule == RULE_AMSGRAD ? s[2] : s[1];
        vec ahead = s[0] * c[0];
        if (rule == RULE_NADAM) ahead += g * c[6];
        return ahead / (root(bound) + c[5]);
    }
    case RULE_RMSPROP:
    case RULE_RMSPROP_INSIDE:
    case RULE_CENTERED:
    case RULE_CENTERED_INSIDE: {
        const int centered = rule >= RULE_CENTERED,
                  inside = rule == RULE_RMSPROP_INSIDE || rule == RULE_CENTERED_INSIDE;
        const vec apart = centered ? g - s[1] : g;
        s[0] = s[0] * c[1] + (centered ? c[4] : c[2]) * (apart * apart);
        if (centered) s[1] = s[1] + c[2] * apart;
        const vec quotient = g / (inside ? root(s[0] + c[3]) : root(s[0]) + c[3]);
        const int velocity = centered ? 2 : 1;
        if (slots == velocity) return quotient * c[0];
        s[velocity] = s[velocity] * c[5] + quotient;
        return s[velocity] * c[0];
    }
    case RULE_ADADELTA: {
        s[0] = s[0] * c[1] + c[2] * (g * g);
        const vec d = root((s[1] + c[3]) / (s[0] + c[3])) * g;
        s[1] = s[1] * c[1] + c[2] * (d * d);
        return d * c[0];
    }
    case RULE_ADAGRAD:
        s[0] = s[0] + g * g;
        return g / (root(s[0]) + c[3]) * c[0];
    default: {
        const vec along = c[1] * s[0] + c[2] * g;
        s[0] = s[0] * c[3] + c[4] * g;
        return np_sign(along) * c[0];
    }
    }
}

typedef struct {
    real *W, *s[3], *average;
    const real *g;
    vec decay, keep, rest;
    mask bad_W, bad_slot[3];
    vec largest;
} Updated;

INLINE mask is_bad(vec x) { return ~(x - x == (vec){}); }

/* ``left`` numbers from ``at`` on. */
INLINE void update_vector(const int rule, const int slots, Updated *u, const Element *constants, long at,
                          long left) {
    Element e = *constants;
    e.g = load_up_to(u->g + at, left);
    for (int k = 0; k < slots; k++) e.s[k] = load_up_to(u->s[k] + at, left);
    vec W = load_up_to(u->W + at, left);
    vec change = change_by(rule, slots, &e);
    if (u->decay[0] != 0) change = change - u->decay * W;
    W += change;
    store_up_to(u->W + at, W, left);
    mask inside = ~(mask){};
    for (long k = left; k < VL; k++) inside[k] = 0;
    u->bad_W |= is_bad(W) & inside;
    u->largest = pick((magnitude(change) > u->largest) & inside, magnitude(change), u->largest);
    for (int k = 0; k < slots; k++) {
        store_up_to(u->s[k] + at, e.s[k], left);
        u->bad_slot[k] |= is_bad(e.s[k]) & inside;
    }
    if (!u->average) return;
    const vec mean = load_up_to(u->average + at, left) * u->keep + u->rest * W;
    store_up_to(u->average + at, mean, left);
}

INLINE void update_array(const int rule, const int slots, Updated *u, const Element *constants, long n) {
    long at = 0;
    for (; at + VL <= n; at += VL) update_vector(rule, slots, u, constants, at, VL);
    if (at < n) update_vector(rule, slots, u, constants, at, n - at);
}

INLINE int any(mask m) {
    for (int k = 0; k < VL; k++)
        if (m[k]) return 1;
    return 0;
}

/* A share of every array. */
static int update_part(const Arg *arg, long part, long parts) {
    const Arrays *W = arg[0].arrays, *g = arg[1].arrays, *average = arg[5].arrays;
    const double *each = arg[6].read_doubles;
    double *found = arg[7].doubles + part * W->count * 5;
    unsigned char *is_bad = arg[8].bytes + part;
    const int rule = (int)arg[9].i, slots = (int)arg[10].i;
    *is_bad = 0;
    for (long a = 0; a < W->count; a++, each += 8, found += 5) {
        const long from = part_start(W->sizes[a], part, parts, VL),
                   to = part_start(W->sizes[a], part + 1, parts, VL);
        Element e = {.c = {{0}}};
        Updated u = {.W = (real *)W->data[a] + from,
                     .g = (const real *)g->data[a] + from,
                     .average = average->count ? (real *)average->data[a] + from : NULL,
                     .decay = splat((real)each[7]),
                     .keep = splat((real)arg[11].f),
                     .rest = splat((real)arg[12].f)};
        for (int k = 0; k < 7; k++) e.c[k] = splat((real)each[k]);
        for (int k = 0; k < slots; k++) u.s[k] = (real *)arg[2 + k].arrays->data[a] + from;
        switch (4 * rule + slots) {
#define CASE(rule, slots)                                                                                    \
    case 4 * rule + slots:                                                                                   \
        update_array(rule, slots, &u, &e, to - from);                                                        \
        break;
            CASE(RULE_SGD, 0);
            CASE(RULE_MOMENTUM, 1);
            CASE(RULE_NESTEROV, 1);
            CASE(RULE_ADAM, 2);
            CASE(RULE_AMSGRAD, 3);
            CASE(RULE_NADAM, 2);
            CASE(RULE_RMSPROP, 1);
            CASE(RULE_RMSPROP, 2);
            CASE(RULE_RMSPROP_INSIDE, 1);
            CASE(RULE_RMSPROP_INSIDE, 2);
            CASE(RULE_CENTERED, 2);
            CASE(RULE_CENTERED, 3);
            CASE(RULE_CENTERED_INSIDE, 2);
            CASE(RULE_CENTERED_INSIDE, 3);
            CASE(RULE_ADADELTA, 2);
            CASE(RULE_ADAGRAD, 1);
            CASE(RULE_LION, 1);
        }
        real largest[VECTOR_BYTES / sizeof(real)];
        store(largest, u.largest);
        found[0] = 0;
        for (int k = 0; k < VL; k++) found[0] = largest[k] > found[0] ? (double)largest[k] : found[0];
        found[1] = any(u.bad_W);
        for (int k = 0; k < slots; k++) found[2 + k] = any(u.bad_slot[k]);
        for (int k = 0; k <= slots; k++) *is_bad |= found[1 + k] != 0;
    }
    return 0;
}

/* W, g, three slots and averages: one array each, in the same order. ``each``: eight numbers per array, seven
   constants of the rule and the weight decay; ``found``: for every part five per array, the largest change
   and whether W and the slots are no longer finite; ``is_bad``: whether any of a part is not. */
static int update_arrays(const Arg *arg) { return in_parts(update_part, arg, arg[13].i); }
