"""What each command does, one file per command, without a word about the command line.

May import: views, diagnostics, runs and below.
"""
