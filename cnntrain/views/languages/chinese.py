"""The texts in Chinese."""

CHINESE = {
    "page.recipe": "由它所依赖的数逐行算出",
    "page.fromOutput": "从网络的输出到 δ = ∂C/∂z",
    "page.formulaAbove": "由上面的公式得出",
    "page.change": "由梯度和优化器的记忆得到改变量",
    "page.oldPlusChange": "旧值加上改变量",
}
