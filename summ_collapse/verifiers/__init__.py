"""How good a candidate is: one file a verifier, higher scores better. Entry-point group `summ_collapse.verifiers`."""
