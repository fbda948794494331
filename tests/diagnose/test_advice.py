"""What is recommended of planted pools, where it is known what is truly better."""

import itertools

import numpy as np
import pyarrow as pa
import pytest

from benchmarks.advice import AUCS, GAIN, RATES, ROWS, SHARES, Cell, Found, pool, summary, tried
from summ_collapse.diagnose.candidates import Candidates
from summ_collapse.diagnose.diagnosis import Question
from summ_collapse.diagnose.examine import diagnose
from summ_collapse.predict.comparison import Kept, best

POOLS = 200
# AUC, p and verifiers of the cell where 2,000 labels are too few to find a gain of 4.4 points beside three useless verifiers.
TOO_FEW_LABELS = (0.55, 0.2, 4)


def holds(found: Found) -> None:
    """At most 5% false, at least 80% found, each within four standard errors of as many pools."""
    assert found.false / found.pools <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / found.pools), found
    if found.gain >= GAIN:
        assert found.better / found.pools >= 0.8 - 4 * np.sqrt(0.8 * 0.2 / found.pools), found


@pytest.mark.parametrize(("auc", "p"), [(0.35, 0.13), (0.5, 0.2), (0.5, 0.9), (0.65, 0.5), (0.85, 0.1)])
def test_what_is_no_better_is_seldom_recommended_and_what_is_better_is_found(auc: float, p: float) -> None:
    holds(tried(Cell(auc, p, verifiers=2), POOLS))


@pytest.mark.slow
def test_the_grid_holds_in_every_cell() -> None:
    found = [tried(Cell(auc, p, verifiers), POOLS) for auc, p, verifiers in itertools.product(AUCS, SHARES, (1, 4))]
    for cell in found:
        if (cell.auc, cell.p, cell.verifiers) == TOO_FEW_LABELS:
            assert cell.better > cell.pools / 2
        else:
            holds(cell)
    low = summary(found)["false_share_of_useless_pools"]
    assert isinstance(low, list)
    assert low[1] <= 0.05


def test_diagnose_decides_as_the_grid_does() -> None:
    """From candidates with their texts and strata to the recommendation: the same as from the bare arrays."""
    for seed in range(3):
        planted, _ = pool(Cell(0.7, 0.3), [seed])
        scores = np.full(ROWS, 0.0)
        for kept in planted.kept:  # nested selections: a score that takes them in this order
            scores += kept
        candidates = Candidates(
            ids=pa.array([str(row) for row in range(ROWS)]),
            samples=np.zeros(ROWS, dtype=np.int64),
            texts=pa.chunked_array([["some words"] * ROWS]),
            document=planted.document,
            scores={"verifier": scores},
            quality=1.0 - planted.wrong,
            column=pa.array(["all"] * ROWS),
        )
        found = diagnose([candidates], Question(RATES, 0.5, "labels"))
        # One stratum is the corpus again: the same selections twice, which costs the intervals nothing.
        twice = best(Kept(planted.document, planted.wrong, np.concatenate([planted.kept, planted.kept])))
        assert found.recommended is not None
        assert twice is not None
        assert found.recommended.rate == RATES[twice % len(RATES)]
        assert [entry.against_random for entry in found.verifiers] == [entry.against_random for entry in found.stratified]
