"""What each command does: one file or folder per command, which knows nothing of the command line.

May import: views, diagnostics, runs and below.
"""
