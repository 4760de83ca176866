"""The texts of worksheets and of their marking."""

SHEET = {
    "sheet.conv": "Convolution",
    "sheet.softmax": "Softmax and cross-entropy",
    "sheet.batch_norm": "Batch normalization",
    "sheet.mlp": "One update of a 2-2-1 network",
    "sheet.one_hot": "t (one-hot)",
    "sheet.columns": "x (a sample per column)",
    "sheet.two_gradients": "g of the two updates",
    "sheet.conv_task": (
        "The layer computes z = W ⋆ a + b (stride 1, no padding). Given a, W, b and δ = ∂C/∂z, "
        "compute z and the three gradients."
    ),
    "sheet.mlp_task": (
        "z₁ = W₁ x + b₁, a₁ = relu(z₁), z₂ = W₂ a₁ + b₂, C = 1/m Σ ½ (z₂ - t)² over the m = 2 "
        "samples. Compute the forward pass, δ of both layers, the gradients, and the new W₁."
    ),
    "sheet.new_w1": "new W₁ = W₁ - η ∂C/∂W₁, η = {lr}",
    "sheet.max": "Max pooling",
    "sheet.average": "Average pooling",
    "sheet.pool_task": (
        "Windows of 2×2, stride {stride}. Given x and δ = ∂C/∂y, compute y and ∂C/∂x."
    ),
    "sheet.softmax_task": (
        "The network says z, the true class is {label} (classes count from 0), C = -log p of it. "
        "Compute the probabilities p = softmax(z), the cost C, and δ = ∂C/∂z."
    ),
    "sheet.batch_norm_task": (
        "y = γ x̂ + β, x̂ = (x - μ)/σ, over the batch of m = 4 samples (ε = 0). Given δ = ∂C/∂y, "
        "compute μ and σ², x̂, y, and the gradients."
    ),
    "sheet.momentum": "Momentum",
    "sheet.adam": "Adam",
    "sheet.after_update": "{letter} after update {step}",
    "sheet.optimizer_task": (
        "{formulas}; g = ∂C/∂W, the memory starts at 0, η = {lr}. Make two updates."
    ),
    "sheet.worksheet": "Worksheet: {topic}, seed {seed}",
    "sheet.solutions": "Solutions: {topic}, seed {seed}",
    "sheet.numbers": "{shape} numbers",
    "sheet.numbers_decimals": "{shape} numbers, {decimals} decimals",
    "sheet.decimals": "{decimals} decimals",
    "sheet.how_to_grade": (
        "To have your answers marked, write them into a file answers.yaml and run `cnntrain grade"
        " answers.yaml --seed {seed}`:"
    ),
    "mistake.is_average": "this is average pooling",
    "mistake.is_max": "this is max pooling",
    "mistake.rotated_kernel": (
        "the kernel was rotated: that is a convolution, not the cross-correlation asked"
    ),
    "mistake.bias_missing": "the bias is missing",
    "mistake.delta_rotated": "δ was rotated",
    "mistake.transposed": "the result is transposed",
    "mistake.one_over_m_too_much": "a 1/m too much: δ is divided by the number of outputs",
    "mistake.mean_of_delta": "the mean of δ was taken, not its sum",
    "mistake.not_rotated": "the kernel was not rotated by 180°",
    "mistake.kernel_transposed": "the kernel was transposed, not rotated",
    "mistake.transpose_used": "the transpose of W₁ was used",
    "mistake.relu_missing": "the relu is missing",
    "mistake.one_over_m_missing": "the 1/m is missing",
    "mistake.output_minus_target": "the sign is wrong: it is output minus target",
    "mistake.sign_and_m": "the sign is wrong, and the 1/m is missing",
    "mistake.z_for_a": "z₁ was used in place of a₁",
    "mistake.sign": "the sign is wrong",
    "mistake.slope_missing": "the slope of the relu is missing",
    "mistake.other_sample": "the slope was taken at the other sample",
    "mistake.transpose_missing": "a transpose is missing: it is δ₁ xᵀ",
    "mistake.x_not_transposed": "x was not transposed",
    "mistake.gradient_added": "the update goes uphill: the gradient is subtracted",
    "mistake.eta_missing": "η is missing",
    "mistake.not_divided": "δ was not divided by the size of the window",
    "mistake.to_the_whole_window": "δ goes to the maximum alone, not to the whole window",
    "mistake.equal_shares": "δ goes to the maximum alone, not in equal shares",
    "mistake.not_normalized": "e^z is not divided by the sum",
    "mistake.z_normalized": "z itself is divided by the sum; e^z is needed",
    "mistake.minus_missing": "the minus is missing",
    "mistake.log10": "the natural logarithm is meant, not that to base 10",
    "mistake.all_classes": "log p was summed over all classes",
    "mistake.delta_sign": "the sign is wrong: δ = p - t",
    "mistake.target_missing": "the target is missing: δ = p - t",
    "mistake.only_true_class": "only the true class has a δ here",
    "mistake.sigmoid_slope": "p (1 - p) is the slope of a sigmoid; with cross-entropy it cancels",
    "mistake.sum_for_mean": "this is the sum",
    "mistake.unbiased_variance": "divided by m - 1; batch normalization divides by m",
    "mistake.sigma_for_variance": "this is σ, not σ²",
    "mistake.variance_for_sigma": "σ² was used in place of σ",
    "mistake.unbiased": "divided by m - 1",
    "mistake.beta_missing": "β is missing",
    "mistake.gamma_missing": "γ is missing",
    "mistake.x_for_x_hat": "x was used in place of x̂",
    "mistake.mean_for_sum": "the mean was taken, not the sum",
    "mistake.both_terms": "μ and σ depend on x too: their terms are missing",
    "mistake.sigma_term": "the term of σ is missing",
    "mistake.mu_term": "the term of μ is missing",
    "mistake.bias_correction": "the bias correction is missing",
    "mistake.root_missing": "the root of v is missing",
    "mistake.uphill": "the update goes uphill",
    "mistake.no_memory": "the memory is not used: this is plain gradient descent",
    "grade.no_answer": "no answer",
    "grade.not_numbers": "not numbers, but {given}",
    "grade.wrong_shape": "{shape} numbers are asked for",
    "grade.wrong": "[{place}] is {wanted}, not {value}",
    "grade.term_missing": "the term {term} is missing",
    "grade.term_sign": "the term {term} has the wrong sign",
    "grade.term_twice": "the term {term} is there twice",
    "grade.only_factor": "of the term {term}, only {factor} is there",
    "grade.line": "this is {name} = {expression}; the lines after it are missing",
    "grade.right": "right",
    "grade.partly": "{right} of {total} right",
    "grade.sum": "{right} of {total} numbers are right",
}
