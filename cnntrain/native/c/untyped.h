/* Arguments of kernels as those see them who do not know the type of the numbers; as in vec.h. */
#ifndef CNNTRAIN_UNTYPED_H
#define CNNTRAIN_UNTYPED_H

#include <stdint.h>

typedef struct {
    long count;
    void **data;
    long *sizes;
} Arrays;

union Arg {
    void *array;
    const Arrays *arrays;
    int64_t i;
    double f;
};

#endif
