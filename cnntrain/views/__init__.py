"""Read-only views of networks, kinds, training steps and runs.

May import: runs and below; not diagnostics.
"""
