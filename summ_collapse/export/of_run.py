"""What one arm of a run was trained on, as a file for other trainers."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import JsonValue

from summ_collapse import store
from summ_collapse.errors import InputError
from summ_collapse.experiment.arms import Arm
from summ_collapse.export import Form
from summ_collapse.export.card import MEASURED, Card
from summ_collapse.export.formats import Shown, write
from summ_collapse.plugins import nearest
from summ_collapse.records import keys_of
from summ_collapse.report.results import read_results
from summ_collapse.run import Run, reopen
from summ_collapse.stages.select import Select
from summ_collapse.store import Artifact
from summ_collapse.tasks.prompt import Prompt


def export_arm(folder: Path, name: str, form: Form, out: Path, seed: int | None, licence: str) -> Card:
    """Write the file and its card; InputError where the arm has no such rows, or they are not made yet."""
    run = reopen(folder)
    arm = _arm(run, name, seed)
    rows = _rows(run, arm, form)
    documents = _documents(run)
    table = rows.table("pairs" if "pairs.parquet" in rows.manifest["files"] else "rows")
    table = table.append_column("document", pa.array([documents[one] for one in table["id"].to_pylist()], pa.string()))
    task = run.experiment.recipe.task
    card = _card(run, arm, rows, table.num_rows, form, licence)
    card.write(out)
    write(table, form, Shown(Prompt.parse(task.prompt), None if task.chat is None else task.chat.system), out)
    return card


def export_rejected(folder: Path, name: str, out: Path, seed: int | None) -> int:
    """Write the candidates of the arm's pool that it was not trained on, with their score and the reason; how many there are.

    InputError where the arm chooses from no pool.
    """
    run = reopen(folder)
    arm = _arm(run, name, seed)
    if not chooses(run, arm):
        raise InputError(f"--rejected: {arm.name} is no selection from a pool by scores, so nothing was rejected")
    assert arm.candidates is not None
    assert arm.rows is not None
    assert arm.scores is not None
    pool = _done(run, arm.candidates).table("candidates", ["id", "sample", "candidate"])
    scores = _done(run, arm.scores).table("scores", ["score"])["score"]
    rows = _done(run, arm.rows).table("rows", ["id", "sample", "source"])
    kept = set(keys_of(rows.filter(pc.field("source") == arm.candidates)))
    others = np.array([key not in kept for key in keys_of(pool)], dtype=bool)
    reasons = np.where(np.isnan(scores.to_numpy()), "score is NaN", "not among those that were kept")
    table = pool.append_column("score", scores).append_column("reason", pa.array(reasons.tolist(), pa.string()))
    found = table.filter(pa.array(others))
    store.write_table(out, found)
    return int(found.num_rows)


def chooses(run: Run, arm: Arm) -> bool:
    """Whether the arm's rows are those of a pool that a selection kept."""
    scored = arm.candidates is not None and arm.scores is not None
    return scored and arm.rows is not None and isinstance(run.experiment.stages[arm.rows].stage, Select)


def export_test(folder: Path, out: Path) -> int:
    """Write the test rows' ids and prompts, without the answers; how many there are."""
    run = reopen(folder)
    task = run.experiment.recipe.task
    shown = Shown(Prompt.parse(task.prompt))
    rows = _done(run, run.experiment.prepare.name).table("test", ["id", "document"]).to_pylist()
    lines = (json.dumps({"id": row["id"], "prompt": shown.text(row["document"])}, ensure_ascii=False) + "\n" for row in rows)
    store.write_atomic(out, "".join(lines).encode())
    return len(rows)


def _arm(run: Run, name: str, seed: int | None) -> Arm:
    arms = [arm for arm in run.experiment.arms if arm.name == name]
    names = sorted({arm.name for arm in run.experiment.arms})
    if not arms:
        raise InputError(f"{run.out}: {name!r} is no arm of this run{nearest(name, names)}; expected one of {', '.join(names)}")
    seeds = [arm.seed for arm in arms]
    if seed is not None and seed not in seeds:
        raise InputError(f"--seed {seed}: expected one of the run's, {', '.join(map(str, seeds))}")
    return arms[0] if seed is None else arms[seeds.index(seed)]


