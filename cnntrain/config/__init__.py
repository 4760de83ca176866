"""The only reader of YAML: text -> document -> frozen plan."""
