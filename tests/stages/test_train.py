"""What a training reads of its table: rows that early stopping looks at are not learnt from, and noise reaches the documents."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from datasets import Dataset

from summ_collapse.errors import InputError
from summ_collapse.models.loading import save
from summ_collapse.models.tiny import make_model, train_tokenizer
from summ_collapse.recipe.blocks import Tiny, Training
from summ_collapse.records import rows_of
from summ_collapse.stages.reading import Reading
from summ_collapse.stages.stage import Outcome
from summ_collapse.stages.train import Train
from summ_collapse.store import Artifact, Place
from tests.stages.tables import done, examples, published

ROWS = 12
TRAINING: dict[str, Any] = {"steps": 4, "batch_size": 4, "learning_rate": 1e-3}
STOPPING = {"share": 0.25, "every": 2}

pytestmark = pytest.mark.usefixtures("one_thread")


def base(run: Path) -> Artifact:
    """A tiny model whose vocabulary is that of the examples."""
    texts = [f"text of doc-{row} gist TL;DR:" for row in range(ROWS)]
    tokenizer = train_tokenizer(texts, "word", 300, 32)
    place = Place(run, "made", "base", "f" * 64)
    out = place.prepare_work() / "out"
    out.mkdir()
    save(make_model(Tiny(layers=1, width=16, heads=2, positions=32, vocabulary=300), tokenizer), tokenizer, out)
    return place.publish(out, {"notes": {}})


def table(rows: list[int], source: str = "real") -> pa.Table:
    ids = pa.chunked_array([[f"doc-{row}" for row in rows]])
    samples = pa.chunked_array([pa.array([0] * len(rows), pa.int32())])
    return rows_of(ids, samples, pa.chunked_array([[f"gist of doc-{row}" for row in rows]]), source)


def trained(folder: Path, rows: list[int], held_out: list[int] | None = None, **training: Any) -> tuple[Outcome, list[list[int]]]:
    """What the stage says, and the token ids that it has read."""
    inputs = {
        "examples": examples(folder, list(range(ROWS))),
        "rows": published(folder, "rows", rows=table(rows)),
        "base": base(folder),
    }
    if held_out is not None:
        inputs["validation"] = published(folder, "validation", rows=table(held_out))
    reading = Reading(prompt="{document} TL;DR:", max_document_tokens=8, models={}, dtype="float32", attention="sdpa", threads=1)
    stage = Train(reading=reading, training=Training(**{**TRAINING, **training}))
    outcome, _ = done(stage, folder / "stage", inputs)
    return outcome, Dataset.from_file(str(folder / "stage" / "work" / "rows.arrow"))["input_ids"]


def test_rows_that_are_looked_at_are_not_learnt_from(tmp_path: Path) -> None:
    plain, everything = trained(tmp_path / "plain", list(range(ROWS)))
    early, read = trained(tmp_path / "early", list(range(ROWS)), [9, 10, 11], early_stopping=STOPPING)
    assert (plain.rows_in, plain.rows_out, plain.rejected) == (ROWS, ROWS, {})
    assert (early.rows_in, early.rows_out, early.rejected) == (ROWS, ROWS - 3, {"held out for early stopping": 3})
    assert list(read) == list(everything)[:-3]
    assert early.notes["kept_step"] in (2, 4)
    assert early.notes["validation_loss"] > 0
    assert "kept_step" not in plain.notes


def test_a_table_that_is_held_out_whole_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="all of its 2 rows are held out for early stopping"):
        trained(tmp_path, [3, 4], [3, 4, 5], early_stopping=STOPPING)


def test_noise_is_in_the_documents_and_not_in_what_is_learnt(tmp_path: Path) -> None:
    _, plain = trained(tmp_path / "plain", list(range(ROWS)))
    _, noised = trained(tmp_path / "noised", list(range(ROWS)), document_noise=0.5)
    assert [ids[-4:] for ids in noised] == [ids[-4:] for ids in plain]  # gist of doc-N, and its end
    assert [len(ids) for ids in noised] == [len(ids) for ids in plain]
    assert sum(one != other for one, other in zip(noised, plain, strict=True)) > ROWS / 2
