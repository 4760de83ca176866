"""A run on disk and on the terminal: folder, lock, checkpoints, logs, and events in words.

May import: training and below.
"""
