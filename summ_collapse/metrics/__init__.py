"""How a text compares with its reference, and how sure a mean is. One file a family; entry-point group `summ_collapse.metrics`."""
