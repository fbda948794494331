"""How good a candidate is: one file a verifier, higher scores better. Entry-point group `summ_collapse.verifiers`.

A verifier is a light options class with

    problems(models)   what contradicts the rest of the recipe, as messages; `models` are the names it may refer to
    model, train       for one that reads with a model: its reference, and how to fine-tune it first (or None)
    score(request)     the scores of a chunk of candidates

and imports whatever is heavy inside `score`.
"""
