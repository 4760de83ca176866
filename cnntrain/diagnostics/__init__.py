"""Numerical proof of gradients, a check of a training before it starts, and where time goes.

May import: training and below; not runs.
"""
