"""Words of other tools, and what they are called here."""

from cnntrain.registry import Registered, bare

KINDS = {
    "loss": {
        "squared_error": "mse mse_loss mean_squared_error l2 l2_loss",
        "absolute_error": "mae l1 l1_loss mean_absolute_error",
        "huber": "smooth_l1 smooth_l1_loss huber_loss",
        "cross_entropy": "cross_entropy_loss categorical_crossentropy nll nll_loss softmax "
        "sparse_categorical_crossentropy categorical_cross_entropy log_loss ce",
        "binary_cross_entropy": "bce bce_loss bce_with_logits bce_with_logits_loss "
        "binary_crossentropy sigmoid_cross_entropy",
        "kl_divergence": "kl kl_div kld kl_div_loss",
        "hinge": "svm multi_margin_loss",
    },
    "layer": {
        "dense": "linear fc fully_connected inner_product affine",
        "identity": "linear none",
        "conv2d": "conv convolution convolution_2d conv_2d",
        "conv_transpose2d": "deconv deconvolution conv_transpose convtranspose2d",
        "max_pool2d": "max_pooling_2d max_pool pool maxpooling2d",
        "avg_pool2d": "average_pooling_2d average_pool avg_pool averagepooling2d mean_pool",
        "global_avg_pool2d": "global_average_pooling_2d gap",
        "global_max_pool2d": "global_max_pooling_2d",
        "batch_norm": "batch_normalization bn batch_norm1d batch_norm2d",
        "layer_norm": "layer_normalization ln",
        "group_norm": "group_normalization gn",
        "silu": "swish",
        "leaky_relu": "lrelu",
        "concat": "concatenate cat",
        "add": "sum residual",
        "zero_pad2d": "zero_padding_2d pad",
        "pad2d": "reflection_pad2d replication_pad2d constant_pad2d",
        "upsample2d": "up_sampling_2d upsampling",
    },
    "optimizer": {
        "sgd": "gradient_descent gd momentum nesterov stochastic_gradient_descent",
        "rmsprop": "rms_prop",
    },
    "initializer": {
        "glorot_uniform": "xavier xavier_uniform",
        "glorot_normal": "xavier_normal",
        "he_normal": "he kaiming kaiming_normal msra",
        "he_uniform": "kaiming_uniform",
        "normal": "gaussian random_normal",
        "uniform": "random_uniform",
        "zeros": "zero",
    },
    "schedule": {
        "step": "step_lr step_decay",
        "exponential": "exponential_lr exponential_decay exp",
        "cosine": "cosine_annealing cosine_annealing_lr cosine_decay sgdr",
        "plateau": "reduce_lr_on_plateau reduce_on_plateau",
        "one_cycle": "one_cycle_lr",
    },
    "metric": {
        "accuracy": "acc",
        "macro_f1": "f1_score f1_macro",
        "auc": "roc_auc auroc",
        "r2": "r2_score r_squared",
    },
}
KEYS = {
    "lr": "learning_rate eta alpha base_lr",
    "units": "out_features neurons num_output hidden size output_dim",
    "filters": "out_channels channels num_filters",
    "kernel": "kernel_size filter_size ksize",
    "stride": "strides",
    "size": "pool_size window",
    "batch_size": "batch batchsize minibatch",
    "epochs": "epoch num_epochs n_epochs max_epochs",
    "max_steps": "steps iterations max_iter",
    "validation": "val validation_split val_split",
    "targets": "target",
    "dtype": "precision",
    "l2": "weight_decay regularization",
    "momentum": "mu",
    "beta1": "beta_1",
    "beta2": "beta_2",
    "epsilon": "eps",
    "network": "model layers architecture",
    "optimizer": "optim solver",
    "schedule": "scheduler lr_scheduler",
    "bias": "use_bias",
    "train": "file path filename csv train_file",
}


def kind_here(word: str, family: type[Registered], at_activation: bool) -> str | None:
    """Our kind for a word of another tool, if it is one; ``linear`` is a layer or an activation."""
    found = _here(word, KINDS.get(family.family, {}))
    if found and at_activation:
        return "identity" if "identity" in found else None
    return next((kind for kind in found if kind != "identity"), next(iter(found), None))


def key_here(word: str) -> str | None:
    """Our key for a key of another tool."""
    return next(iter(_here(word, KEYS)), None)


def _here(word: str, table: dict[str, str]) -> list[str]:
    return [ours for ours, words in table.items() if bare(word) in map(bare, words.split())]
