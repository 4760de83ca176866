"""The texts of reports and their pictures."""

REPORT = {
    "picture.no_font": (
        "提示：matplotlib 在这台机器上没有找到含中文的字体：PNG 和 PDF 中的汉字会显示为方框，"
        "SVG 和报告则使用查看者的字体。请安装一种中文字体，如 Noto Sans CJK"
        "（Debian 和 Ubuntu：软件包 fonts-noto-cjk）"
    ),
}
