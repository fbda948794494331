"""The kill test: however often and wherever a run is killed, what it ends in is what an undisturbed one ends in."""

import random
from collections import Counter
from pathlib import Path

import pytest
import yaml

from summ_collapse.store import read_table
from tests.conftest import summ_collapse
from tests.faults.kills import (
    FEW,
    STAGES,
    TWO_RANKS,
    Kill,
    at_random,
    inside_checkpoint,
    inside_chunks,
    inside_publication,
    strike_surely,
)
from tests.test_pipeline import digests

SEED = 20_261_121
CHUNKED = ("generate", "verify", "evaluate")
TRAINED = ("pretrain", "train")


def one_rank(chance: random.Random) -> list[Kill]:
    """35 kills: every kind of stage three times and more, those inside the work before those of its publication."""
    kills = []
    for kind in STAGES:
        inner = inside_checkpoint(kind) if kind in TRAINED else inside_chunks(kind) if kind in CHUNKED else []
        again = [at_random(kind, chance)] if kind in ("pretrain", "train", "generate", "verify") else []
        kills += [at_random(kind, chance), *inner, *again, *inside_publication(kind)]
    return kills


def two_ranks(chance: random.Random) -> list[Kill]:
    """25 kills in the stages that ranks share: of the run, the launcher, the rank that gathers and the one that helps."""
    kills = []
    for kind in ("train", *CHUNKED):
        inner = inside_checkpoint(kind, 0) if kind in TRAINED else inside_chunks(kind, 1)
        randomly = [at_random(kind, chance, target) for target in ("run", "launcher", "rank 0", "rank 1")]
        kills += [*randomly, *inner, *inside_publication(kind, 0)[1:]]
    return kills


def short(chance: random.Random) -> list[Kill]:
    """Six of the kills on one rank."""
    return [
        inside_publication("prepare")[1],
        inside_checkpoint("pretrain")[0],
        inside_checkpoint("train")[1],
        inside_chunks("generate")[0],
        inside_publication("evaluate")[0],
        at_random("report", chance, longest=0.2),
    ]


def killed_and_undisturbed(tmp_path: Path, kills: list[Kill], overrides: list[str]) -> Counter[str]:
    """Kill a run again and again, let it finish, and hold it against one that nobody disturbed; kills by kind."""
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(FEW, sort_keys=False))
    struck: Counter[str] = Counter()
    run = tmp_path / "killed"
    for kill in kills:
        happened = strike_surely(kill, ["run", recipe, *overrides, "--out", run], run)
        print(f"{'killed' if happened else 'missed'}: {kill}")
        struck[kill.kind] += happened
    done = summ_collapse("run", recipe, *overrides, "--out", run, "--verify")
    assert done.code == 0, done.err
    undisturbed = summ_collapse("run", recipe, *overrides, "--out", tmp_path / "undisturbed")
    assert undisturbed.code == 0, undisturbed.err
    assert digests(run) == digests(tmp_path / "undisturbed")
    assert not list(run.glob("stages/*/*/*/work"))
    candidates = read_table(next(run.glob("stages/generate/generator/*/candidates.parquet"))).to_pylist()
    examples = read_table(next(run.glob("stages/prepare/data/*/train.parquet"))).to_pylist()
    pool = [row["id"] for row in examples if row["slice_rank"] >= round(0.25 * len(examples))]
    assert [row["id"] for row in candidates] == pool  # none lost, none twice
    return struck


@pytest.mark.slow
def test_six_kills_change_nothing(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    assert killed_and_undisturbed(tmp_path, short(random.Random(SEED)), []).total() == 6


# Nightly: about seven minutes. Six kills, of each kind on one rank, are in the default suite, and so is the death of a rank in
# the middle of its chunks (tests/launch/test_ranks.py); this strikes every kind of stage, and every process of two ranks.
@pytest.mark.nightly
def test_sixty_kills_change_nothing(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    print(f"seed {SEED}")
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    alone = killed_and_undisturbed(tmp_path / "one", one_rank(chance), [])
    together = killed_and_undisturbed(tmp_path / "two", two_ranks(chance), TWO_RANKS)
    print(f"on one rank {dict(alone)}, on two ranks {dict(together)}")
    assert min(alone[kind] for kind in STAGES) >= 3
    assert (alone + together).total() == 60
