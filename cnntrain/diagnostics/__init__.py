"""Diagnostics: gradient checking, a self-test before training, and timing.

May import: training and below; not runs.
"""
