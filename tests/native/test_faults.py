"""Faults put into the C sources, one at a time: the gradient check finds each of them."""

import shutil

import pytest
from helpers.compiled import changed_engine

from cnntrain.diagnostics.differences import DEFAULT_TOLERANCE
from cnntrain.diagnostics.gradcheck import check_layer, check_loss
from cnntrain.layers import Layer
from cnntrain.losses import Loss
from cnntrain.native.engine import using

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler"),
]

FAULTS = {
    "dense: da without its last unit": (
        "dense.c",
        "for (long k = 0; k < units; k++)\n            sum",
        "for (long k = 0; k < units - 1; k++)\n            sum",
        "dense",
    ),
    "dense: db of all samples but one": (
        "dense.c",
        "sum_of(delta + k * n, n)",
        "sum_of(delta + k * n, n - 1)",
        "dense",
    ),
    "dense: the first samples turned again": (
        "dense.c",
        "turn_up_to(a + c * n + k, n, width - c",
        "turn_up_to(a + c * n, n, width - c",
        "dense",
    ),
    "conv2d: rows of the kernel shifted backwards": (
        "conv.c",
        "taps->shift[taps->count++] = o - t / ax->stride;",
        "taps->shift[taps->count++] = t / ax->stride - o;",
        "conv2d",
    ),
    "conv2d: a copy of other rows than those that taps read": (
        "spread.h",
        "if (!is_read(&p->v, k)) continue;",
        "if (is_read(&p->v, k)) continue;",
        "conv2d",
    ),
    "conv2d: da with the rows of delta of the block before": (
        "conv.c",
        "(t / v.stride - first) * p.in.row",
        "(t / v.stride - first - 1) * p.in.row",
        "conv2d",
    ),
    "conv2d: the columns of da not rotated": (
        "conv.c",
        "p.cols.offset[j] = (p.cols.shift[j] + p.in.left) * n;",
        "p.cols.offset[j] = (p.in.left - p.cols.shift[j]) * n;",
        "conv2d",
    ),
    "conv2d: taps of small maps not reversed in da": (
        "conv_small.h",
        "return step < 0 ? reach + i * step : i * step;",
        "return step < 0 ? -i * step : i * step;",
        "conv2d",
    ),
    "conv2d: rows of the kernel left out that meet a small map": (
        "conv_small.h",
        "if (last + tap >= s->top &&",
        "if (first + tap >= s->top &&",
        "conv2d",
    ),
    "conv2d: small maps with the ends of their rows": (
        "conv_small.h",
        "const real *from = flat + r * wide;",
        "const real *from = flat + r * row;",
        "conv2d",
    ),
    "conv2d: small maps padded on the wrong side": (
        "conv_small.h",
        "padded + c * plane + (r + s->top) * wide + s->left * n,",
        "padded + c * plane + (r + s->top) * wide,",
        "conv2d",
    ),
    "conv2d: dW without the stride of the rows": (
        "conv_weights.c",
        ".x_row = v.stride * in.row",
        ".x_row = in.row",
        "conv2d",
    ),
    "conv2d: dW of a neighbouring tap": (
        "conv_weights.c",
        "at[k] = k / h.size * kernel + k % h.size;",
        "at[k] = k / h.size * kernel + (k + 1) % h.size;",
        "conv2d",
    ),
    "conv2d: dW of every group that of the first": (
        "conv_weights.c",
        "a + g * per_group * v.length",
        "a + 0 * v.length",
        "conv2d",
    ),
    "conv2d: db of one row too few": (
        "conv_weights.c",
        "sum_of(arg[1].r + f * arg[3].i, arg[3].i)",
        "sum_of(arg[1].r + f * arg[3].i, arg[3].i - 1)",
        "conv2d",
    ),
    "tiles: inputs read one row too low": (
        "tile_maps.h",
        "h = of->h + i",
        "h = of->h + i + 1",
        "conv2d",
    ),
    "tiles: all lanes from the first of several tiles": (
        "tiles.h",
        "(mask)load_between(p->from[i][place]",
        "(mask)load_between(p->from[0][place]",
        "conv2d",
    ),
    "tiles: dW of filters and channels mixed up": (
        "tiles_weights.c",
        "k % f * c + k / f",
        "k",
        "conv2d",
    ),
    "tiles: padding read from the map": (
        "tile_maps.h",
        "h < p->height && w >= 0",
        "h <= p->height && w >= 0",
        "conv2d",
    ),
    "tiles: da with the kernel as it is": (
        "tiles.c",
        "rotated ? taps - 1 - t : t",
        "t",
        "conv2d",
    ),
    "tiles: the second chain of channels in the place of the first": (
        "point_products.h",
        "sum[m][j] += more[m][j];",
        "sum[m][j] = more[m][j];",
        "conv2d",
    ),
    "tiles: kernels of the first outputs for all of them": (
        "tiles.c",
        "p->U + (i * p->m + m) * p->c * values",
        "p->U + i * p->m * p->c * values",
        "conv2d",
    ),
    "tiles: whole vectors without b": (
        "point_products.h",
        "y = z[i * wide + j] + b;",
        "y = z[i * wide + j] + 0 * b;",
        "conv2d",
    ),
    "tiles: dW of the last chain alone": (
        "tiles_weights.c",
        ".adds = sign",
        ".adds = 0",
        "conv2d",
    ),
    "tiles: dW without the rows that two tiles share": (
        "tiles_weights.c",
        "h + form->tile * b->rows + form->taps - 1, w - p->left",
        "h + form->tile * b->rows + form->taps - 2, w - p->left",
        "conv2d",
    ),
    "winograd: a wrong sign among the points": (
        "winograd.h",
        "v[3] = d[3] - d[1];",
        "v[3] = d[1] - d[3];",
        "conv2d",
    ),
    "winograd: the points of one half in the place of the other": (
        "winograd.h",
        "two_points(d, POINT_B, A_SQUARED, v + 3);",
        "two_points(d, POINT_B, B_SQUARED, v + 3);",
        "conv2d",
    ),
    "winograd: the third output without its even numbers": (
        "winograd.h",
        "z[2] = fused(a2, even_a, b2 * even_b);",
        "z[2] = fused(a2, even_a, b2 * odd_b);",
        "conv2d",
    ),
    "winograd: dW of delta before it is transformed": (
        "winograd.h",
        "p[1] = d[0] + d[1];",
        "p[1] = d[0];",
        "conv2d",
    ),
    "winograd: dW of the fifth tap without its middle point": (
        "winograd.h",
        "g[4] = u[5 * apart] + u[6 * apart];",
        "g[4] = u[6 * apart];",
        "conv2d",
    ),
    "winograd: the last two of five taps a column too early": (
        "winograd.h",
        "v[4] = d[4] - d[3];",
        "v[4] = d[3] - d[2];",
        "conv2d",
    ),
    "winograd: dW not halved between the points": (
        "winograd.h",
        "g[0] = 0.5 * sum - u[0];",
        "g[0] = sum - u[0];",
        "conv2d",
    ),
    "fourier: the conjugate of the inputs": (
        "tiles.c",
        "{s, s, r}, q, width, -sign)",
        "{s, s, r}, q, width, sign)",
        "conv2d",
    ),
    "fourier: shares of delta where its tile begins": (
        "tile_maps.h",
        "j * across->step - p->left_of",
        "j * across->step",
        "conv2d",
    ),
    "fourier: shares of delta not added up": (
        "tile_maps.h",
        "adds ? load_between(to, of->lo, of->hi) + y : y",
        "y",
        "conv2d",
    ),
    "fourier: dW with a wrong sign of sines": (
        "tiles_weights.c",
        "{s, s, r}, count, -1)",
        "{s, s, r}, count, 1)",
        "conv2d",
    ),
    "fourier: waves of the eighth input forgotten": (
        "fourier.h",
        "o3 = x[3] - x[7];",
        "o3 = x[3];",
        "conv2d",
    ),
    "fourier: frequencies without a partner taken twice": (
        "fourier.h",
        "(p < 2 ? 1 : 2) * (q < 2 ? 1 : 2)",
        "2 * (q < 2 ? 1 : 2)",
        "conv2d",
    ),
    "dense: dW of one sample by its first input": (
        "dense.c",
        "fused(splat(delta[k]), load_up_to(a + i, width - i), (vec){})",
        "fused(splat(delta[k]), load_up_to(a, width - i), (vec){})",
        "dense",
    ),
    "max_pool2d: the winners of one sample in the other row": (
        "max_pool.c",
        "pick(won == tap + splat(2), shares, (vec){})",
        "pick(won == tap, shares, (vec){})",
        "max_pool2d",
    ),
    "max_pool2d: the second half of a vector as the first": (
        "max_pool.c",
        "const vec won = twice(winner, half), shares = twice(share, half);",
        "const vec won = twice(winner, 0), shares = twice(share, 0);",
        "max_pool2d",
    ),
    "max_pool2d: the wrong winner": (
        "max_pool.c",
        "(bits)(i * h->size + j), is_first",
        "(bits)(j * h->size + i), is_first",
        "max_pool2d",
    ),
    "max_pool2d: shares overwritten, not added": (
        "max_pool.c",
        "if (!covers) share +=",
        "if (0) share +=",
        "max_pool2d",
    ),
    "avg_pool2d: delta not divided": (
        "avg_pool.c",
        "some) / splat(arg[2].r[oh * h.out + ow]);",
        "some) / splat(1);",
        "avg_pool2d",
    ),
    "pooling: rows cleared that windows above have written to": (
        "pool.h",
        "oh ? most(0, least(end - v->stride, v->length)) : 0",
        "0",
        "avg_pool2d",
    ),
    "batch_norm: sums over numbers that are not there": (
        "sums.h",
        "value[s] = first_of_numbers(value[s], p, stop);",
        "",
        "batch_norm",
    ),
    "batch_norm: the mean of dy left in": (
        "norm.c",
        "+ d) - splat(mean)) * scale",
        "+ d) + splat(mean)) * scale",
        "batch_norm",
    ),
    "batch_norm: along not taken off": (
        "norm.c",
        "x_hat * splat(-along)",
        "x_hat * splat(along)",
        "batch_norm",
    ),
    "tanh: derivative of the wrong argument": (
        "activation.c",
        "d * (ONE - z * z))",
        "d * (ONE - z))",
        "tanh",
    ),
    "gelu: density left out": (
        "activation.c",
        "fused(z, exp_of(-HALF * z * z) * (HALF * ROOT_2_OVER_PI), normal_cdf(z))",
        "normal_cdf(z)",
        "gelu",
    ),
    "celu: scale forgotten": (
        "activation.c",
        "ELEMENTWISE_2(celu_delta, d * exp_of(negative(z) / p))",
        "ELEMENTWISE_2(celu_delta, d * exp_of(negative(z)))",
        "celu",
    ),
    "softmax: the others left out": ("loss.c", "own * (d - sum)", "own * d", "softmax"),
    "log_softmax: the others not in a logarithm": (
        "loss.c",
        "rest = log1p_of(others);",
        "rest = others;",
        "log_softmax",
    ),
}
LOSS_FAULTS = {
    "cross_entropy: delta of the label missing": (
        "loss.c",
        "delta[labels[at + i] * n + at + i] = right[i];",
        "(void)right;",
        "cross_entropy",
    ),
    "huber: limit halved in delta": (
        "loss.c",
        "within(z - t, p)), within(z - t, p))",
        "within(z - t, p)), within(z - t, p * splat((real)0.5)))",
        "huber",
    ),
    "squared_hinge: factor 2 missing": (
        "loss.c",
        "splat(-2) * t",
        "splat(-1) * t",
        "squared_hinge",
    ),
}


def layer_failures(kind):
    examples = Layer.kinds[kind].examples()
    return [v for e in examples for v in check_layer(e, 0, DEFAULT_TOLERANCE) if not v.ok]


def loss_failures(kind):
    examples = Loss.kinds[kind].examples()
    return [v for e in examples for v in check_loss(*e, 0, DEFAULT_TOLERANCE) if not v.ok]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_in_a_layer_is_found(tmp_path, fault):
    file, old, new, kind = FAULTS[fault]
    with using(changed_engine(tmp_path, file, old, new)):
        assert layer_failures(kind)


@pytest.mark.parametrize("fault", LOSS_FAULTS, ids=str)
def test_a_fault_in_a_loss_is_found(tmp_path, fault):
    file, old, new, kind = LOSS_FAULTS[fault]
    with using(changed_engine(tmp_path, file, old, new)):
        assert loss_failures(kind)


def test_unchanged_sources_pass(tmp_path):
    with using(changed_engine(tmp_path, "dense.c", "static int dense_da(", "static int dense_da(")):
        for kind in ("dense", "conv2d", "max_pool2d", "batch_norm", "gelu", "softmax"):
            assert layer_failures(kind) == []
