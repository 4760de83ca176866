"""The keys of the config in Chinese, and the options that several kinds share."""

KEYS = {
    "key name": "``name``：运行文件夹的名称（默认：配置文件的名称）",
    "key seed": "``seed``：所有随机抽取的种子",
    "key dtype": "``dtype``：float32 或 float64，计算使用的浮点类型",
    "key input": "``input``：一个样本的形状，与数据核对",
    "key data": (
        "``data:`` 数据源及其选项，以及怎样使用样本。``test_split``：数据源没有测试集时，从训练文"
        "件中取作测试集的样本，一个数或一个比例。``validation``：从训练集中留出的验证样本，一个数"
        "或一个比例。``fold``：i/k，改为留出 k 份中的第 i 份（交叉验证；``--fold``）。"
        "``augment``：训练样本的随机变化，按此顺序进行。``normalize``：none | unit | per_channel "
        "| per_feature，使用训练集的统计量。``normalize_targets``：none | standardize，用于回归："
        "训练时每个目标均值为 0、标准差为 1；损失按这些值计算，所有指标以数据的单位计。在没有同名"
        "列的数据源中，``targets: standardize`` 含义相同。"
    ),
    "key network": "``network``：网络的层，从输入到输出。",
    "key loss": "``loss``：损失函数，即要最小化的量。",
    "key metrics": "``metrics``：每轮之后另外计算的指标。",
    "key optimizer": "``optimizer``：由梯度得到权重改变量的优化器。",
    "key schedule": "``schedule``：学习率 η 在训练中怎样变化。",
    "key train": (
        "``train:`` 训练的长短、批量大小、惩罚项和停止条件。``mode``：batch（每次更新用全部样"
        "本）、mini-batch（用 ``batch_size`` 个样本，默认 32）或 sgd（用一个）。``accumulate``："
        "这么多个批量依次合成一次更新，等于一个大这么多倍的批量，占用内存更少；除非有 "
        "batch_norm，结果逐位相同。``epochs``、``max_steps``：先到者为准；都不给出时为 10 轮。"
        "``l2``：惩罚项 λ/2m Σ W² 的 λ，对所有权重，不含偏置，m 是训练样本数；``l1``：λ/m Σ |W| "
        "的 λ（与 ``l2`` 合用即弹性网）。``clip``：梯度的界限。``max_norm``：一个单元的权重的最大"
        "范数。``average``：权重滑动平均的衰减率，评估时使用该平均。``shuffle``：每轮使用新的顺序"
        "（batch 模式下无效）。``monitor``：决定最佳轮的指标；默认 val/accuracy，回归为 "
        "val/loss，没有验证集时用训练集的同名指标。``checkpoint_steps``：每隔多少步保留一个检查"
        "点。"
    ),
    "key log": (
        "``log:`` 运行除指标之外还写出什么；不影响训练。``stats``：每隔多少步把各层的统计量写入 "
        "``stats.jsonl``：每个数组的均值、标准差和范数，梯度的范数（含惩罚项和裁剪），‖ΔW‖/‖W‖；"
        "每个输出的均值和标准差，以及激活层中对所有样本都为 0 的单元的比例。``tensorboard``："
        'TensorBoard 的事件文件（``pip install "cnntrain[tensorboard]"``）。'
    ),
    "key data.source": "``source``：数据从哪里来。",
    "key data.validation": "``validation``：从训练集中留出的验证样本，一个数或一个比例",
    "key data.test_split": (
        "``test_split``：数据源没有测试集时，从训练文件中取作测试集的样本，一个数或一个比例"
    ),
    "key data.fold": "``fold``：i/k，改为留出 k 份中的第 i 份（交叉验证；``--fold``）",
    "key data.normalize": (
        "``normalize``：none | unit | per_channel | per_feature，输入的归一化，使用训练集的统计量"
    ),
    "key data.normalize_targets": (
        "``normalize_targets``：none | standardize，用于回归：训练时每个目标均值为 0、标准差为 1"
    ),
    "key data.augment": "``augment``：数据增强，训练样本的随机变化，按此顺序进行",
    "key train.mode": (
        "``mode``：batch（每次更新用全部样本）、mini-batch（用 ``batch_size`` 个样本，默认 32）或"
        " sgd（用一个）"
    ),
    "key train.batch_size": "``batch_size``：一次更新的样本数，默认 32；只用于 mini-batch 模式",
    "key train.accumulate": (
        "``accumulate``：这么多个批量依次合成一次更新，等于一个大这么多倍的批量，占用内存更少；除"
        "非有 batch_norm，结果逐位相同"
    ),
    "key train.epochs": "``epochs``：训练的轮数；与 ``max_steps`` 先到者为准，都不给出时为 10 轮",
    "key train.max_steps": "``max_steps``：训练的最多步数；与 ``epochs`` 先到者为准",
    "key train.l2": "``l2``：惩罚项 λ/2m Σ W² 的 λ，对所有权重，不含偏置，m 是训练样本数",
    "key train.l1": "``l1``：惩罚项 λ/m Σ |W| 的 λ（与 ``l2`` 合用即弹性网）",
    "key train.clip": (
        "``train.clip:`` ∂C/∂W 的界限，包括惩罚项。``value``：每个元素裁剪到 [-value, value]。"
        "``norm``：所有梯度一起缩小到这个欧几里得范数（Pascanu et al. 2013）。先用 ``value``。"
    ),
    "key train.max_norm": "``max_norm``：一个单元的权重的最大范数",
    "key train.average": "``average``：权重滑动平均的衰减率，评估时使用该平均",
    "key train.shuffle": "``shuffle``：每轮使用新的顺序（batch 模式下无效，那里顺序无关紧要）",
    "key train.monitor": "``monitor``：决定最佳轮的指标",
    "key train.checkpoint_steps": "``checkpoint_steps``：每隔多少步保留一个检查点",
    "key train.stop": (
        "``train.stop:`` 其他的停止条件，先到者为准。``threshold``：ε，一次更新中所有 W 和 b 的改"
        "变都小于 ε 时停止。``patience``：所监测的指标连续多少轮没有改进就停止。``target``：达到"
        "即可的指标值，如 ``{val/accuracy: 0.99}``。``minutes``：训练的时间。"
    ),
    "key train.stop.threshold": "``threshold``：ε，一次更新中所有 W 和 b 的改变都小于 ε 时停止",
    "key train.stop.patience": "``patience``：所监测的指标连续多少轮没有改进就停止",
    "key train.stop.target": "``target``：达到即可的指标值，如 ``{val/accuracy: 0.99}``",
    "key train.stop.minutes": "``minutes``：训练的时间，以分钟计",
    "key train.clip.value": "``value``：每个元素裁剪到 [-value, value]",
    "key train.clip.norm": "``norm``：所有梯度一起缩小到这个欧几里得范数（Pascanu et al. 2013）",
    "key log.stats": (
        "``stats``：每隔多少步把各层的统计量写入 ``stats.jsonl``：每个数组的均值、标准差和范数，"
        "梯度的范数（含惩罚项和裁剪），‖ΔW‖/‖W‖"
    ),
    "key log.tensorboard": (
        '``tensorboard``：TensorBoard 的事件文件（``pip install "cnntrain[tensorboard]"``）'
    ),
    "option data source train": "``train``：训练集的文件",
    "option data source test": "``test``：测试集的文件",
    "option data source val": "``val``：验证集的文件",
    "option data source layout": "``layout``：图像的通道轴在前还是在后",
    "option data source class_names": "``class_names``：整数标签的名称",
    "option augmentation share": "``share``：发生的概率",
    "option layer size": "``size``：窗口或输出的大小，一个数或 [竖直, 水平]",
    "option layer stride": "``stride``：步幅（默认等于 size），一个数或 [竖直, 水平]",
    "option layer padding": "``padding``：填充，一个数、[竖直, 水平] 或 [上, 下, 左, 右]",
    "option layer dilation": "``dilation``：窗口内相邻元素的距离，一个数或 [竖直, 水平]",
    "option layer ceil": "``ceil``：最后一个窗口从内部开始而超出边缘时也使用它（同 Caffe）",
    "option layer init": "``init``：初始化方法（不按字母给出时，用于第一个字母）",
    "option layer trainable": "``trainable``：false 表示冻结",
    "option layer lr_mult": "``lr_mult``：学习率的因子",
    "option layer decay_mult": (
        "``decay_mult``：惩罚项的因子（默认：权重 1，偏置 0；名称来自 Caffe）"
    ),
    "option layer bias": "``bias``：false 表示没有偏置 b",
    "option layer rate": (
        "``rate``：丢弃一个单元的概率，在 [0, 1) 内；保留的单元乘以 1/(1 - rate)，因此评估时无须"
        "改动"
    ),
    "option layer epsilon": "``epsilon``：ε，加在方差上以免除以 0",
    "option optimizer weight_decay": (
        "``weight_decay``：解耦权重衰减，在更新之外做 W ← W - η·weight_decay·W"
    ),
    "option optimizer lr": "``lr``：学习率 η，乘以 schedule 的因子之前",
    "option optimizer beta1": "``beta1``：梯度滑动平均的衰减率 β₁",
    "option optimizer beta2": "``beta2``：β₂，梯度平方（lion 中为动量）的滑动平均的衰减率",
    "option optimizer epsilon": "``epsilon``：ε，加在分母上以免除以 0",
    "option schedule warmup_epochs": "``warmup_epochs``：学习率预热的长度，以轮计",
    "option schedule warmup": (
        "``warmup``：``linear`` 从 0 线性上升，或 ``exponential`` 从完整学习率的 ``warmup_start``"
        " 倍开始"
    ),
    "option schedule warmup_start": "``warmup_start``：指数预热开始时相对于完整学习率的倍数",
}
