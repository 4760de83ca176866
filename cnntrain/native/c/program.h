/* Kernel calls one after the other, without Python between them. */
#ifndef CNNTRAIN_PROGRAM_H
#define CNNTRAIN_PROGRAM_H

#include "kernels_table.h"
#include "untyped.h"

typedef struct {
    int (*run)(const union Arg *);
    union Arg arguments[MOST_ARGUMENTS];
} Call;

typedef struct {
    const Call *calls;
    long count;
} Program;

/* Let ``count`` threads, of which the caller is one, run programs from now on. Returns how many did so
   before. */
long set_threads(long count);

/* Run all programs side by side; 0, or what the kernel that failed has returned. */
int run_programs(const Program *programs, long count);

#endif
