"""An experiment and a state become a stream of events; nothing here knows a file or a terminal.

May import: config and below.
"""
