"""Which checkpoints count, and what becomes of those that this launch cannot read."""

from pathlib import Path

import pytest

from summ_collapse.models.checkpoints import MARKER, Form, last_checkpoint, left_aside
from summ_collapse.ranks import World
from summ_collapse.store import write_json


def saved(work: Path, form: Form, step: int, marked: bool = True) -> Path:
    folder = form.folder(work) / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    if marked:
        write_json(folder / MARKER, {"step": step, "loss": 1.5, "shape": form.shape, "ranks": form.ranks})
    return folder


def test_the_last_marked_checkpoint_counts_and_unmarked_ones_go(tmp_path: Path) -> None:
    whole = Form("whole")
    for step in (4, 20, 8):
        saved(tmp_path, whole, step)
    torn = saved(tmp_path, whole, 100, marked=False)
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-20"
    assert not torn.exists()
    assert last_checkpoint(tmp_path / "none") is None


def test_one_of_another_form_is_said_and_neither_read_nor_removed(tmp_path: Path) -> None:
    fsdp, four = Form("fsdp"), Form("zero3", 4)
    left = [saved(tmp_path, fsdp, 12), saved(tmp_path, four, 1500)]
    for form in (Form("whole"), Form("zero3", 2)):
        assert last_checkpoint(form.folder(tmp_path)) is None
        assert left_aside(tmp_path, form) == [
            "the checkpoint of step 12 was written in FSDP's shards",
            "the checkpoint of step 1,500 was written in ZeRO-3's shards by 4 ranks",
        ]
    assert all(folder.is_dir() for folder in left)
    # Who goes back to the shape of before goes on where that one was.
    assert last_checkpoint(fsdp.folder(tmp_path)) == left[0]
    assert left_aside(tmp_path, fsdp) == ["the checkpoint of step 1,500 was written in ZeRO-3's shards by 4 ranks"]


@pytest.mark.parametrize(
    ("shape", "ranks", "form"),
    [(None, 4, "whole"), ("FSDP", 2, "fsdp"), ("FSDP", 4, "fsdp"), ("DEEPSPEED", 2, "zero3-2"), ("DEEPSPEED", 4, "zero3-4")],
)
def test_the_number_of_ranks_matters_to_zero3_alone(
    shape: str | None, ranks: int, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shape:
        monkeypatch.setenv(f"ACCELERATE_USE_{shape}", "true")
    assert str(Form.of(World(0, ranks))) == form
