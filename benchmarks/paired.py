"""The paired difference between two arms over all seeds of one run or several, with its 95% interval.

    python benchmarks/paired.py --runs runs/verdicts --arms trained-strata-0.125 trained-0.125 --out strata.json

The test rows are the same under every seed; rows and seeds are paired. Under one seed the interval is of the rows alone.
"""

import argparse
import json
import platform
from pathlib import Path
from typing import Any

import numpy as np

from summ_collapse.metrics.contrasts import contrasts, training_noise
from summ_collapse.store import read_table, write_json


def scores_of(run: Path, arm: str, metric: str) -> dict[str, np.ndarray]:
    """The metric of every test row, 0-1, by the name of the seed's stage."""
    found = {}
    for folder in sorted((run / "stages" / "evaluate").glob(f"{arm}*")):
        if folder.name.partition("@")[0] == arm:
            (path,) = folder.glob("*/predictions.parquet")
            found[f"{run.name}/{folder.name.partition('@')[2]}"] = read_table(path, [metric])[metric].to_numpy()
    return found


def paired(runs: list[Path], arms: tuple[str, str], metric: str) -> dict[str, Any]:
    """Means and the difference, 0-100, over all seeds and by seed."""
    ours, theirs = ({key: row for run in runs for key, row in scores_of(run, arm, metric).items()} for arm in arms)
    if not ours or ours.keys() != theirs.keys():
        raise SystemExit(f"expected both arms under the same seeds, found {sorted(ours)} and {sorted(theirs)}")
    first, second = (np.stack([scores[key] for key in sorted(scores)]) for scores in (ours, theirs))
    found = contrasts(first[None], second, training_noise(np.stack([first.mean(axis=1), second.mean(axis=1)])))
    delta, width = 100 * float(found.delta[0]), 100 * float(found.alone()[0])
    interval = {"delta": delta, "low": delta - width, "high": delta + width, "p": float(found.p[0])}
    by_seed = {key: 100 * float(ours[key].mean() - theirs[key].mean()) for key in sorted(ours)}
    return {"seeds": len(ours), "means": [100 * float(first.mean()), 100 * float(second.mean())], **interval, "by_seed": by_seed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, metavar="DIR")
    parser.add_argument("--arms", nargs=2, required=True, metavar="ARM")
    parser.add_argument("--metric", default="rouge1")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = {"machine": f"{platform.machine()}, Python {platform.python_version()}", "arms": options.arms}
    found |= {"metric": options.metric, **paired(options.runs, tuple(options.arms), options.metric)}
    print(json.dumps(found, indent=1))
    if options.out:
        write_json(options.out, found)


if __name__ == "__main__":
    main()
