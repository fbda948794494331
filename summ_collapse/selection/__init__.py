"""Which candidates are kept: their order, strata, near-duplicates. Pure: arrays in, arrays out."""
