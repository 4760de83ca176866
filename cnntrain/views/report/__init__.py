"""Finished and running trainings as pages and learning curves.

May import: views/{arrays,formula,languages,tree} and below.
"""
