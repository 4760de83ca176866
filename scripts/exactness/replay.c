/* Makes the recorded calls of kernels again and prints one digest per kernel, to compare machines.

     cc -O2 -static replay.c kernels_f4.o kernels_f8.o -o replay -lm; ./replay FILE */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../cnntrain/native/c/kernels_table.h"
#include "../../cnntrain/native/c/untyped.h"

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

#define MOST_ARRAYS 1000
static struct {
    void *data;
    long size; /* of the result in it */
} held[MOST_ARRAYS];
static int held_count;

/* One array of the file: its bytes, if it has any there, in a block of that size. */
static void *array_from(FILE *in, char kind, long bytes) {
    void *data = malloc((size_t)bytes + !bytes); /* no more, so that sanitizers see every step beyond */
    if (!data || held_count == MOST_ARRAYS) fail("no memory");
    held[held_count].data = data, held[held_count++].size = kind == 'w' ? bytes : 0;
    if (kind == 's') return data;
    if (fread(data, 1, (size_t)bytes, in) != (size_t)bytes || fgetc(in) != '\n') fail("damaged array");
    return data;
}

static int64_t integer_from(FILE *in) {
    int64_t found;
    if (fscanf(in, "%" SCNd64, &found) != 1 || fgetc(in) != '\n') fail("damaged integer");
    return found;
}

static Arrays *tuple_from(FILE *in, long count, long number) {
    Arrays *tuple = malloc(sizeof(Arrays));
    *tuple = (Arrays){count, malloc((size_t)(count + 1) * sizeof(void *)),
                      malloc((size_t)(count + 1) * sizeof(long))};
    for (long k = 0; k < count; k++) {
        if (fgetc(in) != 'w') fail("damaged tuple");
        const long bytes = integer_from(in);
        tuple->data[k] = array_from(in, 'w', bytes), tuple->sizes[k] = bytes / number;
    }
    return tuple;
}

static union Arg argument_from(FILE *in, long number) {
    const char kind = (char)fgetc(in);
    union Arg found = {.array = NULL};
    if (kind == 'f') {
        if (fscanf(in, "%lf", &found.f) != 1 || fgetc(in) != '\n') fail("damaged number");
        return found;
    }
    const int64_t size = integer_from(in);
    if (kind == 'i') found.i = size;
    else if (kind == 'A')
        found.arrays = tuple_from(in, (long)size, number);
    else if (kind != 'n')
        found.array = array_from(in, kind, (long)size);
    return found;
}

int main(int count, char **words) {
    FILE *in = count == 2 ? fopen(words[1], "rb") : NULL;
    if (!in) fail("usage: replay FILE");
    char name[100], type[10];
    int arguments;
    while (fscanf(in, "call %99s %9s %d\n", name, type, &arguments) == 3) {
        const int is_double = !strcmp(type, "f8");
        const Kernel *kernel = find(is_double ? f8 : f4, name);
        union Arg arg[MOST_ARGUMENTS];
        for (int k = 0; k < arguments; k++) arg[k] = argument_from(in, is_double ? 8 : 4);
        if (kernel->run(arg)) fail("the kernel has failed");
        for (uint64_t *digest = digest_at(kernel, type); held_count; free(held[held_count].data)) {
            held_count--;
            *digest = digest_of(*digest, held[held_count].data, held[held_count].size);
        }
    }
    if (!feof(in)) fail("damaged call");
    for (int k = 0; seen[k].kernel; k++)
        printf("%s %s %016" PRIx64 "\n", seen[k].kernel->name, seen[k].type, seen[k].digest);
    return 0;
}
