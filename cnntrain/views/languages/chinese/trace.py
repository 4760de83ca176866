"""The texts of a trace in the terminal."""

TRACE = {
    "trace.on_sample": "{name}：第 {step} 次更新，训练样本 {samples}，学习率 η = {lr}",
    "trace.on_samples": "{name}：第 {step} 次更新，训练样本 {samples}，学习率 η = {lr}",
    "trace.not_augmented": "（样本按数据中的原样使用；训练时会做数据增强）",
    "trace.forward": "前向传播",
    "trace.loss": "损失",
    "trace.backward": "反向传播",
    "trace.update": "参数更新",
    "trace.input": "输入",
    "trace.class": "类别",
    "trace.cost": "损失",
    "trace.penalty": "正则项",
    "trace.after": "更新后",
    "trace.and": " 和 ",
    "trace.reads": "其中 {letter} = {read}",
    "trace.times": "（乘以 {weight}）",
    "trace.of_output": "输出为 {output}，m = {m}",
    "trace.written_out": "{entry} 的逐步计算：",
    "trace.one_sample": "样本 {sample}：",
    "trace.costs": "C 更新前 {before}   更新后 {after}   变化 {change}",
    "trace.from_delta": "{layer}：从 {letter} = ∂C/∂{output} 出发",
    "trace.to_input": "（传给 {name}）",
    "trace.rule": "W ← W + ΔW，其中 {rule}，梯度 g = ∂C/∂W，学习率 η = {lr}",
    "trace.l2": "正则项：g = ∂C/∂W + λ/m W，其中 λ/m = {strength}",
    "trace.l1": "正则项：g = ∂C/∂W + λ₁/m sign(W)，其中 λ₁/m = {strength}",
    "trace.frozen": "{name}：已冻结，不更新",
    "trace.smaller_terms": "其余 {count} 个较小的项",
    "trace.all_zero": "所有的项都是 0",
    "trace.at": "{entry} 处的 {meaning}",
    "trace.depends": "取决于 {name} = {value}，局部导数 {slope_name} = {slope}",
    "trace.forward_of": "{kind}，前向传播",
    "trace.verdict": "预测为 {said}（概率 {share} %），实际为 {truly}",
    "trace.kept": "在这次更新中被保留",
    "trace.dropped": "在这次更新中被丢弃",
    "trace.numbers": "(共 {count} 个数)",
    "trace.no_lr": (
        "警告：学习率 η 为 {lr}，几乎等于 0，权重不会改变：学习率调度已经结束；"
        "用 --lr {start} 可以看到一次更新"
    ),
    "trace.no_delta": (
        "警告：误差 δ 几乎等于 0：网络对这个样本判断正确，没有什么可学；"
        "用 --sample worst 可以看到它判断错误的样本"
    ),
    "trace.open_page": "{path}：{size} kB；请用浏览器打开",
    "array.min": "最小",
    "array.mean": "均值",
    "array.max": "最大",
    "array.std": "标准差",
    "array.zeros": "零值",
}
