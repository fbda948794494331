"""`prepare`: a task's examples, cleaned, split, and put in the order that nested slices are cut from.

Out come `train.parquet` and `test.parquet`. The column `slice_rank` of train is the row's place in the order by hash of id:
the slice of a share f is the rows with slice_rank < round(f * rows), so that slices nest.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, JsonValue, SerializeAsAny

from summ_collapse import store
from summ_collapse.errors import InputError
from summ_collapse.recipe.resolve import Name, described, pinned
from summ_collapse.records import EXAMPLE, check, keys_of
from summ_collapse.selection.order import by_hash, places
from summ_collapse.stages.size import Size
from summ_collapse.stages.stage import Context, Outcome, Stage
from summ_collapse.store import Artifact
from summ_collapse.tasks.task import Task


class Prepare(Stage):
    """A task's examples, cleaned and split."""

    kind: ClassVar[str] = "prepare"
    inputs: ClassVar[Mapping[str, str]] = {}
    gives: ClassVar[str] = "examples"
    task: SerializeAsAny[Task] = Field(description="the options of an installed task")
    names: dict[str, Name] = Field(description="what the task's names of data stand for")

    def described(self) -> dict[str, JsonValue]:
        """Content in the place of paths; what is declared for plans alone is left out."""
        left = {"size", "revision"} | (set() if self.task.unlabelled else {"unlabelled"})
        return {"task": described(self.task, self.names, exclude=left, exclude_none=True)}

    def size(self, of: Mapping[str, Size]) -> Size:
        """The rows that the recipe declares; more is known once they are read."""
        expected = self.task.expected()
        return Size(expected.get("train"), expected.get("test"), completion=expected.get("summary_tokens"))

    def run(self, context: Context) -> Outcome:
        """Read, reject, split. InputError where ids repeat, or more rows are rejected than the recipe allows."""
        # Of a hub data set, the very commit that was fingerprinted.
        return _prepared(pinned(self.task, self.names), context)


def _prepared(options: Task, context: Context) -> Outcome:
    splits = options.splits()
    rows_read = {split: table.num_rows for split, table in splits.items()}
    rows_in = sum(rows_read.values())
    _check_ids(splits)
    rejected: Counter[str] = Counter()
    cleaned = {split: _without_empty(table, rejected, options.unlabelled and split != "test") for split, table in splits.items()}
    if "all" in cleaned:
        labelled = cleaned["all"].num_rows - cleaned["all"]["summary"].null_count
        cleaned = _split(cleaned["all"], options.test_rows(labelled), options.split_seed)
    train, test = cleaned["train"], cleaned["test"]
    train = _without_repeats(train, test, rejected)
    rejected = +rejected  # without the reasons that no row has
    if sum(rejected.values()) > options.max_rejected * rows_in:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(rejected.items()))
        raise InputError(
            f"task.data: {sum(rejected.values())} of {rows_in} rows are unusable ({reasons}); "
            f"at most {options.max_rejected:.1%} may be. Clean the data, or raise task.max_rejected"
        )
    ranks = _labelled_first(by_hash(f"slices {options.split_seed}", keys_of(train)), train)
    train = train.append_column("slice_rank", pa.array(ranks, pa.int64()))
    for name, table in (("train", train), ("test", test)):
        store.write_table(context.out / f"{name}.parquet", check(table, EXAMPLE, name))
    practice = options.practice()
    if practice is not None:
        store.write_table(context.out / "practice.parquet", practice)
    context.progress(rows_in, rows_in)
    part: dict[str, JsonValue] = {"part": options.part_read()} if options.part_read() else {}
    notes: dict[str, JsonValue] = {"train_rows": train.num_rows, "test_rows": test.num_rows, "rows_read": {**rows_read}, **part}
    return Outcome(rows_in, train.num_rows + test.num_rows, dict(sorted(rejected.items())), notes=notes)


