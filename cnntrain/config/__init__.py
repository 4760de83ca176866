"""The only reader of YAML: parser -> document -> compose -> plan, errors with their place.

May import: network and below.
"""
