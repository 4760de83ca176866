"""Samples to be predicted: images, arrays, tables, in portions of bounded size, without targets.

May import: errors, types, rng, registry, text, files, ops, the rest of data.
"""
