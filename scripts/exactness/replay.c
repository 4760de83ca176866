/* Makes the recorded calls of kernels again and prints one digest per kernel, to compare machines.

     cc -O2 -static replay.c kernels_f4.o kernels_f8.o -o replay -lm; ./replay FILE */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../cnntrain/native/c/kernels_table.h"

union Arg {
    void *array;
    int64_t i;
    double f;
};

extern const Kernel f4[], f8[];

#define MOST_KERNELS 500
static struct {
    const Kernel *kernel;
    char type[10];
    uint64_t digest;
} seen[MOST_KERNELS];

static void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static const Kernel *find(const Kernel *table, const char *name) {
    while (table->name && strcmp(table->name, name)) table++;
    if (!table->name) fail(name);
    return table;
}

/* FNV-1a, 64 bits. */
static uint64_t digest_of(uint64_t digest, const unsigned char *bytes, long count) {
    for (long k = 0; k < count; k++) digest = (digest ^ bytes[k]) * 1099511628211u;
    return digest;
}

static uint64_t *digest_at(const Kernel *kernel, const char *type) {
    int k = 0;
    while (seen[k].kernel && seen[k].kernel != kernel) k++;
    if (!seen[k].kernel) {
        seen[k].kernel = kernel, seen[k].digest = 14695981039346656037u;
        strcpy(seen[k].type, type);
    }
    return &seen[k].digest;
}

int main(int count, char **words) {
    FILE *in = count == 2 ? fopen(words[1], "rb") : NULL;
    if (!in) fail("usage: replay FILE");
    char name[100], type[10], kind;
    int arguments;
    while (fscanf(in, "call %99s %9s %d\n", name, type, &arguments) == 3) {
        const Kernel *kernel = find(strcmp(type, "f8") ? f4 : f8, name);
        union Arg arg[MOST_ARGUMENTS];
        void *array[MOST_ARGUMENTS] = {0};
        long size[MOST_ARGUMENTS] = {0};
        for (int k = 0; k < arguments; k++) {
            if (fscanf(in, "%c ", &kind) != 1) fail("damaged");
            if (kind == 'f' && fscanf(in, "%lf", &arg[k].f) != 1) fail("damaged number");
            if (kind != 'f' && fscanf(in, "%" SCNd64, &arg[k].i) != 1) fail("damaged integer");
            if (fgetc(in) != '\n') fail("damaged line");
            if (kind == 'n') arg[k].array = NULL;
            if (kind != 'w' && kind != 'r' && kind != 's') continue;
            const long bytes = (long)arg[k].i;
            arg[k].array = aligned_alloc(64, ((size_t)bytes + 128) / 64 * 64);
            array[k] = arg[k].array;
            if (kind == 's') continue;
            if (!arg[k].array || fread(arg[k].array, 1, (size_t)bytes, in) != (size_t)bytes) fail("cut short");
            size[k] = kind == 'w' ? bytes : 0;
            if (fgetc(in) != '\n') fail("damaged array");
        }
        if (kernel->run(arg)) fail("no memory");
        for (int k = 0; k < arguments; k++) {
            uint64_t *digest = digest_at(kernel, type);
            *digest = digest_of(*digest, array[k], size[k]);
            free(array[k]);
        }
    }
    if (!feof(in)) fail("damaged call");
    for (int k = 0; seen[k].kernel; k++)
        printf("%s %s %016" PRIx64 "\n", seen[k].kernel->name, seen[k].type, seen[k].digest);
    return 0;
}
