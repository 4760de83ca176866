/* A kernel's work cut in parts, for the threads that run programs, where they have nothing else to do. */
#ifndef CNNTRAIN_PARTS_H
#define CNNTRAIN_PARTS_H

union Arg;

typedef int (*Part)(const union Arg *, long part, long parts);

/* Do all parts of ``work``, at most ``most``; 0, or what a part that failed has returned. Part k is for
   thread k, in whose cache its share of the arrays stays from call to call. */
int in_parts(Part work, const union Arg *arg, long most);

/* Where part ``part`` begins, of ``parts`` nearly equal ones of ``count``; all but the last are multiples of
   ``step``. */
static inline long part_start(long count, long part, long parts, long step) {
    return part == parts ? count : count * part / parts / step * step;
}

#endif
