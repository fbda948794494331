"""How a text compares with its reference, and how sure a mean is.

One file a family of metrics; entry-point group `summ_collapse.metrics`.
"""
