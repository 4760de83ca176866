"""The texts of the page of a trace."""

PAGE = {
    "page.recipe": "由它所依赖的数逐行算出",
    "page.fromOutput": "从网络的输出到 δ = ∂C/∂z",
    "page.formulaAbove": "由上面的公式得出",
    "page.change": "由梯度和优化器的记忆得到改变量",
    "page.oldPlusChange": "旧值加上改变量",
    "page.value": "数值",
    "page.pickOne": "点击输入或权重中的一个数",
    "page.nudge": "微调",
    "page.repeat": "重复更新",
    "page.reset": "还原",
    "page.playTitle": "动手试试：改一个数，其余随之改变",
    "page.gamma": "δ 乘以 x̂，对共用这个 γ 的所有位置求和",
    "page.beta": "对共用这个 β 的所有位置的 δ 求和",
}
