"""Rows, memory, operations and hours before a run, and the preflight checks."""