@dataclass(frozen=True)
class Counts:
    """Rows to learn from and rows held out, once `prepare` has run."""

    train: int
    test: int

    @classmethod
    def of(cls, examples: Artifact) -> "Counts":
        return cls.of_notes(examples.manifest["notes"])

    @classmethod
    def of_notes(cls, notes: Mapping[str, Any]) -> "Counts":
        """From what `prepare` notes of its outcome."""
        return cls(notes["train_rows"], notes["test_rows"])


def fold(text: str) -> str:
    """What two texts share when they differ in white space and case alone."""
    return " ".join(text.casefold().split())


def _check_ids(splits: dict[str, pa.Table]) -> None:
    seen: dict[str, str] = {}
    for split, table in splits.items():
        for row, identifier in enumerate(table["id"].to_pylist(), start=1):
            here = f"row {row}" if split == "all" else f"{split} row {row}"
            if identifier in seen:
                raise InputError(
                    f"task.data: {here}: expected each id once, got {identifier!r} again (first in {seen[identifier]})"
                )
            seen[identifier] = here


def _without_empty(table: pa.Table, rejected: Counter[str], unlabelled: bool) -> pa.Table:
    """Rows with both texts; where `unlabelled` ones may stay, a summary that is empty is none."""
    if unlabelled:
        summaries = [text if text and text.strip() else None for text in table["summary"].to_pylist()]
        place = table.schema.get_field_index("summary")
        table = table.set_column(place, "summary", pa.array(summaries, pa.string()))
    for column in ("document",) if unlabelled else ("document", "summary"):
        texts = table[column].to_pylist()
        keep = np.array([text is not None and bool(text.strip()) for text in texts], dtype=bool)
        missing = sum(text is None for text in texts)
        rejected[f"missing {column}"] += missing
        rejected[f"empty {column}"] += int((~keep).sum()) - missing
        table = table.filter(pa.array(keep))
    return table


def _labelled_first(ranks: np.ndarray, table: pa.Table) -> np.ndarray:
    """The same order, with rows that have no reference behind all others."""
    return places(np.lexsort((ranks, table["summary"].is_null().to_numpy())))


def _split(table: pa.Table, test_rows: int, seed: int) -> dict[str, pa.Table]:
    """The `test_rows` rows with a reference that come first by hash of id are the test set; both parts keep the order."""
    is_test = _labelled_first(by_hash(f"split {seed}", keys_of(table)), table) < test_rows
    return {"train": table.filter(pa.array(~is_test)), "test": table.filter(pa.array(is_test))}


def _without_repeats(train: pa.Table, test: pa.Table, rejected: Counter[str]) -> pa.Table:
    """Train without documents that the test set has too, and with each document once."""
    in_test = {fold(document) for document in test["document"].to_pylist()}
    seen: set[str] = set()
    keep = []
    for document in train["document"].to_pylist():
        folded = fold(document)
        reason = "overlap with test" if folded in in_test else "duplicate document" if folded in seen else None
        if reason:
            rejected[reason] += 1
        seen.add(folded)
        keep.append(reason is None)
    return train.filter(pa.array(keep, pa.bool_()))


def slice_of(train: pa.Table, share: float) -> pa.Table:
    """The nested slice of a share of the training rows, in source order."""
    return between(train, 0, slice_rows(train.num_rows, share))


def between(train: pa.Table, first: int, end: int) -> pa.Table:
    """The rows from place `first` to before `end` in the order of slices, which is one by hash; in source order."""
    ranks = train["slice_rank"]
    return train.filter(pc.and_(pc.greater_equal(ranks, first), pc.less(ranks, end)))


def slice_rows(rows: int, share: float) -> int:
    """How many rows the slice of a share has."""
    return round(rows * share)


def overlap(examples: Artifact, share: float, ids: Sequence[str]) -> float:
    """How many of `ids` stand in the slice of a share of the training rows, as a share of them (0-1)."""
    of_slice = set(slice_of(examples.table("train", ["id", "slice_rank"]), share)["id"].to_pylist())
    return float(np.mean([identifier in of_slice for identifier in ids]))
