"""A graph of layers whose shapes are known before any array exists; its arrays, forward and
backward passes, and the objective it minimizes.

May import: layers, losses, and below.
"""
