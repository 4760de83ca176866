"""Arithmetic shared by several layers.

May import: errors, types, native.
"""
