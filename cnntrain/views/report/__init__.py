"""Finished and running trainings as pages and learning curves.

May import: views/{arrays,formula,tree} and below.
"""
