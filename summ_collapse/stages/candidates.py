"""`candidates`: a user's file of generations as a pool, matched to the examples by id.

Texts may stand under the names that other tools write (`candidate`, `generation`, `response`, `completion`, `output`), as lists
of several a row, or as the last message of a conversation.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
from pydantic import Field, JsonValue

from summ_collapse import store
from summ_collapse.errors import InputError
from summ_collapse.files.columns import LARGEST
from summ_collapse.files.rows import read_rows
from summ_collapse.recipe.resolve import Name
from summ_collapse.records import CANDIDATE, check
from summ_collapse.stages.prepare import between, slice_rows
from summ_collapse.stages.size import Size
from summ_collapse.stages.stage import Context, Outcome, Stage

TEXTS = ("candidate", "generation", "response", "completion", "output")
CUT_OFF = ("length", "max_tokens")  # what writers call a text that met its limit

Row = tuple[str, int, str | None, str]  # id, sample, text, finish


class Candidates(Stage):
    """What somebody else's model wrote; rows in the order of the examples. How many tokens they have is not known: 0."""

    kind: ClassVar[str] = "candidates"
    inputs: ClassVar[Mapping[str, str]] = {"examples": "examples"}
    gives: ClassVar[str] = "candidates"
    file: Name = Field(description="what the file's name stands for")
    samples: int = Field(description="candidates a document, as the recipe declares for plans")
    excluded_slice: float = Field(0.0, ge=0, le=1, description="share of the training rows whose candidates are left out")

    def described(self) -> dict[str, JsonValue]:
        return self.model_dump(mode="json", exclude={"samples"}, exclude_none=True)

    def size(self, of: Mapping[str, Size]) -> Size:
        """Unknown until it is read."""
        return Size(None, samples=self.samples, completion=of["examples"].completion)

    def run(self, context: Context) -> Outcome:
        """Write `candidates.parquet`. InputError where a row has no id or no text, or nothing of the file is of use."""
        examples = context.inputs["examples"].table("train", ["id", "slice_rank"])
        place = {identifier: row for row, identifier in enumerate(examples["id"].to_pylist())}
        excluded = between(examples, 0, slice_rows(examples.num_rows, self.excluded_slice))
        learnt = set(excluded["id"].to_pylist())
        path, rejected, read = Path(self.file.place), Counter[str](), 0
        keys: set[tuple[str, int]] = set()
        texts: set[tuple[str, str]] = set()
        kept: list[Row] = []
        for row in candidates_of(path):
            identifier, sample, text, finish = row
            read += 1
            reason = None
            if identifier not in place:
                reason = "no such document"
            elif identifier in learnt:
                reason = "of the real slice"
            elif text is None or not text.strip():
                reason = "empty"
            elif finish in CUT_OFF:
                reason = "truncated"
            elif (identifier, sample) in keys:
                reason = "repeated key"
            elif (identifier, text) in texts:
                reason = "repeated text"
            if reason is not None or text is None:
                rejected[reason or "empty"] += 1
                continue
            keys.add((identifier, sample))
            texts.add((identifier, text))
            kept.append(row)
        if not kept:
            why = ", ".join(f"{count:,} {reason}" for reason, count in sorted(rejected.items()))
            raise InputError(f"{path}: expected candidates of the task's training rows, got none that is of use ({why})")
        kept.sort(key=lambda row: (place[row[0]], row[1]))
        ids, samples, written, _ = zip(*kept, strict=True)
        table = pa.table([ids, samples, written, [0] * len(kept), ["stop"] * len(kept)], names=CANDIDATE.names)
        store.write_table(context.out / "candidates.parquet", check(table, CANDIDATE, "candidates"))
        context.progress(read, read)
        notes: dict[str, JsonValue] = {"candidates": len(kept), "documents": len(set(ids))}
        return Outcome(read, len(kept), dict(sorted(rejected.items())), notes=notes)


def candidates_of(path: Path) -> Iterator[Row]:
    """Every candidate of a file; InputError names the row that has no id or no text.

    A row without a `sample` is the next one of its document.
    """
    seen: Counter[str] = Counter()
    for where, record in read_rows(path):
        identifier = record.get("id")
        if not isinstance(identifier, (str, int)) or isinstance(identifier, bool):
            raise InputError(f"{path}: {where}: expected an `id`, text or a whole number, got {identifier!r}")
        texts = _texts(path, where, record)
        finishes = _finishes(path, where, record, len(texts))
        first = _sample(path, where, record, seen[str(identifier)])
        for number, (text, finish) in enumerate(zip(texts, finishes, strict=True)):
            yield str(identifier), first + number, text, finish
        seen[str(identifier)] += len(texts)


def _sample(path: Path, where: str, record: Mapping[str, object], following: int) -> int:
    sample = record.get("sample")
    if sample is None or sample == "":
        return following
    if not str(sample).isdecimal() or int(str(sample)) > LARGEST:
        raise InputError(f"{path}: {where}: expected a whole number from 0 under `sample`, got {sample!r}")
    return int(str(sample))


def _finishes(path: Path, where: str, record: Mapping[str, object], texts: int) -> list[str]:
    """How each text ended; `stop` where nothing is said."""
    told = record.get("finish", record.get("finish_reason")) or "stop"
    if not isinstance(told, list):
        return [str(told)] * texts
    if len(told) != texts:
        raise InputError(f"{path}: {where}: expected how each of {texts} texts finished, got {len(told)}")
    return [str(one or "stop") for one in told]


def _texts(path: Path, where: str, record: Mapping[str, object]) -> list[str | None]:
    """The texts of a row."""
    name = next((name for name in TEXTS if name in record), None)
    if name is None and "messages" in record:
        return [_last_message(path, where, record["messages"])]
    if name is None:
        found = ", ".join(map(str, record)) or "nothing"
        raise InputError(f"{path}: {where}: expected one of {', '.join(TEXTS)} or messages, found {found}")
    value = record[name]
    texts: list[str | None] = []
    for text in value if isinstance(value, list) else [value]:
        if text is not None and not isinstance(text, str):
            raise InputError(f"{path}: {where}: expected text under `{name}`, got {text!r}")
        texts.append(text)
    return texts or [None]


def _last_message(path: Path, where: str, messages: object) -> str:
    last = messages[-1] if isinstance(messages, list) and messages else None
    if not isinstance(last, dict) or last.get("role") != "assistant" or not isinstance(last.get("content"), str):
        raise InputError(f"{path}: {where}: expected messages that end with the assistant's, got {last!r}")
    return str(last["content"])
