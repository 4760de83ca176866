"""Explanations of kinds and plans: formulas, options, shapes, and the location of the code.

May import: views/{arrays,formula,languages,tree} and below.
"""
