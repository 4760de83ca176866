"""cnntrain from Python: ``load``, ``fit`` and estimators for scikit-learn.

May import: everything but cli.
"""