def _rows(run: Run, arm: Arm, form: Form) -> Artifact:
    """The table that the arm was trained on."""
    read = {} if arm.train is None else run.experiment.stages[arm.train].inputs
    pairs = read.get("pairs")
    while pairs is not None and (source := run.experiment.stages[pairs].inputs.get("pairs")) is not None:
        pairs = source  # what is only written beside them, such as a reference's likelihoods, is no part of an export
    if form == "preference" and pairs is None:
        raise InputError(f"{arm.name}: it learns from rows, not from pairs; expected another --format than preference")
    if form not in {"preference", "parquet"} and pairs is not None:
        raise InputError(f"{arm.name}: it learns from pairs; expected --format preference or parquet")
    name = pairs or arm.rows or read.get("rows")
    if name is None:
        raise InputError(f"{arm.name}: nothing is trained for this arm, so it has no rows")
    return _done(run, name)


def _done(run: Run, name: str) -> Artifact:
    """A stage's result; InputError where there is none, or not a whole one."""
    artifact = run.artifact(name)
    if artifact is None:
        raise InputError(f"{run.out}: {name} is not done yet; see `summ-collapse status {run.out}`")
    if damage := artifact.failed or artifact.damage():
        raise InputError(f"{run.out}: {name}: {damage}")
    return artifact


def _documents(run: Run) -> Mapping[str, str]:
    table = _done(run, run.experiment.prepare.name).table("train", ["id", "document"])
    return dict(zip(table["id"].to_pylist(), table["document"].to_pylist(), strict=True))


def _promised(run: Run, arm: Arm) -> list[str]:
    """What the run's certificate says of the arm, where its recipe asks for one and its report is there."""
    if run.artifact(run.experiment.report.name) is None:
        return []
    found = next((one for one in read_results(run.out).certificates if (one.arm, one.seed) == (arm.name, arm.seed)), None)
    if found is None:
        return []
    labels = f"{found.wrong} of {found.labels} labels within it are wrong"
    limit = f"at most {100 * found.wrong_below:g}% of it is wrong, with {100 * found.confidence:.4g}% confidence"
    if found.certified:
        return [f"Certified: {limit} ({labels})."]
    more = f"; {found.more_labels} more, all right, would do" if found.more_labels else ""
    return [f"Not certified that {limit}: {found.why} ({labels}{more})."]


def _card(run: Run, arm: Arm, rows: Artifact, count: int, form: Form, licence: str) -> Card:
    recipe, manifest = run.experiment.recipe, rows.manifest
    notes: Mapping[str, Any] = manifest.get("notes") or {}
    balance: dict[str, JsonValue] = {"rows in": manifest["rows_in"], "rows out": manifest["rows_out"]}
    balance |= {f"rejected, {reason}": number for reason, number in (manifest.get("rejected") or {}).items()}
    stages = run.experiment.graph.upstream({manifest["stage"]})
    lineage = [f"{name} {run.experiment.stages[name].fingerprint[:12]}" for name in run.experiment.stages if name in stages]
    chosen = {
        "recipe": recipe.name,
        "arm": arm.name,
        "verifier": arm.verifier,
        "kind of verifier": arm.verifier_kind,
        "share that is kept": arm.rate,
        "seed": arm.seed,
        "wrong is": f"{recipe.wrong.metric} below {recipe.wrong.below:g}",
    }
    measured = {name: notes.get(name) for name in MEASURED}
    said = _promised(run, arm)
    said += [f"The runs' own models read at most {recipe.task.max_document_tokens} tokens of a document; here it is whole."]
    return Card(f"{recipe.name} {arm.name}", count, form, licence, chosen, measured, balance, lineage, said)
