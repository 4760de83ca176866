"""Data sources and augmentations in Chinese, a paragraph each."""

DATA = {
    "data source digits": (
        "内置的手写数字：1,438 张训练图像和 359 张测试图像。形状 (1, 8, 8)，取值 0..16，十个类"
        "别。没有选项。"
    ),
    "data source idx": (
        "MNIST 及类似数据集的文件格式。选项：``train``、``test`` 和 ``val``，各为 ``{images: "
        "FILE, labels: FILE}``；``classes``，类别数（10），或 ``class_names``；``label_offset``，"
        "最小的标签（EMNIST 字母为 1）；``transpose``：交换行和列（EMNIST 按列存储）。图像 (N, H,"
        " W) 成为样本 (1, H, W)；(N, C, H, W) 保持不变。名为 fashion 的文件夹或文件中的十个类别使"
        "用 Fashion-MNIST 的名称。"
    ),
    "data source cifar10": (
        "CIFAR-10 的二进制文件。选项：``train``、``test`` 和 ``val``，文件的列表，如 "
        "``cifar10/data_batch_1.bin``。样本 (3, 32, 32)，取值 0..255，十个类别使用官方名称。"
    ),
    "data source cifar100": (
        "CIFAR-100 的二进制文件。选项：``train``、``test`` 和 ``val``，文件的列表，如 "
        "``cifar100/train.bin``；``labels``：``fine``（100 类）或 ``coarse``（20 类）。样本 (3, "
        "32, 32)，取值 0..255；类别使用官方名称。"
    ),
    "data source csv": (
        "文本表格，每行一个样本。选项：``train``、``test`` 和 ``val``，文件名，也可以是 .gz 或 "
        ".zip；``label``，类别所在的列，用列名或序号，或者 ``targets``，用于回归或多个是或否答案"
        "的若干列；``features``，作为输入的列（默认其余所有列），或 ``ignore``，不使用的列；"
        "``categorical``，每个取值变成一个输入的文本列，或 auto；``shape``，这些特征组成的图像的"
        '形状，如 [1, 28, 28]；``header``、``delimiter`` 和 ``decimal``（"." 或 ","），不给出时自'
        "动判断。如果有一列名为 label、class、target 或 y，或者只有最后一列是文本，可以省略 "
        "``label``。类别是训练文件中不同标签的有序排列，数字按大小。其他文件按列名对应。"
    ),
    "data source parquet": (
        "Parquet 文件：每行一个样本。需要 pyarrow（附加包 ``parquet``）。选项：``train``、"
        "``test`` 和 ``val``，各为一个文件，或按文件名顺序排列的 ``.parquet`` 文件的文件夹；"
        "``label``，类别所在的列（默认名为 label、class、target 或 y 的列），或 ``targets``，回归"
        "的列；``features``，作为输入的列，数或数的列表（默认其余所有列）；``shape``，它们组成的"
        "图像的形状；``class_names``，同 npz。输入超过 256 MiB 时，最近使用的行组留在内存中：行组"
        "小一些为好。"
    ),
    "data source folder": (
        "图像文件，每个类别一个文件夹。选项：``train``、``test`` 和 ``val``，其中每个类别一个子文"
        "件夹（或只给 ``train``，即包含 train、test 和 val 的上级文件夹）；``mode``：rgb 或 "
        "gray；``size``：[高, 宽]，所有图像缩放到此大小（大小不一时必须给出）；``recursive``：更"
        "深的文件夹中的图像是否也属于该类（true）。样本 (C, H, W)，取值 0..255，解码一次后按字节"
        "留在内存中；超过 256 MiB 时只留最近使用的。类别是 ``train`` 的子文件夹名的有序排列。隐藏"
        "文件被跳过，不是图像的文件会被计数。"
    ),
    "data source labelled_images": (
        "一个文件夹中的图像文件，配一张文件名和标签的表。选项：``train``、``test`` 和 ``val``，各"
        "为 ``{images: FOLDER, labels: FILE.csv}``；``file`` 和 ``label``，表中的列，用列名或序号"
        "（0 和 1）；``suffix``，表中的文件名没有后缀时附加的后缀；``mode``：rgb 或 gray；"
        "``size``：[高, 宽]。样本 (C, H, W)，取值 0..255。类别是训练表中不同标签的有序排列。"
    ),
    "data source npy": (
        "NumPy 数组文件（``.npy``），每个文件一个数组。选项：``train``、``test`` 和 ``val``，各为"
        " ``{inputs: PATH, targets: PATH}``，路径是一个文件，或按文件名顺序排列的文件的文件夹；"
        "``layout``：channels_first 或 channels_last；``class_names``，同 npz。输入超过 256 MiB "
        "时留在磁盘上，训练某个批量时才读取其样本。"
    ),
    "data source npz": (
        "NumPy 归档文件（``.npz``）。选项：``train``、``test`` 和 ``val``，各为一个 ``.npz`` 文件"
        "名或 ``{file, inputs, targets}``；``inputs`` 和 ``targets``，只给文件时数组的名称（x 和 "
        "y；含 x_train、y_train、x_test 和 y_test 的归档会被识别）；``layout``：channels_first 或"
        " channels_last；``class_names``，按标签 0、1、... 的顺序。标签是任意整数或文本；实数是回"
        "归的目标。"
    ),
    "data source inline": (
        "直接写在配置中的样本。选项：``inputs``，每个样本一个嵌套列表，以及 ``targets``。普通列表"
        "中的整数 ``targets`` 是类别标签；由列表组成的是实数目标。``test_inputs`` 和 "
        "``test_targets``：测试集；``class_names``：标签 0、1、... 的名称。"
    ),
    "data source synthetic": (
        "由公式抽取的样本。选项：``problem``（xor、spirals：平面上的两个类别；sine：回归），``n``"
        " 和 ``n_test`` 个样本，``noise``（标准差）。由配置的种子抽取。"
    ),
    "data source memory": (
        "从 Python 传给 ``CNNClassifier`` 或 ``CNNRegressor`` 的数组。没有选项。这种训练的检查点"
        "与其他检查点一样可以预测；要评估它，需要再次传入数组。"
    ),
    "augmentation shift": "平移：每个方向最多移动 ``pixels`` 个整像素。",
    "augmentation random_crop": (
        "随机裁剪：四周补 ``padding`` 个零，再裁剪到原来的大小。等价于最多平移 ``padding`` 个像"
        "素；这是它在 CIFAR 中常用的名称。"
    ),
    "augmentation flip_horizontal": "左右翻转，概率为 ``share``。",
    "augmentation flip_vertical": "上下翻转，概率为 ``share``。",
    "augmentation rotation": "绕中心旋转，向两个方向最多 ``degrees`` 度。",
    "augmentation scale": "以中心缩放，因子在 1/(1 + ``by``) 和 1 + ``by`` 之间。",
    "augmentation shear": "水平错切，最多偏离竖直方向 ``degrees`` 度。",
    "augmentation elastic": (
        "弹性变形：每个像素按一个平滑的随机场移动。``alpha``：范数为 1 的场对应的位移，以像素计；"
        "``sigma``：场的平滑程度，以像素计。出处：Simard, Steinkraus & Platt 2003，第 2 节（其中 "
        "MNIST 用 alpha 34，sigma 4）。"
    ),
    "augmentation brightness": "亮度：样本乘以 1 - ``by`` 和 1 + ``by`` 之间的因子。",
    "augmentation contrast": "对比度：与样本均值的偏差乘以 1 - ``by`` 到 1 + ``by`` 之间的因子。",
    "augmentation cutout": (
        "遮挡：在随机位置把边长为 ``size`` 个像素的正方形设为 0。出处：DeVries & Taylor 2017。"
    ),
    "augmentation gaussian_noise": "高斯噪声：每个值加上 N(0, std²)。``std`` 以数据源的单位计。",
    "augmentation mixup": (
        "混合：λ x_a + (1 - λ) x_b，目标同样混合。λ 取自 Beta(``alpha``, ``alpha``)；标签变成软目"
        "标 (K, N)。出处：Zhang et al. 2018。"
    ),
}
