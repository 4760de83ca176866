"""All other layers in Chinese, a paragraph each; the first sentence is for lists."""

LAYERS = {
    "layer dense": (
        "全连接层：z = W a + b。(J,) → (K,)；权重 W (K, J) 用 he_normal 初始化，偏置 b (K, 1) 为 "
        "0。选项：``units`` 即 K；``activation: KIND`` 在其后附加一个激活层；``bias``、``init``、"
        "``trainable`` 与所有带权重的层相同。输入是图像时会报错：应先放一层 ``flatten``。"
    ),
    "layer conv2d": (
        "卷积层：z[f] = Σ_c W[f, c] ⋆ a[c] + b[f]。(C, H, W) → (F, OH, OW)，OH = floor((H + "
        "padding - dilation·(KH - 1) - 1) / stride) + 1，OW 同理；卷积核 W (F, C/groups, KH, KW) "
        "用 he_normal 初始化，偏置 b (F, 1) 为 0。选项：``filters`` 即卷积核个数 F；``kernel``、"
        "``stride``（步幅）和 ``dilation``（空洞）是一个数或 [竖直, 水平]；``padding``（填充）也"
        "是如此（两侧补零），或 ``valid``（不填充），或 ``same``（OH = ceil(H / stride)，多出的一"
        "行或一列放在末端）；``groups`` 把通道和卷积核分成互相独立的组（等于 C 时为深度卷积）；"
        "``algorithm``：``direct``（按定义求和）、``winograd``（步幅为 1 的 3x3 或 5x5 卷积核）或 "
        "``fourier``（5x5）用更少的乘法得到同样的数，舍入不同；``auto`` 在编译内核上取最快的一种"
        "（3x3、C 和 F 是 16 的倍数、OH, OW ≥ 8 时用 winograd；5x5、C 和 F ≥ 16 且图不太小时用 "
        "fourier）；``activation: KIND`` 附加一个激活层；其余选项与所有带权重的层相同。输入不"
        "是图像、卷积核放不下、组数不能整除通道数和卷积核数、或算法不适合卷积核时会报错。出处："
        "LeCun et al. 1998；Lavin & Gray 2016（winograd）；Mathieu et al. 2014（fourier）。"
    ),
    "layer conv_transpose2d": (
        "转置卷积层：z[f] = b[f] + Σ_c W[c, f] 按 a[c] 的每个值缩放后的叠加。相邻的副本相距 "
        "``stride``。(C, H, W) → (F, OH, OW)，OH = (H - 1)·stride - 2·padding + KH + "
        "output_padding，OW 同理；W (C, F, KH, KW) 用 he_normal 初始化，b (F, 1) 为 0。选项："
        "``filters`` 即 F；``kernel``、``stride``、``padding``（从两侧裁掉）和 ``output_padding``"
        "（加在末端，小于步幅），各为一个数或 [竖直, 水平]；其余与所有带权重的层相同。出处："
        "Zeiler et al. 2010；定义与 PyTorch 相同。"
    ),
    "layer max_pool2d": (
        "最大池化：y 是每个窗口中的最大值。(C, H, W) → (C, OH, OW)，OH = floor((H + 2·padding - "
        "dilation·(KH - 1) - 1) / stride) + 1，OW 同理；用 ``ceil`` 时向上取整。填充永远不会成为"
        "最大值；反向传播时误差只传给最大值所在的位置。选项：``size``、``stride``（默认等于 "
        "size）、``padding``、``dilation``（窗口内相邻元素的距离），各为一个数或 [竖直, 水平]，"
        "``padding`` 还可以是 [上, 下, 左, 右]；``ceil``。窗口放不下或只包含填充时会报错。"
    ),
    "layer avg_pool2d": (
        "平均池化：y 是每个窗口的平均值。形状和选项与 ``max_pool2d`` 相同，另有 "
        "``count_padding``：平均时是否把填充当作零计入（默认计入，同 PyTorch；不计入同 "
        "TensorFlow）。超出填充的位置从不计入；反向传播时误差平均分给整个窗口。窗口放不下或只包含"
        "填充时会报错。"
    ),
    "layer adaptive_avg_pool2d": (
        "自适应平均池化：用 OH x OW 个窗口覆盖整个特征图，各取平均值。(C, H, W) → (C, OH, OW)。选"
        "项 ``size``：OH = OW，或 [OH, OW]。长度为 L 的轴上，输出 o 读取从 floor(o·L/OH) 到 "
        "ceil((o + 1)·L/OH)（不含）的输入，与 PyTorch 相同。"
    ),
    "layer adaptive_max_pool2d": (
        "自适应最大池化：用 OH x OW 个窗口覆盖整个特征图，各取最大值。相等时取第一个。(C, H, W) →"
        " (C, OH, OW)。选项和窗口与 ``adaptive_avg_pool2d`` 相同。"
    ),
    "layer global_avg_pool2d": (
        "全局平均池化：y[c] 是特征图 c 的平均值。(C, H, W) → (C,)。出处：Lin, Chen & Yan 2014，第"
        " 3.2 节。"
    ),
    "layer global_max_pool2d": (
        "全局最大池化：y[c] 是特征图 c 的最大值。相等时取第一个。(C, H, W) → (C,)。"
    ),
    "layer batch_norm": (
        "批归一化：y = γ (x - 均值) / √(方差 + ε) + β，按通道或单元。形状任意且不变；gamma (C, 1)"
        " 初值为 1，beta (C, 1) 初值为 0；滑动统计量 mean (C, 1) 初值为 0，variance (C, 1) 初值为"
        " 1。训练时，均值和（有偏）方差取自整个小批量，跨样本和位置；滑动值 ← momentum·滑动值 + "
        "(1 - momentum)·批量值，其中方差用无偏估计（除以 m - 1），与 PyTorch 相同。评估时改用滑动"
        "统计量。选项：``momentum``（0.9，相当于 PyTorch 的 0.1）、``epsilon``，以及 gamma 和 "
        "beta 的 ``init``、``trainable``、``lr_mult``、``decay_mult``。出处：Ioffe & Szegedy "
        "2015，算法 1 和 2。"
    ),
    "layer layer_norm": (
        "层归一化：y = γ (x - 均值) / √(方差 + ε) + β，对一个样本的全部特征。形状任意且不变；"
        "gamma 和 beta 的形状与样本相同。选项 ``epsilon``。出处：Ba, Kiros & Hinton 2016；对图像"
        "跨 (C, H, W)，等同于 PyTorch 使用完整形状。"
    ),
    "layer group_norm": (
        "组归一化：y = γ (x - 均值) / √(方差 + ε) + β，对每一组通道。形状任意且不变；gamma 和 "
        "beta 为 (C, 1, 1)，对向量为 (C,)。选项：``groups`` 必须整除 C（1 时除 γ 和 β 外等于 "
        "layer_norm，C 时为实例归一化）；``epsilon``。出处：Wu & He 2018。"
    ),
    "layer lrn": (
        "局部响应归一化：y = x · s^-β，s = k + α/n · Σ x²，对 n 个邻居求和。(C, H, W) 形状不变，"
        "邻居包括 x 自己。选项：``size``，邻域的宽度，为奇数；``across``：``channels``（同一位置"
        "上 n = size 个相邻通道）或 ``space``（同一特征图上 n = size² 个位置，边界外为零）；"
        "``alpha``、``beta``、``k``。出处：Krizhevsky et al. 2012，第 3.3 节，α 除以 n，与 Caffe "
        "和 PyTorch 相同。"
    ),
    "layer dropout": (
        "随机失活：训练时 y = x ⊙ 掩码，其余时候 y = x。形状任意且不变。选项 ``rate``：丢弃一个单"
        "元的概率，在 [0, 1) 内。每个单元、样本和步都重新抽取掩码；保留的单元乘以 1/(1 - rate)，"
        "因此评估时无须改动。出处：Srivastava et al. 2014，缩放见第 10 节。"
    ),
    "layer spatial_dropout": (
        "整张特征图的随机失活：每个样本和通道抽取一次。(C, H, W) 形状不变。选项 ``rate``。出处："
        "Tompson et al. 2015。"
    ),
    "layer gaussian_noise": (
        "高斯噪声：训练时 y = x + N(0, std²)，其余时候 y = x。形状任意且不变。选项 ``std``：噪声"
        "的标准差，每个值和每一步都重新抽取。"
    ),
    "layer add": (
        "相加：y = 所有输入之和，它们形状相同。每个输入都得到 ∂C/∂y。出处：He et al. 2016（残差连"
        "接）。"
    ),
    "layer concat": (
        "拼接：把所有输入沿通道（或单元）连在一起。(C₁, H, W), (C₂, H, W), ... → (C₁ + C₂ + ..., "
        "H, W)。∂C/∂y 按同样的方式拆开。"
    ),
    "layer upsample2d": (
        "上采样：(C, H, W) → (C, factor·H, factor·W)。选项：``factor``，一个数或 [竖直, 水平]；"
        "``mode``，nearest（最近邻）或 bilinear（双线性，像素中心偏半格，同 PyTorch 的 "
        "align_corners=False）。∂C/∂x 使用转置矩阵。"
    ),
    "layer zero_pad2d": (
        "补零：在每张特征图四周加零。(C, H, W) → (C, 上 + H + 下, 左 + W + 右)。选项 "
        "``padding``：一个数、[竖直, 水平] 或 [上, 下, 左, 右]。"
    ),
    "layer pad2d": (
        "加边：在每张特征图四周加一圈边。(C, H, W) → (C, 上 + H + 下, 左 + W + 右)。选项："
        "``padding``，一个数、[竖直, 水平] 或 [上, 下, 左, 右]；``mode``：``constant``（填 "
        "``value``）、``edge``（填最近的值）或 ``reflect``（以最外层的值为镜面反射，该值不重"
        "复）。``reflect`` 需要的行列多于已有的行列时会报错。"
    ),
    "layer flatten": "展平：(C, H, W) → (C*H*W,)。逐通道、逐行排列。",
    "layer reshape": "改变形状：任意形状 → ``shape``，元素个数不变。最后一个轴变化最快。",
}
