"""The activation layers in Chinese, a paragraph each; the first sentence is for lists."""

ACTIVATIONS = {
    "layer identity": "恒等函数：a = z，导数 f' = 1。相当于线性单元。",
    "layer sigmoid": (
        "S 形（sigmoid）激活函数：a = 1 / (1 + e^-z)。导数 f' = a (1 - a)，输出在 0 和 1 之间；实"
        "现不会溢出。"
    ),
    "layer tanh": "双曲正切激活函数：a = tanh z。导数 f' = 1 - a²，输出在 -1 和 1 之间。",
    "layer relu": (
        "修正线性单元：a = max(z, 0)。导数在 z > 0 时为 1，否则为 0（在 0 处也取 0）。出处：Nair "
        "& Hinton 2010。"
    ),
    "layer relu6": (
        "上限为 6 的修正线性单元：a = min(max(z, 0), 6)。导数在 0 < z < 6 时为 1，否则为 0。出"
        "处：Howard et al. 2017。"
    ),
    "layer leaky_relu": (
        "带泄漏的修正线性单元：z > 0 时 a = z，否则 a = slope·z。导数为 1 或 slope（在 0 处取 "
        "slope）。选项 ``slope`` ≥ 0，默认 0.01。出处：Maas et al. 2013。"
    ),
    "layer elu": (
        "指数线性单元：z > 0 时 a = z，否则 a = alpha (e^z - 1)。导数为 1 或 alpha e^z。选项 "
        "``alpha``：z → -∞ 时 a 趋于 -alpha。出处：Clevert et al. 2016。"
    ),
    "layer selu": (
        "自归一化的指数线性单元：a = scale·elu(z; alpha)。其中 alpha = 1.6733，scale = 1.0507。出"
        "处：Klambauer et al. 2017，式 2。"
    ),
    "layer celu": (
        "连续可导的指数线性单元：z > 0 时 a = z，否则 a = alpha (e^(z/alpha) - 1)。导数为 1 或 "
        "e^(z/alpha)。选项 ``alpha``：z → -∞ 时 a 趋于 -alpha。出处：Barron 2017。"
    ),
    "layer gelu": (
        "高斯误差线性单元：a = z Φ(z)，Φ 是标准正态分布函数。导数 f' = Φ(z) + z φ(z)，φ = Φ'。选"
        "项 ``approximation``：``none`` 或 ``tanh``，后者用 Φ ≈ ½ (1 + tanh(√(2/π) (z + 0.044715 "
        "z³)))。出处：Hendrycks & Gimpel 2016。"
    ),
    "layer silu": (
        "SiLU 激活函数：a = z σ(z)，又称 swish。导数 f' = σ (1 + z (1 - σ))。出处：Elfwing et al."
        " 2018。"
    ),
    "layer mish": (
        "Mish 激活函数：a = z tanh(softplus(z))。导数 f' = t + z (1 - t²) σ(z)，t = "
        "tanh(softplus(z))。出处：Misra 2019。"
    ),
    "layer softplus": (
        "平滑的修正线性单元：a = log(1 + e^z)。导数 f' = σ(z)；实现不会溢出。出处：Dugas et al. "
        "2001。"
    ),
    "layer softsign": (
        "Softsign 激活函数：a = z / (1 + |z|)。导数 f' = (1 - |a|)²。出处：Bergstra et al. 2009。"
    ),
    "layer hard_sigmoid": (
        "分段线性的 sigmoid：a = min(max(slope·z + shift, 0), 1)。0 < a < 1 时导数为 slope，否则"
        "为 0。选项 ``slope`` 和 ``shift``，默认 1/6 和 ½，与 PyTorch 相同（Keras 用 1/6 或 "
        "0.2）。"
    ),
    "layer hard_tanh": (
        "分段线性的 tanh：a = min(max(z, low), high)。low < z < high 时导数为 1，否则为 0。选项 "
        "``low``（-1）和 ``high``（1），后者必须更大。出处：Collobert 2004。"
    ),
    "layer thresholded_relu": (
        "带阈值的修正线性单元：z > threshold 时 a = z，否则为 0。导数为 1 或 0。选项 "
        "``threshold`` ≥ 0，a 在此处跳变。出处：Konda, Memisevic & Krueger 2015。"
    ),
    "layer hard_swish": (
        "分段的 swish：a = z · hard_sigmoid(z)。三段上的导数分别为 0、z/3 + ½ 和 1。出处：Howard "
        "et al. 2019。"
    ),
    "layer softmax": (
        "按通道或单元的 softmax：a_k = e^(z_k) / Σ_j e^(z_j)。误差 δ_k = a_k (∂C/∂a_k - Σ_j a_j "
        "∂C/∂a_j)。做分类时不需要这一层：损失函数 ``cross_entropy`` 直接接收 logits，其中已包含 "
        "softmax。"
    ),
    "layer log_softmax": (
        "softmax 的对数：a_k = z_k - log Σ_j e^(z_j)，按通道或单元计算。误差 δ_k = ∂C/∂a_k - "
        "e^(a_k) Σ_j ∂C/∂a_j。"
    ),
    "layer prelu": (
        "负半轴斜率可学习的修正线性单元：z > 0 时 a = z，否则 a = slope·z。形状任意且不变；每个通"
        "道或单元有一个斜率，形状为 (C,)，用 ``shared`` 时为 (1,)；初值 0.25，不做权重衰减。出"
        "处：He et al. 2015，式 1 和式 9。"
    ),
}
