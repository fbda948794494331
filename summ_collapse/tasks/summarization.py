"""`summarization`: any hub dataset, or a local JSONL, CSV or Parquet file or folder, with columns named in the recipe.

A folder holds files called `train.*` and `test.*`, or just data files. Where the data is laid out otherwise, as by language,
`folder` or `files` says which of its files are read. Where there is no test split, one is drawn from `split_seed`.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field, JsonValue, field_validator, model_validator

from summ_collapse.errors import InputError
from summ_collapse.files.rows import read_table
from summ_collapse.metrics.references import COLUMNS, Counting
from summ_collapse.recipe.blocks import Options
from summ_collapse.recipe.names import DATA_SUFFIXES, DataName
from summ_collapse.tasks import part
from summ_collapse.tasks.prompt import PLACE, PLACEHOLDER, Template, columns_in
from summ_collapse.tasks.task import Task


class Size(Options):
    """Declared sizes, for planning where the data is not at hand."""

    train: int = Field(gt=0, description="training rows")
    test: int = Field(gt=0, description="test rows")
    document_tokens: int = Field(gt=0, description="mean tokens of a document")
    summary_tokens: int = Field(gt=0, description="mean tokens of a summary")


class Summarization(Task):
    """Documents and reference summaries from a file, a folder or the hub.

    Where there are train and test splits, others (such as validation) are not read.
    """

    kind: Literal["summarization"]
    data: DataName = Field(description="hub id, or a local JSONL, CSV or Parquet file or folder")
    revision: str | None = Field(None, description="hub revision: branch, tag or commit")
    subset: str | None = Field(None, description="configuration of a hub dataset, such as a language")
    folder: str | None = Field(
        None, pattern=r"^[\w-][\w./-]*$", description="part of the data, such as a language, that lies in FOLDER/SPLIT/*.parquet"
    )
    files: dict[str, str] | None = Field(
        None, description="patterns of files below the data's folder, for train and test or for all; instead of `folder`"
    )
    document: str = Field(
        "document",
        description="column with the text to summarise; or a template of several, such as '{question} {story}': what is long "
        "comes last, where it is cut",
    )
    summary: str = Field("summary", description="column with the reference summary")
    references: Counting | None = Field(
        None,
        description="which of several references counts, where the column of summaries has lists: best (where absent) or mean",
    )
    id: str = Field("id", description="column with the row's id; numbered rows where the data has none")
    columns: list[str] | None = Field(
        None, description="further columns to keep, as text: what a selection may keep the mixture of"
    )
    prompt: Template = Field("{document}\n\nTL;DR:", description="what the model reads; {document} stands for the document")
    max_document_tokens: int = Field(1024, gt=0, description="tokens of a document that a model reads; the rest is cut")
    test_share: float = Field(0.1, gt=0, lt=1, description="share of rows held out where the data has no test split")
    size: Size | None = Field(None, description="declared sizes, for plans made without the data")

    @field_validator("columns")
    @classmethod
    def _not_ours(cls, columns: list[str] | None) -> list[str] | None:
        taken = {"id", "document", "summary", "slice_rank", *COLUMNS.values()} & set(columns or ())
        if taken or len(set(columns or ())) < len(columns or ()):
            raise ValueError(
                f"expected each name once, and none of id, document, summary, slice_rank, best_of, mean_of; got {columns}"
            )
        return columns

    @model_validator(mode="after")
    def _one_way_to_name_a_part(self) -> "Summarization":
        given = [name for name in ("subset", "folder", "files") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"expected one of subset, folder and files, got {' and '.join(given)}")
        if self.patterns is not None:
            part.checked(self.patterns)
        return self

    @property
    def patterns(self) -> dict[str, str] | None:
        """Patterns of the files that are read, by split; None where the data's own layout says."""
        return part.of_folder(self.folder) if self.folder is not None else self.files

    def part_read(self) -> dict[str, JsonValue]:
        """The configuration, folder or patterns that were asked for."""
        named: dict[str, JsonValue] = self.model_dump(include={"subset", "folder", "files"}, exclude_none=True)
        return named

    def expected(self) -> dict[str, int]:
        """Declared rows and tokens; empty where the recipe declares none."""
        return self.size.model_dump() if self.size else {}

    def test_rows(self, rows: int) -> int:
        """Rows to hold out of `rows` that come without a test split."""
        return max(1, round(rows * self.test_share))

    def splits(self) -> dict[str, pa.Table]:
        """Examples by split: {"train", "test"}, or {"all"} where the data has no test split."""
        path, patterns = Path(self.data), self.patterns
        if patterns is not None:
            return self._part(path if path.is_absolute() else part.snapshot(self.data, self.revision, patterns), patterns)
        return self._local_splits(path) if path.is_absolute() else self._hub_splits()

    def _part(self, root: Path, patterns: Mapping[str, str]) -> dict[str, pa.Table]:
        if not root.is_dir():
            raise InputError(f"task.data: {root}: expected a folder, of which task.folder or task.files names a part")
        files = part.found(root, patterns, self.data)
        return {
            split: self._named(part.read(paths, f"{self.data} {split}"), f"{self.data} {split}", split)
            for split, paths in files.items()
        }

    def _local_splits(self, path: Path) -> dict[str, pa.Table]:
        if path.is_file():
            return {"all": self._named(read_table(path), str(path), "row")}
        files = sorted(file for file in path.iterdir() if file.suffix in DATA_SUFFIXES)
        if not files:
            raise InputError(
                f"{path}: expected files that end in {', '.join(DATA_SUFFIXES)}, found none; task.folder or task.files names "
                "those that lie in folders below it"
            )
        # `train.jsonl`, `train-00000-of-00002.parquet`, `test_en.csv`: what stands first says which split it is.
        groups: dict[str, list[Path]] = {}
        for file in files:
            groups.setdefault(re.split(r"[-_.]", file.name)[0], []).append(file)
        if bool(groups.get("train")) != bool(groups.get("test")):
            raise InputError(f"{path}: expected files for both train and test, found only {[file.name for file in files]}")
        groups = {split: groups[split] for split in ("train", "test")} if "train" in groups else {"all": files}
        read = {split: [self._named(read_table(file), str(file), file.name) for file in group] for split, group in groups.items()}
        _check_alike({file: table for split, group in groups.items() for file, table in zip(group, read[split], strict=True)})
        return {split: pa.concat_tables(tables) for split, tables in read.items()}

    def _hub_splits(self) -> dict[str, pa.Table]:
        from datasets import load_dataset

        try:
            loaded = load_dataset(self.data, self.subset, revision=self.revision)
        except Exception as error:  # a script's RuntimeError, a builder's, an HTTP client's: they share no base class
            raise part.unreadable(self.data, error) from error
        names = {"train": "train", "test": "test"} if {"train", "test"} <= set(loaded) else {"all": next(iter(loaded))}
        return {split: self._named(loaded[name].data.table, f"{self.data} {name}", name) for split, name in names.items()}

    def _named(self, table: pa.Table, source: str, prefix: str) -> pa.Table:
        """The columns of an Example and the further ones; rows are numbered where there is no id column."""
        meant = [name for name in columns_in(self.prompt) if f"{{{name}}}" != PLACEHOLDER and name in table.column_names]
        if meant:
            raise InputError(
                f"task.prompt: {{{meant[0]}}} is a column of {source}, and a prompt has {PLACEHOLDER} alone; further columns "
                f"stand in task.document, such as '{{{meant[0]}}} {{{self.document}}}', ahead of what may be cut"
            )
        given = columns_in(self.document) or [self.document]
        needed = [("columns", name) for name in self.columns or ()] + [("document", name) for name in given]
        needed.append(("summary", self.summary))
        # Data without ids is fine, but not without those that somebody asks for.
        for key, name in [*needed, *([("id", self.id)] if self.id != "id" else [])]:
            if name not in table.column_names:
                raise InputError(f"{source}: expected a column {name!r} (task.{key}), found {', '.join(table.column_names)}")
        if self.id in table.column_names:
            values = table[self.id].to_pylist()
            if None in values:
                raise InputError(f"{source}: row {values.index(None) + 1}: expected an id in column {self.id!r}, got none")
            ids = [str(value) for value in values]
        else:
            ids = [f"{prefix}-{row:08d}" for row in range(table.num_rows)]
        documents, references = self._documents(table, given, source), _references(table, self.summary, source)
        several: dict[str, pa.Array] = {}
        if pa.types.is_list(references.type):
            several[COLUMNS[self.references or "best"]] = references
        elif self.references is not None:
            raise InputError(f"{source}: task.references: expected lists in column {self.summary!r}, found texts")
        # What models learn from is the first of them.
        summaries = [texts[0] if texts else None for texts in references.to_pylist()] if several else references
        # As text, so that files whose types differ make one table.
        further = {name: _as_text(table[name].to_pylist()) for name in self.columns or ()}
        return pa.table(
            {
                "id": pa.array(ids, pa.string()),
                "document": documents,
                "summary": pa.array(summaries, pa.string()),
                **several,
                **further,
            }
        )

    def _documents(self, table: pa.Table, given: list[str], source: str) -> pa.Array:
        """The column, or the template filled in; a row that lacks one of its columns has no document."""
        if given == [self.document]:
            return _texts(table, self.document, source)
        columns = [_as_text(table[name].to_pylist()).to_pylist() for name in given]
        return pa.array(
            [self._filled(dict(zip(given, values, strict=True))) for values in zip(*columns, strict=True)], pa.string()
        )

    def _filled(self, values: Mapping[str, str | None]) -> str | None:
        """The template with a row's values; as empty, or missing, as the emptiest of them."""
        if None in values.values():
            return None
        if not all(str(value).strip() for value in values.values()):
            return ""
        # By one substitution, so that braces in a text are a text's.
        return PLACE.sub(lambda found: str(values[found[1]]), self.document)


