"""How good a candidate is: one file a verifier, higher scores better. Entry-point group `summ_collapse.verifiers`.

A verifier is a light options class with

    model, train       the model it reads with, and how to fine-tune that first; None where there is none
    adapter            an adapter over that model, by path or hub id; None where there is none
    sources            the verifiers whose scores it reads, by name; it then scores all candidates at once
    samples            how many candidates a document it needs at least
    at_random          whether it knows nothing: what every other verifier has to beat
    attack             how it tampers with another verifier's scores; None where it does not
    reads_reference    whether it is an oracle, which could not be had where references are missing
    problems(models)   what contradicts the rest of the recipe, as messages; `models` are the names it may refer to
    load(source, encoder)  what it reads with, of the model that it names: a causal model, a classifier; loaded once a stage
    score(request)     the scores of a chunk of candidates; all candidates of a document are in one chunk

and imports whatever is heavy inside `score`. One that needs no model derives from `ModelFree`.
"""
