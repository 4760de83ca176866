"""Finished and running trainings as pages and curves.

May import: views/{arrays,formula,tree} and below.
"""
