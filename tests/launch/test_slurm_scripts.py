"""Scripts for SLURM, without a SLURM: one a stage, valid shell, no site in them, clear errors for a wrong profile."""

import re
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from summ_collapse.launch.shapes import shape_of
from summ_collapse.launch.slurm import queue
from summ_collapse.launch.slurm.jobs import submit
from summ_collapse.launch.slurm.profile import Profile, Resources
from summ_collapse.plan.check_site import node_bytes
from summ_collapse.plan.check_site import scripts as site_scripts
from summ_collapse.plan.host import PROCESS_BYTES
from summ_collapse.run import FROZEN, Request, freeze, moved, open_run, recipe_of
from tests.conftest import inside
from tests.launch.test_interruption import without

MANY = {"decoding": "sampling", "samples": 50}
PROFILE = {
    "partition": "gpu",
    "nodes": 2,
    "gpus": 4,
    "time": "04:00:00",
    "modules": ["cuda/12.8"],
    "environment": {"HF_HOME": "/scratch/a folder"},
    "setup": ["source /venv/bin/activate"],
    "options": ["--qos=preemptible"],
    "stages": {"train/*": {"time": "24:00:00"}, "train/real-full": {"nodes": 4}},
}


def scripts(output: str) -> dict[str, str]:
    """Printed scripts by stage."""
    parts = re.split(r"^##### (.*)\n", output, flags=re.MULTILINE)[1:]
    return {stage(path): text for path, text in zip(parts[::2], parts[1::2], strict=True)}


def stage(path: str) -> str:
    kind, name = Path(path).parts[-2:]
    return f"{kind}/{name.removesuffix('.sbatch')}"


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "profile.yaml"
    path.write_text(yaml.safe_dump(PROFILE))
    return path


def test_a_script_a_stage_with_what_the_profile_says(write_recipe: Callable[..., Path], profile: Path, tmp_path: Path) -> None:
    recipe = write_recipe(launch={"train": "fsdp", "generate": "ddp"}, base={"dtype": "bfloat16"})
    done = inside("slurm", recipe, "--out", tmp_path / "run", "--profile", profile, "--dry-run")
    assert done.code == 0, done.err
    found = scripts(done.out)
    assert not (tmp_path / "run").exists()
    assert len(found) == 46
    for text in found.values():
        assert subprocess.run(["bash", "-n"], input=text, text=True, check=False).returncode == 0
        assert "@{" not in text
        for line in ("--partition=gpu", "--qos=preemptible", "--requeue", "--signal=B:USR1@300"):
            assert f"\n#SBATCH {line}\n" in text
        assert "\nmodule load cuda/12.8\nexport HF_HOME='/scratch/a folder'\nsource /venv/bin/activate\n" in text
    trained = found["train/generator"]
    assert "#SBATCH --nodes=2\n" in trained
    assert "#SBATCH --time=24:00:00\n" in trained
    assert "--num_processes 8 " in trained
    assert "fsdp.yaml" in trained
    assert "--num_processes 16 " in found["train/real-full"]
    assert "ddp.yaml" in found["generate/generator"]
    # What runs in one process has no use for a second node.
    assert "#SBATCH --nodes=1\n" in found["select/oracle-0.25"]
    assert "accelerate" not in found["select/oracle-0.25"]
    assert "What it needs: prepare/data, pretrain/base, slice/0.25." in trained


