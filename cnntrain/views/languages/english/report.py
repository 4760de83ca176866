"""The texts of reports and their pictures."""

REPORT = {
    "report.title": "cnntrain report: {title}",
    "report.trials": "Trials",
    "report.results": "Results",
    "report.curves": "Learning curves",
    "report.config": "Config",
    "report.environment": "Environment",
    "report.again": "Run it again",
    "report.sections": "Sections",
    "report.best_first": (
        "The best come first; those of which more is told below are the best {count}."
    ),
    "report.no_curves": "No epoch was completed, so there are no curves.",
    "report.network_of": "The network of {checkpoint}, evaluated on the {split} split.",
    "report.labels_on": "Labels, on the {count} samples of the {split} split",
    "report.classes_on": "Classes, on the {count} samples of the {split} split",
    "report.label": "label",
    "report.accuracy": "accuracy",
    "report.precision": "precision",
    "report.recall": "recall",
    "report.f1": "F1",
    "report.auc": "AUC",
    "report.yes_count": "yes",
    "report.class": "class",
    "report.samples": "samples",
    "report.mistakes": "The most confident mistakes",
    "report.where": "where they are",
    "report.sample": "sample",
    "report.true": "true",
    "report.predicted": "predicted",
    "report.probability": "probability",
    "report.no_mistakes": "None: every sample was classified correctly.",
    "report.regression": "Predicted and true",
    "report.boundary": "Decision boundary",
    "report.filters": "Filters of the first layer",
    "report.maps": "Feature maps",
    "report.history": "Weights and gradients over time",
    "report.not_recorded": "Not recorded. With",
    "report.record_with": (
        "a run writes norms, gradients, update-to-weight ratios and dead units of every layer "
        "every 50 steps."
    ),
    "report.differences": "Differences:",
    "report.identical": "The configs are identical.",
    "report.same_environment": "Identical for all runs.",
    "report.key": "key",
    "report.what": "what",
    "report.run_in": "{run}, in {folder}:",
    "report.same_bits": (
        "The same config, data, NumPy build and CPU type give the same weights, bit for bit, with"
        " any number of threads."
    ),
    "report.train": "train",
    "report.val": "val",
    "report.test": "test",
    "report.ended": "ended",
    "report.not_ended": "not ended",
    "report.why": "why",
    "report.epochs": "epochs",
    "report.steps": "steps",
    "report.time": "time",
    "report.best_epoch": "best epoch",
    "report.of_best": "{name}, best epoch",
    "report.of_last": "{name}, last",
    "report.guessing": "guessing gives",
    "report.better": "better than guessing",
    "report.yes": "yes",
    "report.no": "no",
    "report.tested": "test/{name}, best checkpoint",
    "report.curves_caption": (
        "Dashed: training, with dropout and augmentation; solid: validation. The ring marks the "
        "best epoch, whose checkpoint is kept."
    ),
    "report.curves_alt": "Learning curves. {told}",
    "report.curve_goes": "{run}: {name} goes from {start} to {end} in epoch {epoch}",
    "report.history_caption": "Statistics of every layer during training, without biases.",
    "report.history_alt": (
        "A small panel for each of {count} weight arrays, from {first} to {last}: norm of the "
        "weights, of the gradient, and size of an update"
    ),
    "report.confusion_caption": "True and predicted classes, {split} split.",
    "report.nothing_confused": "Confusion matrix: nothing was confused",
    "report.confusion_alt": (
        "Confusion matrix: most often, {count} times, {true} was taken for {taken}"
    ),
    "report.target": "target {k}",
    "report.input": "input {k}",
    "report.regression_caption": (
        "Predicted against true values of the {split} split, and residuals.{r2}"
    ),
    "report.regression_alt": "Predicted against true: points near the diagonal are right.{r2}",
    "report.boundary_alt": "The plane of the two inputs in regions of {count} predicted classes",
    "report.boundary_caption": "Predicted class by input; points are samples of the {split} split.",
    "report.wrong_caption": (
        "From the {split} split, with predicted class, true class and probability."
    ),
    "report.wrong_alt": (
        "{count} wrongly classified samples; the most confident one, {place}, is {truly}, taken "
        "for {taken} with {share} %"
    ),
    "report.filters_caption": (
        "{layer}: the weights of each unit; blue is negative, red is positive."
    ),
    "report.filters_alt": "Filters",
    "report.maps_caption": "{layer} for one sample of the {split} split (“{label}”).",
    "report.maps_alt": "Outputs of {layer}",
    "report.not": "not {name}",
    "report.checkpoint": "{file}, step {step}",
    "report.no_network": "Its network cannot be shown: {error}",
    "headline.not_ended": "It has not ended.",
    "headline.no_epoch": "no epoch was completed",
    "headline.kept": "its best epoch is {epoch}",
    "headline.lower_lr": (
        "Lower the learning rate, clip the gradient or normalize the data, and train again."
    ),
    "headline.diverged": "Diverged: {kept}.",
    "headline.nothing": "No epoch was completed.",
    "headline.guess": "No better than guessing: {how}.",
    "headline.good": "{how}.",
    "headline.spent": "{ended} {steps} steps, {time}.",
    "headline.not_measured": "nothing was measured",
    "headline.in_epoch": "{name} {value} in epoch {epoch}",
    "headline.guessing": "{text} (guessing gives {guess})",
    "headline.stopped": "Stopped: {reason}.",
    "headline.longer": "The last epoch is the best: longer training may help.",
    "headline.overfit": (
        "The validation loss is far above that of training: augmentation, l2 or dropout may help."
    ),
    "headline.test": (
        "The test split says how good it is on data that was not used to choose anything."
    ),
    "picture.training": "training",
    "picture.validation": "validation",
    "picture.test": "test",
    "picture.epoch": "epoch",
    "picture.step": "step",
    "picture.accuracy": "accuracy (%)",
    "picture.loss": "loss",
    "picture.lr": "learning rate",
    "picture.best": "best: {value} (epoch {epoch})",
    "picture.predicted_class": "predicted class",
    "picture.true_class": "true class",
    "picture.share": "share of the true class",
    "picture.dead": "{layer}: dead units (%)",
    "picture.true_target": "true {target}",
    "picture.predicted": "predicted",
    "picture.residual": "residual: predicted - true",
    "picture.samples": "samples",
    "picture.no_font": (
        "Note: matplotlib finds no font with Chinese letters on this machine: a PNG or PDF shows "
        "boxes in their place, an SVG and a report show them where the viewer has such a font. "
        "Install one, such as Noto Sans CJK (Debian and Ubuntu: the package fonts-noto-cjk)"
    ),
}
