"""What a kind or a plan is: formulas, options, shapes, and where the code is.

May import: views/{arrays,formula,tree} and below.
"""