def test_a_frozen_recipe_is_the_same_experiment(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    request = Request(write_recipe(), (), tmp_path / "run")
    run = open_run(recipe_of(request), request.out)
    freeze(run, request, request.out / FROZEN)
    frozen = Request(request.out / FROZEN, (), request.out)
    again = open_run(recipe_of(frozen), request.out)
    assert [(name, stage.fingerprint) for name, stage in again.experiment.stages.items()] == [
        (name, stage.fingerprint) for name, stage in run.experiment.stages.items()
    ]


def test_what_is_there_needs_no_script(small_run: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, finished = small_run
    run = without(finished, "report/all", tmp_path / "run")
    done = inside("slurm", recipe, "--out", run, "--dry-run")
    assert list(scripts(done.out)) == ["report/all"]
    assert "nothing that is not there" in done.out


@pytest.mark.parametrize(
    ("profile", "told"),
    [
        ({"partitions": "gpu"}, "did you mean 'partition'"),
        ({"nodes": 0}, "nodes"),
        ({"time": "tomorrow"}, "time"),
        ({"stages": {"train/*": {"gpu": 1}}}, "stages.train/*.gpu: unknown key"),
        ([1], "profile.yaml"),
    ],
    ids=["unknown key", "no nodes", "no time", "unknown key of a stage", "no mapping"],
)
def test_a_wrong_profile_is_one_message(write_recipe: Callable[..., Path], tmp_path: Path, profile: object, told: str) -> None:
    path = tmp_path / "profile.yaml"
    path.write_text(yaml.safe_dump(profile))
    done = inside("slurm", write_recipe(), "--out", tmp_path / "run", "--profile", path, "--dry-run")
    assert (done.code, done.out) == (2, "")
    assert f"error: {path}" in done.err
    assert told in done.err
    assert "Traceback" not in done.err


def test_the_packaged_profile_is_valid_and_names_no_site(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    path = Path(__file__).parents[2] / "slurm" / "profile.yaml"
    done = inside("slurm", write_recipe(base={"dtype": "bfloat16"}), "--out", tmp_path / "run", "--profile", path, "--dry-run")
    assert done.code == 0, done.err
    assert "--partition" not in done.out


def test_without_slurm_the_command_says_what_is_missing(
    write_recipe: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from summ_collapse.errors import InputError

    monkeypatch.setenv("PATH", str(tmp_path))
    assert not queue.available()
    with pytest.raises(InputError, match="squeue: no such command"):
        queue.jobs()


def test_what_an_older_version_has_frozen_keeps_nobody_from_running(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    request = Request(write_recipe(), (), tmp_path / "run")
    run = open_run(recipe_of(request), request.out)
    assert moved(run) == []
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / FROZEN).write_text('{"resolved": {"a key of before": 1}}')
    assert moved(run) == []


def test_what_runs_no_model_asks_for_no_gpu(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    path = Path(__file__).parents[2] / "slurm" / "profile.yaml"
    recipe = write_recipe(base={"dtype": "bfloat16"}, controls=["lead", "generator"])
    apart = tmp_path / "apart.yaml"
    apart.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "join": False}))
    found = scripts(inside("slurm", recipe, "--out", tmp_path / "run", "--profile", apart, "--dry-run").out)
    asking = {name for name, text in found.items() if "--gpus-per-node" in text}
    kinds = ("pretrain/", "train/", "generate/", "verify/self", "verify/strong", "evaluate/")
    assert asking == {name for name in found if name.startswith(kinds)} - {"evaluate/lead"}
    assert {"verify/judge", "verify/oracle", "verify/random", "evaluate/lead", "report/all"} <= set(found) - asking


def test_a_task_that_is_done_does_not_end_the_others(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    done = inside("slurm", write_recipe(), "--out", tmp_path / "run", "--dry-run")
    assert all(
        '    srun --nodes="$1" --ntasks="$1" --kill-on-bad-exit=1 --wait=0 ' in text for text in scripts(done.out).values()
    )


def test_training_has_a_shape_by_its_method(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    recipe = write_recipe(launch={"train": {"full": "fsdp", "lora": "cpu_ddp"}})
    stages = open_run(recipe_of(Request(recipe, (), tmp_path / "run")), tmp_path / "run").experiment
    launch = stages.recipe.launch
    shapes = {name: shape_of(stage, launch) for name, stage in stages.stages.items() if stage.kind == "train"}
    assert shapes.pop("train/generator") == "fsdp"
    assert shapes.pop("train/strong") == "fsdp"  # a verifier that is fully trained
    assert set(shapes.values()) == {"cpu_ddp"}
    wrong = inside("plan", write_recipe("wrong.yaml", launch={"train": {"full": "fsdp"}}))
    assert wrong.code == 2
    assert "launch.train" in wrong.err
    assert "lora" in wrong.err
    quantised = inside("plan", recipe, "retrain.method=qlora", "launch.train={full: single, lora: fsdp}")
    assert "retrain.method: qlora runs on whole models (single, ddp), and launch.train is fsdp" in quantised.err


def test_stages_that_follow_each_other_share_a_job_where_the_profile_joins(
    write_recipe: Callable[..., Path], tmp_path: Path
) -> None:
    profile = tmp_path / "profile.yaml"
    big = {"train/real-full": {"gpus": 8}}
    profile.write_text(yaml.safe_dump({"gpus": 2, "join": True, "stages": big}))
    arguments = ["slurm", write_recipe(base={"dtype": "float32"}), "--out", tmp_path / "run", "--profile", profile, "--dry-run"]
    found = scripts(inside(*arguments).out)
    arm = found["select/self-0.5"]
    assert re.findall(r"--only ([a-z0-9/.-]+)'$", arm, re.MULTILINE) == [
        "evaluate/self-0.5",  # the last, by name
        "select/self-0.5",
        "train/self-0.5",
        "evaluate/self-0.5",
    ]
    assert "#SBATCH --gpus-per-node=2\n" in arm
    assert "What it needs: generate/generator, prepare/data, pretrain/base, verify/judge, verify/self." in arm
    assert "train/self-0.5" not in found
    assert "evaluate/self-0.5" not in found
    # Others wait for the generator, and for scores; the report waits for all arms, and no arm for the report.
    assert {"train/generator", "generate/generator", "verify/self", "report/all"} <= set(found)
    assert "--only report/all" not in arm
    # What wants other resources is a job of its own.
    assert {"train/real-full", "evaluate/real-full"} <= set(found)


def test_memory_is_what_the_plan_counts_where_the_profile_says_so(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    profile = tmp_path / "profile.yaml"
    profile.write_text(yaml.safe_dump({"memory": "plan"}))
    found = scripts(inside("slurm", write_recipe(), "--out", tmp_path / "run", "--profile", profile, "--dry-run").out)
    # One process with 4 GB of libraries and next to nothing beside, and a quarter more.
    assert all("#SBATCH --mem=6G\n" in text for text in found.values())


def test_a_site_is_asked_once_for_scripts_that_ask_for_the_same(
    write_recipe: Callable[..., Path], tmp_path: Path, profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(queue, "refusal", lambda script: asked.append(script))
    request = Request(write_recipe(base={"dtype": "float32"}), (), tmp_path / "run")
    found = [finding.detail for finding in site_scripts(request, profile)]
    assert len(asked) == len(found)
    # Of 46 scripts: one a kind, but some verifiers read with a model, and so are all evaluated but the lead.
    assert sorted(found) == sorted([*set(found), "evaluate: accepted", "verify: accepted"])


def test_only_what_no_job_makes_is_submitted_where_the_grouping_has_changed(
    write_recipe: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queue of our own stands in for SLURM's: what it was given, behind what, and what it was told to drop."""
    waiting: dict[str, queue.Job] = {}
    behind: dict[str, list[str]] = {}
    dropped: list[str] = []

    def submitted(script: Path, after: Iterable[str]) -> str:
        (name,) = re.findall(r"#SBATCH --job-name=(\S+)", script.read_text())
        number = str(len(behind) + 1)
        behind[number] = list(after)
        waiting[name] = queue.Job(number, name, "PENDING", "Dependency")
        return number

    monkeypatch.setattr(queue, "jobs", lambda: dict(waiting))
    monkeypatch.setattr(queue, "submit", submitted)
    monkeypatch.setattr(queue, "cancel", lambda job: dropped.append(job.id))
    request = Request(write_recipe(base={"dtype": "float32"}), (), tmp_path / "run")
    run = open_run(recipe_of(request), request.out)
    apart, joined = Profile(gpus=2), Profile(gpus=2, join=True)
    first = submit(run, request, apart, {})
    assert len(set(first.values())) == len(first) == 46

    # All of a group is queued, in a job each.
    assert submit(run, request, joined, {}) == first
    assert len(behind) == 46

    # An evaluation was cancelled by hand, and so was the report that waits for it: only they are submitted.
    for name in ("evaluate/self-0.5", "report/all"):
        waiting = {job: held for job, held in waiting.items() if held.id != first[name]}
    again = submit(run, request, joined, {})
    assert {name for name in first if again[name] != first[name]} == {"evaluate/self-0.5", "report/all"}
    assert first["train/self-0.5"] in behind[again["evaluate/self-0.5"]]
    assert again["evaluate/self-0.5"] in behind[again["report/all"]]

    # A longer experiment in the same folder knows which job makes what, however the stages were grouped.
    more = Request(
        write_recipe("more.yaml", base={"dtype": "float32"}, selection={"rates": [0.25, 0.5, 0.75]}), (), tmp_path / "run"
    )
    longer = submit(open_run(recipe_of(more), more.out), more, joined, {})
    assert {name: longer[name] for name in first if name != "report/all"} == {
        name: again[name] for name in first if name != "report/all"
    }
    assert dropped == []

    # A selection failed: what waits for it is dropped, and follows it in one job; what it needs is queued still.
    hopeless = ("train/self-0.5",)
    for name, job in list(waiting.items()):
        if job.id == first["select/self-0.5"]:
            del waiting[name]
        elif job.id in {again[one] for one in hopeless}:
            waiting[name] = replace(job, reason=queue.HOPELESS)
    last = submit(run, request, joined, {})
    arm = ("select/self-0.5", "train/self-0.5", "evaluate/self-0.5")
    assert {name for name in first if last[name] != again[name]} == {*arm, "report/all"}
    assert len({last[name] for name in arm}) == 1
    assert set(dropped) == {again[name] for name in (*arm[1:], "report/all")}
    assert first["verify/self"] in behind[last["select/self-0.5"]]


def test_memory_counts_the_ranks_that_a_node_has_and_the_tables_that_a_stage_reads(
    write_recipe: Callable[..., Path], tmp_path: Path
) -> None:
    recipe = write_recipe(base={"dtype": "float32"}, launch={"verify": "cpu_ddp", "generate": "ddp"}, synthesis=MANY)
    run = open_run(recipe_of(Request(recipe, (), tmp_path / "run")), tmp_path / "run")
    memory = node_bytes(run, Profile(gpus=2, stages={"generate/*": Resources(gpus=4)}))
    assert memory["verify/self"] > 2 * PROCESS_BYTES
    assert memory["generate/generator"] > 4 * PROCESS_BYTES
    assert PROCESS_BYTES < memory["train/generator"] < 2 * PROCESS_BYTES
    # A selection of a quarter has all candidates in memory.
    everything = memory["verify/oracle"] - PROCESS_BYTES
    assert memory["select/oracle-0.25"] - PROCESS_BYTES == everything > 0
