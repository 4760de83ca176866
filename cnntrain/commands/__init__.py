"""What each command does: one file per command, which knows nothing of the command line.

May import: views, diagnostics, runs and below.
"""
