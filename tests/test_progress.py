"""How far a stage is: what it leaves, what is said of that on a terminal and in a log, and what `status` says."""

import io
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from summ_collapse import progress
from summ_collapse.launch.status import states
from summ_collapse.progress import Board, Meter, Reporter, Standing, standing
from summ_collapse.recipe.load import load
from summ_collapse.run import open_run
from tests.conftest import SMALL

STEP = Standing(400, 2000, "step", 12.0, 3100.4, 1000.0)


@pytest.mark.parametrize(
    ("found", "now", "told"),
    [
        (STEP, 1001.0, "step 400 of 2,000, 3,100 tokens/s, about 2 min left"),
        (Standing(256, 4000, "rows", 50.0, 0.0, 1000.0), 1001.0, "256 of 4,000 rows, 50 rows/s, about 75 s left"),
        (Standing(9, 4000, "rows", 0.25, 0.0, 1000.0), 1001.0, "9 of 4,000 rows, 0.25 rows/s, about 4.4 h left"),
        (Standing(0, 2000, "step", 0.0, 0.0, 1000.0), 1001.0, "step 0 of 2,000"),
        (Standing(2000, 2000, "step", 12.0, 0.0, 1000.0), 1001.0, "step 2,000 of 2,000, 12 step/s"),
        (STEP, 1600.0, "step 400 of 2,000, 3,100 tokens/s, about 2 min left, as of 10 min ago"),
    ],
)
def test_it_is_told_in_words(found: Standing, now: float, told: str) -> None:
    assert found.told(now) == told


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock that speeds are measured by."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])

    def pass_by(seconds: float) -> None:
        now[0] += seconds

    return pass_by


def test_it_is_written_at_most_once_a_second(tmp_path: Path, clock: Callable[[float], None]) -> None:
    meter = Meter(tmp_path)
    written = []
    for step in range(50):
        meter(step, 100, "step", 40 * step)
        found = standing(tmp_path)
        assert found is not None
        written.append(found.done)
        clock(0.25)
    assert written == [4 * (step // 4) for step in range(50)]
    assert (found.per_second, found.tokens_per_second) == (4.0, 160.0)
    assert [path.name for path in tmp_path.iterdir()] == ["progress.json"]


def test_the_speed_is_that_of_late_and_of_this_process(tmp_path: Path, clock: Callable[[float], None]) -> None:
    meter = Meter(tmp_path)
    meter(5000, 10_000)  # where it goes on
    for row in range(5001, 5003):
        clock(100)
        meter(row, 10_000)
    for row in range(5003, 5103):
        clock(2)
        meter(row, 10_000)
    found = standing(tmp_path)
    assert found is not None
    assert found.per_second == 0.5


def test_a_stage_does_not_fail_of_it(tmp_path: Path) -> None:
    Meter(tmp_path / "gone")(1, 2)
    assert not (tmp_path / "gone").exists()
    assert standing(tmp_path / "gone") is None
    (tmp_path / "progress.json").write_text('{"done": 1')
    assert standing(tmp_path) is None


def test_a_log_has_a_line_every_half_a_minute(tmp_path: Path, clock: Callable[[float], None]) -> None:
    log = io.StringIO()
    board = Board(Console(file=log), bars=False, every=30.0)
    with board:
        for second in range(0, 100, 5):
            at_work = {"select/all": tmp_path / "b"} | ({"train/base": tmp_path / "a"} if second < 70 else {})
            board.look(at_work)
            if second == 40:
                (tmp_path / "a").mkdir()
                (tmp_path / "a" / "progress.json").write_text(json.dumps(vars(STEP) | {"written": time.time()}))
            clock(5)
    assert log.getvalue().splitlines() == [
        "select/all: at work for 30 s",
        "train/base: at work for 30 s",
        "select/all: at work for 60 s",
        "train/base: step 400 of 2,000, 3,100 tokens/s, about 2 min left",
        "select/all: at work for 2 min",
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_has_a_bar_each_that_fits_and_goes(width: int, tmp_path: Path) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=width)
    Meter(tmp_path)(400, 2000, "step")
    (tmp_path / "progress.json").write_text(json.dumps(vars(STEP) | {"written": time.time()}))
    with Board(console, bars=True, every=30.0) as board:
        board.look({"train/oracle-0.25@1": tmp_path, "verify/strong": tmp_path / "none"})
        shown = screen.getvalue()
        board.look({"verify/strong": tmp_path / "none"})
        left = screen.getvalue()[len(shown) :]
    assert "train/oracle-0.25@1" in shown
    assert "step 400 of 2,000, 3,100 tokens/s, about 2 min left" in shown
    assert "at work for 0 s" in shown
    assert ("━" in shown) == (width >= 100)
    assert "train/oracle" not in left
    assert "verify/strong" in left


def test_a_stage_in_this_process_is_told_of_while_it_does_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    reporter = Reporter(watched=False)
    reporter.console, reporter.every = Console(file=log), 0.0
    monkeypatch.setattr(progress, "LOOK_EVERY", 0.01)
    end = time.monotonic() + 20
    with reporter.working("prepare/data", tmp_path):
        while "prepare/data: at work for" not in log.getvalue():
            assert time.monotonic() < end, "nothing was told"
            time.sleep(0.01)
    told = log.getvalue()
    time.sleep(0.05)
    assert log.getvalue() == told
    quiet = Reporter(watched=False, shows=False)
    quiet.console, quiet.every = Console(file=log), 0.0
    with quiet.working("prepare/data", tmp_path), quiet.board() as show:
        show({"prepare/data": tmp_path})
        time.sleep(0.05)
    assert log.getvalue() == told


def test_status_tells_how_far_a_stage_of_any_process_is(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    run = open_run(load(write_recipe()), tmp_path / "run")
    place = run.place(run.experiment.stages["pretrain/base"])

    def state() -> tuple[str, str]:
        found = {one.name: one for one in states(run)}["pretrain/base"]
        return found.state, found.detail

    with place.locked():
        place.prepare_work()
        (place.work / "chunk-000000.parquet").touch()
        assert state()[0] == "running"
        assert state()[1].startswith("1 chunks; process ")
        Meter(place.work)(400, SMALL["base"]["tiny"]["pretrain"]["steps"], "step")
        assert state()[1].startswith("step 400 of 6; process ")
    # Whoever worked is gone: what is kept is what counts, and who goes on begins anew.
    assert state() == ("partial", "1 chunks")
    place.prepare_work()
    assert standing(place.work) is None
