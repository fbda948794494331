"""summ_collapse: will training on this model-generated data help or hurt, and which verifier makes it help?"""

__version__ = "0.1.0"
