"""A learner's own forward and backward functions, run apart and checked against derivatives.

May import: diagnostics/finding, network and below.
"""
