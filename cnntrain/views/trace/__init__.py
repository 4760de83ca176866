"""Traces of training steps with all values, as text, JSON or a page.

May import: views/{arrays,formula,tree}, views/explain and below.
"""
