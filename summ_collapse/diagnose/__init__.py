"""A pool of candidates looked at, from a run or from bare files."""
