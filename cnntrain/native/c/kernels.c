/* All kernels, compiled once per instruction set and type (see vec.h). */
#include "kernels_table.h"
#include "vec.h"

#include "activation.c"
#include "avg_pool.c"
#include "batch.c"
#include "conv.c"
#include "conv_weights.c"
#include "dense.c"
#include "gradient.c"
#include "joining.c"
#include "loss.c"
#include "lrn.c"
#include "max_pool.c"
#include "metric.c"
#include "norm.c"
#include "prelu.c"
#include "random.c"
#include "resize.c"
#include "sample_norm.c"
#include "update.c"
#include "tiles.c"
#include "tiles_weights.c"

const Kernel TABLE[] = {
#define KERNEL(name, letters) {#name, letters, name},
#include "kernels.h"
#undef KERNEL
    {0, 0, 0}};
