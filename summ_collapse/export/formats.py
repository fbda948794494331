"""Rows and pairs in the forms that trainers read: one function a form, a line or row at a time.

`prompt-completion` and `messages` are TRL's SFT forms; axolotl (`chat_template`) and LLaMA-Factory (`sharegpt` with OpenAI's
tags) read messages too. `preference` is TRL's DPO form with its prompt apart.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from summ_collapse import store
from summ_collapse.export import Form
from summ_collapse.tasks.prompt import Prompt


@dataclass(frozen=True)
class Shown:
    """How a document is put before the model that is to learn."""

    prompt: Prompt
    system: str | None = None

    def text(self, document: str) -> str:
        return self.prompt.head + document + self.prompt.tail

    def after(self, completion: str) -> str:
        """A completion as it follows the prompt: behind a blank, unless the prompt ends in one."""
        return completion if not completion or self.prompt.tail[-1:].isspace() else f" {completion}"


def _prompt_completion(row: Mapping[str, Any], shown: Shown) -> dict[str, Any]:
    return {"prompt": shown.text(row["document"]), "completion": shown.after(row["completion"])}


def _messages(row: Mapping[str, Any], shown: Shown) -> dict[str, Any]:
    system = [] if shown.system is None else [{"role": "system", "content": shown.system}]
    asked = {"role": "user", "content": shown.text(row["document"])}
    return {"messages": [*system, asked, {"role": "assistant", "content": row["completion"]}]}


def _preference(row: Mapping[str, Any], shown: Shown) -> dict[str, Any]:
    """A pair that shares a beginning has it in its prompt: both sides go on from there."""
    prompt = shown.text(row["document"])
    if not row["prefix"]:
        return {"prompt": prompt, "chosen": shown.after(row["chosen"]), "rejected": shown.after(row["rejected"])}
    return {"prompt": prompt + shown.after(row["prefix"]), "chosen": row["chosen"], "rejected": row["rejected"]}


LINES: Mapping[str, Callable[[Mapping[str, Any], Shown], dict[str, Any]]] = {
    "prompt-completion": _prompt_completion,
    "messages": _messages,
    "preference": _preference,
}


def write(table: pa.Table, form: Form, shown: Shown, out: Path) -> None:
    """A row of the table a line; further facts of a row (`id`, `sample`, `source`, `weight`, `score`) stand beside its text."""
    if form == "parquet":
        store.write_table(out, table)
        return
    store.write_atomic(out, "".join(_lines(table, form, shown)).encode())


def _lines(table: pa.Table, form: Form, shown: Shown) -> Iterator[str]:
    facts = [name for name in ("id", "sample", "pair", "source", "weight", "score") if name in table.column_names]
    for batch in table.to_batches(max_chunksize=4096):
        for row in batch.to_pylist():
            line = {**LINES[form](row, shown), **{name: row[name] for name in facts}}
            yield json.dumps(line, ensure_ascii=False) + "\n"
