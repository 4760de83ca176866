/* What a set of compiled kernels looks like from outside. */
#ifndef CNNTRAIN_KERNELS_TABLE_H
#define CNNTRAIN_KERNELS_TABLE_H

union Arg;

typedef struct {
    const char *name, *letters;
    int (*run)(const union Arg *);
} Kernel;

#define MOST_ARGUMENTS 32
#define MOST_TUPLES 8

#endif
