"""A noisy verdict as row weights: right on the average, and the hard filter where it is clipped."""

from pathlib import Path

import numpy as np
import pytest

from summ_collapse.errors import ArmFailed
from summ_collapse.stages.distinct import Distinct
from summ_collapse.stages.weigh import Weigh, soft_weights
from summ_collapse.store import Artifact
from tests.stages.tables import done, keyed, published, rows_written

ROWS, SEED = 4000, 5


def inputs(folder: Path, verdict: np.ndarray, right: np.ndarray) -> dict[str, Artifact]:
    ids = [f"doc-{row}" for row in range(len(right))]
    return {
        "candidates": published(
            folder, "candidates", candidates=keyed(ids, candidate=[f"text {row}" for row in range(len(right))])
        ),
        "scores": published(folder, "scores", scores=keyed(ids, score=verdict.astype(np.float64))),
        "judge": published(folder, "judge", scores=keyed(ids, score=right.astype(np.float64))),
    }


def weigh(clipped: bool) -> Weigh:
    return Weigh(at_least=1.0, clipped=clipped, wrong_below=1.0, source="pool")


def test_weights_are_one_for_what_is_right_and_nothing_for_what_is_wrong_on_the_average() -> None:
    print("seed", SEED)
    rng = np.random.default_rng(SEED)
    phi, psi = 0.8, 0.3
    for chance, expected in ((phi, 1.0), (psi, 0.0)):
        weights = soft_weights(rng.random(ROWS) < chance, phi, psi)
        assert weights is not None
        assert abs(weights.mean() - expected) <= 4 * weights.std(ddof=1) / np.sqrt(ROWS)
    assert soft_weights(np.ones(3, bool), 0.4, 0.4) is None


def test_what_is_measured_on_a_pool_weighs_its_own_rows_exactly(tmp_path: Path) -> None:
    rng = np.random.default_rng(SEED)
    right = rng.random(ROWS) < 0.4
    verdict = rng.random(ROWS) < np.where(right, 0.8, 0.3)
    outcome, out = done(weigh(clipped=False), tmp_path / "soft", inputs(tmp_path, verdict, right))
    rows = rows_written(out)
    weights = np.array([row["weight"] for row in rows])
    assert outcome.rows_out == ROWS
    assert weights.min() < 0
    # phi and psi are this pool's own, so this holds of its sums and not on the average alone.
    assert weights[right].mean() == pytest.approx(1)
    assert weights[~right].mean() == pytest.approx(0, abs=1e-12)


def test_clipped_it_is_the_hard_filter_with_another_constant(tmp_path: Path) -> None:
    right, verdict = np.array([1, 1, 0, 0, 1], bool), np.array([1, 1, 1, 0, 0], bool)
    outcome, out = done(weigh(clipped=True), tmp_path / "clipped", inputs(tmp_path, verdict, right))
    rows = rows_written(out)
    assert [row["id"] for row in rows] == ["doc-0", "doc-1", "doc-2"]
    assert len({row["weight"] for row in rows}) == 1
    assert outcome.rejected == {"no weight": 2}


@pytest.mark.parametrize(
    ("verdict", "right", "message"),
    [([1, 0, 1, 0], [1, 1, 0, 0], "as often as right ones"), ([1, 0], [1, 1], "cannot be measured")],
)
def test_a_verdict_that_says_nothing_has_no_weights(verdict: list[int], right: list[int], message: str, tmp_path: Path) -> None:
    with pytest.raises(ArmFailed, match=message):
        done(weigh(clipped=False), tmp_path / "none", inputs(tmp_path, np.array(verdict, bool), np.array(right, bool)))


def test_right_samples_are_kept_once_a_way(tmp_path: Path) -> None:
    one, other = "1) 7 + 5 = 12 answer: 12", "1) 5 + 7 = 12 answer: 12"
    texts = [one, one.replace("  ", " "), other, "answer: 11", one]
    ids, samples = ["a", "a", "a", "a", "b"], [0, 1, 2, 3, 0]
    scores = keyed(ids, samples, score=[1.0, 1.0, 1.0, 0.0, 1.0], spurious=[0, 0, 1, 0, 0])
    given = {
        "candidates": published(tmp_path, "candidates", candidates=keyed(ids, samples, candidate=texts)),
        "scores": published(tmp_path, "scores", scores=scores),
    }
    outcome, out = done(Distinct(right=1.0, steps="solution", source="pool"), tmp_path / "rft", given)
    assert [(row["id"], row["completion"]) for row in rows_written(out)] == [("a", one), ("a", other), ("b", one)]
    assert outcome.rejected == {"not right": 1, "the same steps as another": 1}
    assert outcome.notes == {"documents": 2, "spurious": 1}
    with pytest.raises(ArmFailed, match="no candidate scores 2 or more"):
        done(Distinct(right=2.0, steps="solution", source="pool"), tmp_path / "none", given)
