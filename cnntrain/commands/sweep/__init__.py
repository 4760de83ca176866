"""``cnntrain sweep``: many trials of one config, each a run of its own in a process of its own.

May import: commands/{fit,report}, views, runs and below.
"""
