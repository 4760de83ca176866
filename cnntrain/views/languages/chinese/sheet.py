"""The texts of worksheets and of their marking."""

SHEET = {
    "sheet.conv": "卷积",
    "sheet.softmax": "Softmax 与交叉熵",
    "sheet.batch_norm": "批归一化",
    "sheet.mlp": "2-2-1 网络的一次更新",
    "sheet.one_hot": "t（one-hot 向量）",
    "sheet.columns": "x（每列一个样本）",
    "sheet.two_gradients": "两次更新的梯度 g",
    "sheet.conv_task": (
        "这一层计算 z = W ⋆ a + b（步幅 1，不填充）。已知 a、W、b 和误差 δ = ∂C/∂z，求 z 和三个梯"
        "度。"
    ),
    "sheet.mlp_task": (
        "z₁ = W₁ x + b₁，a₁ = relu(z₁)，z₂ = W₂ a₁ + b₂，C = 1/m Σ ½ (z₂ - t)²，共 m = 2 个样本。"
        "求前向传播、两层的误差 δ、梯度，以及更新后的 W₁。"
    ),
    "sheet.new_w1": "更新后的 W₁ = W₁ - η ∂C/∂W₁，学习率 η = {lr}",
    "sheet.max": "最大池化",
    "sheet.average": "平均池化",
    "sheet.pool_task": "窗口为 2×2，步幅 {stride}。已知 x 和误差 δ = ∂C/∂y，求 y 和 ∂C/∂x。",
    "sheet.softmax_task": (
        "网络的输出为 z，真实类别是 {label}（类别从 0 数起），C = -log p，p 是该类别的概率。求概"
        "率 p = softmax(z)、损失 C 和误差 δ = ∂C/∂z。"
    ),
    "sheet.batch_norm_task": (
        "y = γ x̂ + β，x̂ = (x - μ)/σ，批量中有 m = 4 个样本（ε = 0）。已知误差 δ = ∂C/∂y，求 μ "
        "和 σ²、x̂、y，以及各个梯度。"
    ),
    "sheet.momentum": "动量法",
    "sheet.adam": "Adam 优化器",
    "sheet.after_update": "第 {step} 次更新后的 {letter}",
    "sheet.optimizer_task": (
        "{formulas}；梯度 g = ∂C/∂W，动量从 0 开始，学习率 η = {lr}。做两次更新。"
    ),
    "sheet.worksheet": "练习：{topic}，种子 {seed}",
    "sheet.solutions": "解答：{topic}，种子 {seed}",
    "sheet.numbers": "{shape} 个数",
    "sheet.numbers_decimals": "{shape} 个数，{decimals} 位小数",
    "sheet.decimals": "{decimals} 位小数",
    "sheet.how_to_grade": (
        "要批改答案，请把它们写入文件 answers.yaml，然后运行 `cnntrain grade answers.yaml --seed "
        "{seed}`："
    ),
    "mistake.is_average": "这是平均池化",
    "mistake.is_max": "这是最大池化",
    "mistake.rotated_kernel": "卷积核被旋转了：那是数学上的卷积，这里要的是互相关",
    "mistake.bias_missing": "漏了偏置",
    "mistake.delta_rotated": "δ 被旋转了",
    "mistake.transposed": "结果被转置了",
    "mistake.one_over_m_too_much": "多了一个 1/m：δ 被除以了输出的个数",
    "mistake.mean_of_delta": "取了 δ 的平均值，应当求和",
    "mistake.not_rotated": "卷积核没有旋转 180°",
    "mistake.kernel_transposed": "卷积核被转置了，应当旋转",
    "mistake.transpose_used": "用了 W₁ 的转置",
    "mistake.relu_missing": "漏了 relu",
    "mistake.one_over_m_missing": "漏了 1/m",
    "mistake.output_minus_target": "符号错了：应当是输出减去目标",
    "mistake.sign_and_m": "符号错了，并且漏了 1/m",
    "mistake.z_for_a": "应当用 a₁，却用了 z₁",
    "mistake.sign": "符号错了",
    "mistake.slope_missing": "漏了 relu 的局部导数",
    "mistake.other_sample": "局部导数取自另一个样本",
    "mistake.transpose_missing": "漏了转置：应当是 δ₁ xᵀ",
    "mistake.x_not_transposed": "x 没有转置",
    "mistake.gradient_added": "更新走向上坡：应当减去梯度",
    "mistake.eta_missing": "漏了学习率 η",
    "mistake.not_divided": "δ 没有除以窗口的大小",
    "mistake.to_the_whole_window": "δ 只传给最大值，不是传给整个窗口",
    "mistake.equal_shares": "δ 只传给最大值，不是平均分配",
    "mistake.not_normalized": "e^z 没有除以总和",
    "mistake.z_normalized": "把 z 本身除以了总和；应当用 e^z",
    "mistake.minus_missing": "漏了负号",
    "mistake.log10": "应当用自然对数，不是以 10 为底的对数",
    "mistake.all_classes": "对所有类别的 log p 求了和",
    "mistake.delta_sign": "符号错了：δ = p - t",
    "mistake.target_missing": "漏了目标：δ = p - t",
    "mistake.only_true_class": "这里只有真实类别有 δ",
    "mistake.sigmoid_slope": "p (1 - p) 是 sigmoid 的导数；用交叉熵时它被约去了",
    "mistake.sum_for_mean": "这是总和，不是平均值",
    "mistake.unbiased_variance": "除以了 m - 1；批归一化除以 m",
    "mistake.sigma_for_variance": "这是 σ，不是 σ²",
    "mistake.variance_for_sigma": "应当用 σ，却用了 σ²",
    "mistake.unbiased": "除以了 m - 1",
    "mistake.beta_missing": "漏了 β",
    "mistake.gamma_missing": "漏了 γ",
    "mistake.x_for_x_hat": "应当用 x̂，却用了 x",
    "mistake.mean_for_sum": "取了平均值，应当求和",
    "mistake.both_terms": "μ 和 σ 也取决于 x：漏了它们的项",
    "mistake.sigma_term": "漏了 σ 的项",
    "mistake.mu_term": "漏了 μ 的项",
    "mistake.bias_correction": "漏了偏差修正",
    "mistake.root_missing": "漏了 v 的平方根",
    "mistake.uphill": "更新走向上坡",
    "mistake.no_memory": "没有用到动量：这是普通的梯度下降",
    "grade.no_answer": "没有作答",
    "grade.not_numbers": "不是数，而是 {given}",
    "grade.wrong_shape": "要求 {shape} 个数",
    "grade.wrong": "[{place}] 应为 {wanted}，不是 {value}",
    "grade.term_missing": "漏了 {term} 这一项",
    "grade.term_sign": "{term} 这一项的符号错了",
    "grade.term_twice": "{term} 这一项出现了两次",
    "grade.only_factor": "{term} 这一项中只有 {factor}",
    "grade.line": "这是 {name} = {expression}；漏了后面的步骤",
    "grade.right": "正确",
    "grade.partly": "{total} 个数中 {right} 个正确",
    "grade.sum": "{total} 个数中有 {right} 个正确",
}
