"""The only reader of YAML: parser -> document -> compose -> plan, errors with their positions.

May import: network and below.
"""
