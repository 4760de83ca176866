"""Arithmetic that several layers share.

May import: errors, types.
"""
