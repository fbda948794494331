"""Scores of bare candidates by installed verifiers that need no run: no model, no reference, no other verifier's scores."""

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
import yaml
from pydantic import ValidationError

from summ_collapse.errors import InputError
from summ_collapse.plugins import plugin
from summ_collapse.recipe.errors import describe
from summ_collapse.verifiers.request import Request
from summ_collapse.verifiers.verifier import ModelFree


def built_in(text: str) -> ModelFree:
    """The verifier that `KIND` or `KIND,option=value,…` names, as in `length,prefer=short`; InputError where it needs a run."""
    kind, *further = text.split(",")
    options: dict[str, object] = {}
    for one in further:
        name, equals, value = one.partition("=")
        if not (name and equals):
            raise InputError(f"--verifier {text}: expected KIND,OPTION=VALUE, got {one!r}")
        try:
            options[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise InputError(f"--verifier {text}: {name}: expected a value, got {value!r}") from None
    made = plugin("verifiers", kind)
    if not issubclass(made, ModelFree):
        raise InputError(f"--verifier {text}: reads with a model; have a run score the candidates, and give --scores NAME=FILE")
    if made.reads_reference:
        raise InputError(f"--verifier {text}: reads the reference, and so knows the answer; it is a metric, see --metric")
    try:
        verifier = made.model_validate({"kind": kind, **options})
    except ValidationError as error:
        problems = "; ".join(describe(detail, made) for detail in error.errors())
        raise InputError(f"--verifier {text}: {problems}") from None
    for problem in verifier.problems(set()):
        raise InputError(f"--verifier {text}: {problem}")
    if verifier.sources:
        raise InputError(f"--verifier {text}: reads other verifiers' scores, which only a run has")
    return verifier


def scored(text: str, keys: Sequence[tuple[str, int]], candidates: Sequence[str], documents: Sequence[str] | None) -> np.ndarray:
    """Every candidate's score by what `text` names, (rows,) float64; InputError where it reads documents and there are none."""
    verifier = built_in(text)
    if verifier.samples > 1 and len({identifier for identifier, _ in keys}) == len(keys):
        raise InputError(f"--verifier {text}: expected several candidates of a document, told apart by `sample`")
    told = Missing(text) if documents is None else documents
    request = Request(keys, candidates, told, [None] * len(keys), seed=0, batch_size=1, reader=None)
    return np.asarray(verifier.score(request).score, dtype=np.float64)


class Missing(Sequence[str]):
    """Documents that nobody gave: a verifier that reads one is told so."""

    def __init__(self, verifier: str) -> None:
        self.verifier = verifier

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        raise InputError(f"--verifier {self.verifier}: reads documents; expected --documents FILE with `id`, `document`")

    def __iter__(self) -> Iterator[str]:
        return iter([self[0]])

    def __len__(self) -> int:
        return len(self[0])
