"""Losses, optimizers, schedules, initializers and metrics in Chinese, a paragraph each."""

TRAINING = {
    "loss cross_entropy": (
        "交叉熵：C = -1/m Σ_n Σ_k w_k t_k log softmax(z_n)_k。误差 δ = (softmax(z) Σ w t - w "
        "t)/m。logits z 为 (K, N)；标签 (N,) 或软目标 t (K, N)。最后一层每类一个单元，不要加 "
        "softmax。选项：``label_smoothing`` ε（标签平滑）：t = (1 - ε) one-hot + ε/K；"
        "``class_weight`` w：K 个数，或按类名给出的数（其余为 1），或 ``balanced``：m/(K · 该类样"
        "本数)；``ignore_index``：该类的样本不计损失。均值除以全部 m 个样本，包括被忽略的，不加"
        "权。出处：Bishop 2006，式 4.108（损失）和 4.109（δ）；Szegedy et al. 2016，第 7 节（平"
        "滑）。"
    ),
    "loss binary_cross_entropy": (
        "二元交叉熵：C = -1/m Σ_n Σ_k t_k log σ(z_k) + (1 - t_k) log(1 - σ(z_k))。误差 δ = (σ(z) "
        "- t)/m。logits z 形状任意，目标 t 在 [0, 1] 内且形状相同，或为标签；最后一层不要加 "
        "sigmoid。选项（一个数，或每个输出、每个通道一个数）：``pos_weight``，乘在 t_k log σ(z_k)"
        " 上的因子，例如“否”与“是”的数量之比；``weight``，乘在两项上。均值除以 m 个样本，不加权。"
        "出处：Bishop 2006，式 4.90。"
    ),
    "loss squared_error": (
        "平方误差：C = 1/m Σ_n ½ Σ_k (a_k - t_k)²。误差 δ = (a - t)/m。输出 a 形状任意，目标 t 形"
        "状相同；整数标签变成 one-hot 列。对权重的惩罚用 ``train.l2``。出处：Bishop 2006，式 "
        "5.11，除以 m。"
    ),
    "loss absolute_error": (
        "绝对误差：C = 1/m Σ_n Σ_k |a_k - t_k|。误差 δ = sign(a - t)/m。输出 a 形状任意，目标 t "
        "形状相同；整数标签变成 one-hot 列。"
    ),
    "loss huber": (
        "Huber 损失：C = 1/m Σ_n Σ_k h(a_k - t_k)。|e| ≤ limit 时 h(e) = ½e²，否则为 limit (|e| -"
        " ½ limit)。输出 a 形状任意，目标 t 形状相同；整数标签变成 one-hot 列。选项 ``limit``。出"
        "处：Huber 1964。"
    ),
    "loss hinge": (
        "合页损失：C = 1/m Σ_n Σ_k max(0, 1 - s_k z_k)。真实类别 s_k = 1，其余为 -1：一对其余，与"
        " Caffe 相同。输出 z (K, N)，以及标签或目标（1 表示是，0 表示否）。出处：Cortes & Vapnik "
        "1995；Caffe 的 HingeLoss，L1 范数。"
    ),
    "loss squared_hinge": (
        "平方合页损失：C = 1/m Σ_n Σ_k max(0, 1 - s_k z_k)²。真实类别 s_k = 1，其余为 -1。输出和"
        "目标与 ``hinge`` 相同。出处：Caffe 的 HingeLoss，L2 范数。"
    ),
    "loss kl_divergence": (
        "KL 散度：C = 1/m Σ_n Σ_k t_k (log t_k - log softmax(z_n)_k)。δ 与 cross_entropy 相同。"
        "logits z (K, N)，目标分布 t (K, N) 或标签。与 cross_entropy 只差目标的熵，它是常数。出"
        "处：Kullback & Leibler 1951。"
    ),
    "optimizer sgd": (
        "随机梯度下降：W ← W - η ∂C/∂W。带动量 μ 时：v ← μ v + ∂C/∂W，W ← W - η v；带 "
        "``nesterov`` 时：W ← W - η (∂C/∂W + μ v)。选项：``lr`` 学习率 η > 0，``momentum`` 动量 μ"
        " 在 [0, 1) 内，``nesterov``。这里 η 不包含在 v 中（Sutskever et al. 2013，与 PyTorch 相"
        "同；Caffe 把 η 放在 v 里，只在 η 变化时有差别）。"
    ),
    "optimizer adam": (
        "Adam：m ← β₁ m + (1-β₁) g；v ← β₂ v + (1-β₂) g²；W ← W - η m̂ / (√v̂ + ε)。偏差修正 m̂ ="
        " m/(1-β₁ᵗ)，v̂ = v/(1-β₂ᵗ)，t 从 1 开始数更新。选项：``lr``、``beta1``、``beta2``、"
        "``epsilon``。出处：Kingma & Ba 2015，算法 1。"
    ),
    "optimizer adamw": (
        "默认带解耦权重衰减的 Adam：另外做 W ← W - η·weight_decay·W。只作用于权重，不作用于偏置。"
        "出处：Loshchilov & Hutter 2019，算法 2，衰减乘以学习率，与 PyTorch 相同。"
    ),
    "optimizer amsgrad": (
        "AMSGrad：用 u ← max(u, v) 代替 v 的 Adam，步长永不变大。出处：Reddi, Kale & Kumar 2018，"
        "算法 2；u 带偏差修正，与 PyTorch 相同。"
    ),
    "optimizer nadam": (
        "带 Nesterov 动量的 Adam：m̂ = μ' m / (1 - Π' μ) + (1 - μ) g / (1 - Π μ)。μ = μ_t，μ' = "
        "μ_{t+1}，μ_t = β₁ (1 - ½·0.96^(t·momentum_decay))；Π μ 是到 t 的连乘，Π' μ 到 t+1。选项 "
        "``momentum_decay``。出处：Dozat 2016，按 PyTorch 的实现。"
    ),
    "optimizer adagrad": (
        "Adagrad：G ← G + g²；W ← W - η g / (√G + ε)。选项 ``epsilon`` ε。出处：Duchi, Hazan & "
        "Singer 2011，对角形式；ε 在根号外，G 从 0 开始，与 PyTorch 相同。"
    ),
    "optimizer adadelta": (
        "Adadelta：步长由梯度和改变量的滑动均方决定。E ← ρ E + (1-ρ) g²；d = √(D + ε) / √(E + ε) "
        "· g；D ← ρ D + (1-ρ) d²；W ← W - η d。选项：``lr`` η（论文中为 1）、``rho`` ρ、"
        "``epsilon`` ε，在两个根号内。出处：Zeiler 2012，算法 1。"
    ),
    "optimizer rmsprop": (
        "RMSprop：E ← ρ E + (1-ρ) g²；W ← W - η g / (√E + ε)，或除以 √(E + ε)。选项：``rho`` ρ；"
        "``epsilon`` ε；``centered``：用滑动方差 V ← ρ V + ρ (1-ρ) (g - m)² 代替 E，然后 m ← ρ m "
        "+ (1-ρ) g；``momentum`` μ：v ← μ v + 商，W ← W - η v；``epsilon_inside``：ε 在根号内（同"
        " TensorFlow）还是根号外（默认，同 PyTorch）。出处：Tieleman & Hinton 2012，第 6.5 讲；"
        "Graves 2013，式 38-41；West 1979。"
    ),
    "optimizer lion": (
        "Lion：W ← W - η sign(β₁ m + (1-β₁) g)；然后 m ← β₂ m + (1-β₂) g。选项：``lr``（Adam 的三"
        "分之一到十分之一）、``beta1``、``beta2``、``weight_decay``。出处：Chen et al. 2023，算法"
        " 2。"
    ),
    "schedule constant": "学习率不变：每一步的因子都是 1。",
    "schedule step": (
        "阶梯下降：因子为 gamma^floor(步 / every)。选项：``every_epochs`` 或 ``every_steps``；"
        '``gamma``。用 ``every_steps`` 时即 Caffe 的 "step"。'
    ),
    "schedule multistep": (
        "多次下降：因子为 gamma^(已经过的里程碑数)。选项：``at_epochs`` 或 ``at_steps``；"
        "``gamma``。"
    ),
    "schedule exponential": (
        "指数下降：因子为 gamma^轮数，每一步都更新。选项 ``gamma``：每轮的因子。"
    ),
    "schedule inv": (
        '倒数下降：因子为 (1 + gamma·step)^-power，即 Caffe 的 "inv"。LeNet 用 gamma 1e-4，power '
        "0.75。选项：``gamma``、``power``；步数从预热结束后算起。"
    ),
    "schedule poly": (
        '多项式下降：因子为 (1 - step/steps)^power，即 Caffe 的 "poly"。step 在预热之后剩余的步数'
        "中计算。选项 ``power``。"
    ),
    "schedule sigmoid": (
        'S 形变化：因子为 1 / (1 + e^(-gamma·(step - center_steps)))。即 Caffe 的 "sigmoid"，'
        "gamma 为负时下降。选项：``gamma``，每步；``center_steps``，因子为 ½ 的那一步。"
    ),
    "schedule cosine": (
        "余弦下降：因子为 final + (1 - final)·½(1 + cos(π·share))。share 是预热之后已完成步数的比"
        "例。选项：``final``，结束时的因子；``restarts``，热重启的次数，每个周期的长度是前一个的 "
        "``stretch`` 倍。出处：Loshchilov & Hutter 2017，式 5。"
    ),
    "schedule one_cycle": (
        "单周期：从 1/start 升到 1，再降到 1/(start·end)。在比例 ``peak`` 处到达 1；两段都按余弦"
        "变化。选项：``peak``、``start``、``end``。出处：Smith & Topin 2018，采用 PyTorch 的两段"
        "形式和默认值。"
    ),
    "schedule plateau": (
        "停滞时下降：因子为 gamma^下降次数。每当 ``patience_epochs`` 轮没有改进就下降一次；指标由"
        " ``train.monitor`` 指定；每次改进和每次下降后重新计数。选项：``gamma``，每次下降的因子；"
        "``least``，因子的下限；``patience_epochs``。"
    ),
    "schedule piecewise_linear": (
        "分段线性：在 ``points`` 的各点 [轮, 因子] 之间线性插值。第一点之前和最后一点之后保持不变。"
    ),
    "initializer he_normal": (
        "He 正态初始化：N(0, 2/fan_in)，不截断。适合 ReLU。出处：He et al. 2015，式 10。"
    ),
    "initializer he_uniform": (
        "He 均匀初始化：U(-a, a)，a = sqrt(6/fan_in)。方差与 He et al. 2015 式 10 相同。"
    ),
    "initializer glorot_normal": (
        "Glorot（Xavier）正态初始化：N(0, 2/(fan_in + fan_out))，不截断。出处：Glorot & Bengio "
        "2010，式 12。"
    ),
    "initializer glorot_uniform": (
        "Glorot（Xavier）均匀初始化：U(-a, a)，a = sqrt(6/(fan_in + fan_out))。出处：Glorot & "
        "Bengio 2010，式 16。"
    ),
    "initializer lecun_normal": (
        "LeCun 正态初始化：N(0, 1/fan_in)，不截断。出处：LeCun et al. 1998，式 16。"
    ),
    "initializer lecun_uniform": (
        "LeCun 均匀初始化：U(-a, a)，a = sqrt(3/fan_in)。出处：LeCun et al. 1998；即 Caffe 的 "
        '"xavier"。'
    ),
    "initializer normal": "正态分布：N(mean, std²)。选项：``mean``（均值）、``std``（标准差）。",
    "initializer truncated_normal": (
        "截断正态分布：N(mean, std²)，偏离均值超过 ``limit`` 个标准差时重新抽取。选项：``mean``、"
        "``std``、``limit``。"
    ),
    "initializer uniform": "均匀分布：U(-limit, limit)。选项 ``limit``。",
    "initializer zeros": "全部为 0。",
    "initializer constant": "全部等于 ``value``。如果 W 是常数，隐藏层的各个单元永远不会变得不同。",
    "initializer literal": (
        "配置中直接给出的值：与数组形状相同的嵌套列表。选项 ``values``。单个数填满整个数组；长度"
        "为 1 的轴可以省略（``b`` 是普通的列表）。"
    ),
    "initializer orthogonal": (
        "正交初始化：行（列较少时为列）互相正交且长度为 1，再乘以 ``gain``。一个卷积核算一行。出"
        "处：Saxe, McClelland & Ganguli 2014，第 3 节；由正态矩阵的 QR 分解得到，R 的对角线为正，"
        "见 Mezzadri 2007。"
    ),
    "initializer identity": (
        "恒等初始化：单元 k 传递输入 k，对角线为 ``gain``，其余为 0。对卷积核，该值在中心。第 k "
        "个卷积核传递通道 k mod C，因此深度卷积的每个卷积核传递自己的通道。"
    ),
    "initializer bilinear": (
        "双线性插值核，供 ``conv_transpose2d`` 上采样使用。与 Caffe 相同。权重 (i, j) 为 (1 - "
        "|i/f - c|) (1 - |j/f - c|)，f = ceil(K/2)，c = (2f - 1 - f mod 2)/2f，位于每个 k 的核 "
        "(k, k mod 第二轴)；其余的核全为 0。"
    ),
    "metric accuracy": (
        "准确率：最大的输出属于真实类别的样本比例。对多个是或否的标签：跨样本和标签的正确比例。"
    ),
    "metric top_k": "前 k 准确率：真实类别在最大的 ``k`` 个输出之中的样本比例。并列算作错误。",
    "metric balanced_accuracy": "平衡准确率：有样本的各类召回率的平均值。",
    "metric macro_f1": (
        "宏平均 F1：各类 F1 = 2 命中数 / (该类样本数 + 预测为该类的数) 的平均值。既没有出现也没有"
        "被预测的类别不计入。"
    ),
    "metric log_loss": (
        "对数损失：-1/n Σ log p(类别)，p 是模型给出的概率。概率由输出的 softmax（单个输出时为 "
        "sigmoid）给出，由输出直接计算，不截断：概率为 e^-100 的类别损失就是 100（scikit-learn 会"
        "把 p 截断到浮点精度，那里是 15.9 或 36.0）。"
    ),
    "metric f1": (
        "F1 = 2 命中数 / (为“是”的样本数 + 被判为“是”的样本数)，类别 1 为“是”。多个标签时取平均"
        "值；既不成立也没有被预测的标签不计入。"
    ),
    "metric auc": (
        "ROC 曲线下的面积：“是”（类别 1）排在“否”（类别 0）之前的比例。并列算一半。不同输出不超过"
        " 65,536 个时精确，更多时舍去最后几位二进制数。多个标签时取平均值；对所有样本都成立或都不"
        "成立的标签不计入。"
    ),
    "metric mae": "平均绝对误差，跨样本和输出。",
    "metric rmse": "均方根误差，跨样本和输出。",
    "metric r2": "决定系数：R² = 1 - Σ(a - y)² / Σ(y - ȳ)²，跨所有输出。",
}
