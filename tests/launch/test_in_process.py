"""One stage made, reused, mended or given up in this process: what is then on disk is what the stage made, and only that."""

import gc
import shutil
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from summ_collapse.errors import InputError, StageError
from summ_collapse.graph import Node
from summ_collapse.launch import process
from summ_collapse.launch.in_process import ensure
from summ_collapse.launch.stopping import Stop
from summ_collapse.recipe.load import load
from summ_collapse.run import Run, open_run
from summ_collapse.stages.prepare import Prepare
from summ_collapse.stages.stage import Context, Outcome, Stage
from summ_collapse.store import Artifact, Place

SEED = 5


@pytest.fixture
def run(write_recipe: Callable[..., Path], tmp_path: Path) -> Run:
    """A run with nothing in it yet, of two seeds."""
    made = open_run(load(write_recipe(seeds=[0, SEED])), tmp_path / "run")
    made.reporter.quiet = True
    return made


def prepare(run: Run) -> Node[Stage]:
    return run.experiment.stages["prepare/data"]


def made(run: Run, verify: bool = False) -> bool:
    return ensure(run, prepare(run), verify, Stop())


def result(run: Run) -> Artifact:
    artifact = run.artifact("prepare/data")
    assert artifact is not None
    return artifact


def test_a_result_is_made_once(run: Run) -> None:
    assert made(run)
    assert not made(run)
    assert not run.place(prepare(run)).work.exists()


def test_only_a_check_of_digests_finds_a_flipped_bit_and_mends_it(run: Run) -> None:
    made(run)
    path = result(run).path / "test.parquet"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert not made(run)
    assert made(run, verify=True)
    assert path.read_bytes() == content
    assert result(run).damage(digests=True) is None


def test_a_missing_file_is_made_again(run: Run) -> None:
    made(run)
    (result(run).path / "test.parquet").unlink()
    assert made(run)
    assert result(run).damage() is None


def test_what_an_interrupted_attempt_left_is_no_part_of_the_result(run: Run) -> None:
    place = run.place(prepare(run))
    (place.prepare_work() / "out").mkdir()
    (place.work / "out" / "half.parquet").write_bytes(b"half")
    (place.path / "train.parquet").write_bytes(b"moved before a kill")
    assert made(run)
    assert set(result(run).manifest["files"]) == {"train.parquet", "test.parquet"}
    assert sorted(path.name for path in place.path.iterdir()) == ["manifest.json", "test.parquet", "train.parquet"]


def test_what_another_process_has_just_finished_is_not_made_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Place.locked

    @contextmanager
    def after_the_other(place: Place) -> Iterator[None]:
        monkeypatch.setattr(Place, "locked", held)
        assert made(run)
        with held(place):
            yield

    monkeypatch.setattr(Place, "locked", after_the_other)
    assert not made(run)


def failing(error: Exception) -> Callable[[Prepare, Context], Outcome]:
    def fail(stage: Prepare, context: Context) -> Outcome:
        (context.work / "chunk-000001.parquet").write_bytes(b"done")
        raise error

    return fail


def test_wrong_input_leaves_nothing_but_what_an_earlier_attempt_had_done(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Prepare, "run", failing(InputError("task.data: wrong")))
    place = run.place(prepare(run))
    with pytest.raises(InputError, match="wrong"):
        made(run)
    assert not run.out.exists()
    (place.prepare_work() / "chunk-000000.parquet").write_bytes(b"an hour's work")
    with pytest.raises(InputError, match="wrong"):
        made(run)
    assert (place.work / "chunk-000000.parquet").is_file()


def test_a_failure_keeps_what_is_done_and_says_where_its_traceback_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Prepare, "run", failing(ZeroDivisionError("by zero")))
    with pytest.raises(StageError, match=r"prepare/data failed: ZeroDivisionError.*failure-0\.json"):
        made(run)
    place = run.place(prepare(run))
    assert {path.name for path in place.work.glob("*.*")} == {"chunk-000001.parquet", "failure-0.json"}
    assert place.artifact() is None


def test_a_stage_is_told_its_seed_and_not_another(run: Run, monkeypatch: pytest.MonkeyPatch, one_thread: None) -> None:
    told: list[int] = []

    def remember(stage: Stage, context: Context) -> Outcome:
        told.append(context.seed)
        raise InputError("enough")

    made(run)
    slice_stage = run.experiment.stages["slice/0.25"]
    assert ensure(run, slice_stage, False, Stop())
    train = run.experiment.stages[f"train/generator@{SEED}"]
    monkeypatch.setattr(type(train.stage), "run", remember)
    # The base is not looked into, only whether it is there.
    place = run.place(run.experiment.stages["pretrain/base"])
    shutil.copytree(result(run).path, place.path)
    with pytest.raises(InputError, match="enough"):
        ensure(run, train, False, Stop())
    assert told == [SEED]


def test_what_is_imported_is_set_aside_once_and_garbage_is_still_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    class Holder:
        """Something in a reference cycle, as trainers and their models are."""

        def __init__(self) -> None:
            self.itself = self

    monkeypatch.setattr(process, "_walked", 0)
    process.set_aside()
    before = gc.get_freeze_count()
    assert before > 0
    holder = Holder()
    gone = weakref.ref(holder)
    process.set_aside()  # nothing was imported since
    del holder
    gc.collect()
    assert gone() is None
    assert gc.get_freeze_count() == before
    monkeypatch.setitem(sys.modules, "another_one", gc)
    process.set_aside()
    assert gc.get_freeze_count() > before
    gc.unfreeze()
