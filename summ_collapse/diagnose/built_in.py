"""Scores of bare candidates by installed verifiers that need no run: those without a model, and those whose model is on disk."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import yaml
from pydantic import ValidationError

from summ_collapse.errors import InputError
from summ_collapse.plugins import plugin
from summ_collapse.recipe.errors import describe
from summ_collapse.recipe.resolve import Name
from summ_collapse.stages.reading import Reading
from summ_collapse.tasks.prompt import PLACEHOLDER
from summ_collapse.verifiers.request import Request
from summ_collapse.verifiers.verifier import Verifier

if TYPE_CHECKING:
    from summ_collapse.models.encoder import Encoder

BATCH = 16  # completions a forward pass


@dataclass(frozen=True)
class Shown:
    """How a model is shown a document; what the task says in a recipe."""

    prompt: str = f"{PLACEHOLDER}\n\nTL;DR:"
    max_document_tokens: int = 1024


def built_in(text: str) -> Verifier:
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
    if made.reads_reference:
        raise InputError(f"--verifier {text}: reads the reference, and so knows the answer; it is a metric, see --metric")
    try:
        verifier = made.model_validate({"kind": kind, **options})
    except ValidationError as error:
        problems = "; ".join(describe(detail, made) for detail in error.errors())
        raise InputError(f"--verifier {text}: {problems}") from None
    if verifier.train is not None:
        raise InputError(f"--verifier {text}: train: fine-tuning takes a run; expected a model that is trained already")
    for folder in _folders(verifier):
        if not Path(folder).is_dir():
            raise InputError(f"--verifier {text}: expected a model's folder on disk, found none at {folder}")
    for problem in verifier.problems({verifier.model}):
        raise InputError(f"--verifier {text}: {problem}")
    if verifier.sources:
        raise InputError(f"--verifier {text}: reads other verifiers' scores, which only a run has")
    return verifier


def scored(
    text: str, keys: Sequence[tuple[str, int]], candidates: Sequence[str], documents: Sequence[str] | None, shown: Shown
) -> np.ndarray:
    """Every candidate's score by what `text` names, (rows,) float64; InputError where it reads documents and there are none."""
    verifier = built_in(text)
    if verifier.samples > 1 and len({identifier for identifier, _ in keys}) == len(keys):
        raise InputError(f"--verifier {text}: expected several candidates of a document, told apart by `sample`")
    told = Missing(text) if documents is None else documents
    reader = _reader(verifier, shown) if _folders(verifier) else None
    request = Request(keys, candidates, told, [None] * len(keys), seed=0, batch_size=BATCH, reader=reader)
    return np.asarray(verifier.score(request).score, dtype=np.float64)


def _reader(verifier: Verifier, shown: Shown) -> Callable[[], Any]:
    """Loads what the verifier reads with: its model, or its adapter over it."""
    roles = ("model", "model" + Reading.below)
    models = {role: Name(place=folder) for role, folder in zip(roles, _folders(verifier), strict=False)}
    reading = Reading(
        prompt=shown.prompt,
        max_document_tokens=shown.max_document_tokens,
        models=models,
        dtype="auto",
        attention="sdpa",
        threads=1,
    )
    source = reading.source({})

    def encoding() -> "Encoder":
        try:
            return reading.encoder(source, 1)
        except InputError as error:  # it speaks of a recipe's key
            raise InputError(f"--max-document-tokens {shown.max_document_tokens}: {error}") from None

    return lambda: verifier.load(source, encoding)


def _folders(verifier: Any) -> list[str]:
    """Where what it reads with lies, that on top first: an adapter and the model below it, a model, or nothing."""
    return [folder for folder in (verifier.adapter, verifier.model) if folder is not None]


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
