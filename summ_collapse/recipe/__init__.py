"""What an experiment is: the schema and its blocks, the YAML file and its overrides, errors, and what names stand for."""
