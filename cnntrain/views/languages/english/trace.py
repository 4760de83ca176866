"""The texts of a trace in the terminal."""

TRACE = {
    "trace.on_sample": "{name}: update {step} on training sample {samples}, η = {lr}",
    "trace.on_samples": "{name}: update {step} on training samples {samples}, η = {lr}",
    "trace.not_augmented": "(samples as read from the data; training would augment them)",
    "trace.forward": "forward",
    "trace.loss": "loss",
    "trace.backward": "backward",
    "trace.update": "update",
    "trace.input": "input",
    "trace.class": "class",
    "trace.cost": "cost",
    "trace.penalty": "penalty",
    "trace.after": "after",
    "trace.and": " and ",
    "trace.reads": "with {letter} = {read}",
    "trace.times": " (times {weight})",
    "trace.of_output": "of {output}, m = {m}",
    "trace.written_out": "written out for {entry}:",
    "trace.one_sample": "sample {sample} ",
    "trace.costs": "C before {before}   after {after}   change {change}",
    "trace.from_delta": "{layer}: from {letter} = ∂C/∂{output}",
    "trace.to_input": "(to {name})",
    "trace.rule": "W ← W + ΔW with {rule},  g = ∂C/∂W,  η = {lr}",
    "trace.l2": "penalty: g = ∂C/∂W + λ/m W with λ/m = {strength}",
    "trace.l1": "penalty: g = ∂C/∂W + λ₁/m sign(W) with λ₁/m = {strength}",
    "trace.frozen": "{name}: frozen",
    "trace.smaller_terms": "{count} smaller terms",
    "trace.all_zero": "all terms are 0",
    "trace.at": "{meaning} at {entry}",
    "trace.depends": "from {name} = {value}, where {slope_name} = {slope}",
    "trace.forward_of": "{kind}, forward",
    "trace.verdict": "says {said} with {share} %, is {truly}",
    "trace.kept": "kept in this update",
    "trace.dropped": "dropped in this update",
    "trace.numbers": "({count} numbers)",
    "trace.no_lr": (
        "Warning: η is {lr}, practically 0, so that no weight changes: the schedule has ended; "
        "--lr {start} shows an update"
    ),
    "trace.no_delta": (
        "Warning: δ is practically 0: the network is right about this sample, and has nothing to "
        "learn from it; --sample worst shows one where it has"
    ),
    "trace.open_page": "{path}: {size} kB; open it in a browser",
    "array.min": "min",
    "array.mean": "mean",
    "array.max": "max",
    "array.std": "std",
    "array.zeros": "zeros",
}
