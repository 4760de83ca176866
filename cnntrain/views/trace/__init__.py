"""One training step with all its numbers, as text, JSON or a page.

May import: views/{arrays,formula,tree}, views/explain and below.
"""