def _check_alike(tables: Mapping[Path, pa.Table]) -> None:
    """InputError where some files have lists of references and others none."""
    lists = {file for file, table in tables.items() if set(COLUMNS.values()) & set(table.column_names)}
    if lists and len(lists) < len(tables):
        other = next(file for file in tables if file not in lists)
        raise InputError(f"{other}: expected lists of references, as {min(lists)} has them, found texts")


def _texts(table: pa.Table, column: str, source: str) -> pa.Array:
    values = table[column].to_pylist()
    for row, value in enumerate(values, start=1):
        if value is not None and not isinstance(value, str):
            raise InputError(f"{source}: row {row}: expected text in column {column!r}, got {type(value).__name__}")
    return pa.array(values, pa.string())


def _references(table: pa.Table, column: str, source: str) -> pa.Array:
    """The column as text, or as lists of texts without empty ones where it has lists."""
    values = table[column].to_pylist()
    if not any(isinstance(value, list) for value in values):
        return _texts(table, column, source)
    found = []
    for row, value in enumerate(values, start=1):
        texts = [] if value is None else value if isinstance(value, list) else [value]
        wrong = next((text for text in texts if not isinstance(text, str)), None)
        if wrong is not None:
            raise InputError(f"{source}: row {row}: expected texts in column {column!r}, got {type(wrong).__name__} among them")
        found.append([text for text in texts if text.strip()])
    return pa.array(found, pa.list_(pa.string()))


def _as_text(values: list[Any]) -> pa.Array:
    return pa.array([None if value is None else str(value) for value in values], pa.string())
