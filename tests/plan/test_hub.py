"""A run from hub names: fetched once, run without a network, held to its commits. The hub is a stand-in on the loopback."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from summ_collapse.models.loading import save
from summ_collapse.models.tiny import make_model, train_tokenizer
from summ_collapse.recipe.blocks import Pretrain, Tiny
from summ_collapse.tasks.newswire_articles import examples
from tests.conftest import ENVIRONMENT, Done, command
from tests.hub import Hub, hub

EXAMPLES = examples(80, 3)
TEXTS = [*EXAMPLES["document"].to_pylist(), *EXAMPLES["summary"].to_pylist()]
TINY = Tiny(layers=1, width=32, heads=2, positions=112, vocabulary=600, pretrain=Pretrain(steps=1))
Ask = Callable[..., Done]


def write_model(folder: Path, seed: int) -> Path:
    tokenizer = train_tokenizer(TEXTS, "word", 600, 112)
    save(make_model(TINY.model_copy(update={"seed": seed}), tokenizer), tokenizer, folder)
    (folder / "pytorch_model.bin").write_bytes(b"pickled weights, which nobody reads")
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return [write_model(tmp_path_factory.mktemp(f"model{seed}"), seed) for seed in (0, 1)]


@pytest.fixture
def server(models: list[Path], tmp_path: Path) -> Iterator[Hub]:
    data = tmp_path / "data" / "english"
    for split, rows in (("train", EXAMPLES.slice(0, 60)), ("test", EXAMPLES.slice(60))):
        (data / split).mkdir(parents=True)
        pq.write_table(rows, data / split / "0000.parquet")
    with hub() as served:
        served.add("models", "some/base", models[0])
        served.add("models", "some/verifier", models[0])
        served.add("models", "some/verifier", models[1], "better")
        served.add("datasets", "some/data", tmp_path / "data")
        yield served


@pytest.fixture
def recipe(write_recipe: Callable[..., Path]) -> Path:
    perplexity = {"kind": "perplexity", "model": "some/verifier", "train": None}
    return write_recipe(
        task={"kind": "summarization", "data": "some/data", "folder": "english", "rows": None, "test": None},
        base={"model": "some/base", "tiny": None, "dtype": "float32"},
        verifiers={"strong": None, "self": None, "first": perplexity, "second": {**perplexity, "revision": "better"}},
        selection={"rates": [0.5]},
        launch={"generate": "cpu_ddp"},
    )


@pytest.fixture
def ask(server: Hub, tmp_path: Path) -> Ask:
    def asked(*arguments: object, online: bool = True, cache: str = "cache") -> Done:
        environment = {**ENVIRONMENT, **server.environment(tmp_path / cache)}
        environment |= {} if online else {"HF_HUB_OFFLINE": "1", "HF_ENDPOINT": "http://127.0.0.1:9"}
        done = subprocess.run(command(*arguments), capture_output=True, text=True, env=environment, timeout=300, check=False)
        return Done(done.returncode, done.stdout, done.stderr)

    return asked


@pytest.mark.slow
def test_what_was_fetched_runs_without_a_network_and_stays_at_its_commits(
    ask: Ask, server: Hub, recipe: Path, models: list[Path], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    early = ask("run", recipe, "--out", run, online=False)
    assert early.code == 2
    assert "the hub cannot resolve it" in early.err
    fetched = ask("fetch", recipe)
    assert fetched.code == 0, fetched.err
    assert "model some/base at" in fetched.err
    assert "GB to fetch" in fetched.err
    assert "data: 60 train, 20 test rows" in fetched.err
    assert " ".join(fetched.out.split()).count("all of it is here") == 3
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.name == "pytorch_model.bin"]
    again = ask("fetch", recipe)
    assert "all here" in again.err
    assert "to fetch" not in again.err
    asked = len(server.asked)
    done = ask("run", recipe, "--out", run, online=False)
    assert done.code == 0, done.err
    assert len(server.asked) == asked
    frozen = json.loads((run / "recipe.json").read_text())["resolved"]["commits"]
    assert frozen == {
        "some/data": server.add("datasets", "some/data", tmp_path / "data"),
        "some/base": server.add("models", "some/base", models[0]),
        "some/verifier": server.add("models", "some/verifier", models[0]),
        "some/verifier@better": server.add("models", "some/verifier", models[1], "better"),
    }
    # Two revisions of one repository are two verifiers.
    scores = [next((run / "stages" / "verify" / name).glob("*/scores.parquet")).read_bytes() for name in ("first", "second")]
    assert scores[0] != scores[1]

    # A branch that has moved is said, and what it named before can be kept.
    moved = server.add("models", "some/base", models[1])
    shown = ask("run", recipe, "--out", run, "--until", "train/generator")
    assert shown.code == 0, shown.err
    line = " ".join(shown.err.split())
    assert f"some/base: was {frozen['some/base']} when this run was made, and is {moved} now" in line
    assert "train/generator: cached" not in line
    still = f'commits={{some/base: "{frozen["some/base"]}"}}'
    held = ask("fetch", recipe, still, cache="another")
    assert held.code == 0, held.err
    assert f"model some/base at {frozen['some/base'][:12]}" in held.err
    kept = ask("run", recipe, still, "--out", run, "--until", "train/generator")
    assert "train/generator: cached" in kept.err
    assert ask("run", run / "recipe.json", "--out", run, "--until", "train/generator", online=False).code == 0


@pytest.mark.slow
def test_check_finds_what_is_gated_and_what_nodes_would_lack(ask: Ask, server: Hub, recipe: Path, tmp_path: Path) -> None:
    server.gated.add("some/base")
    done = ask("check", recipe, "--out", tmp_path / "run", "--json")
    found = [(one["what"], one["verdict"], one["detail"]) for one in json.loads(done.out)]
    assert done.code == 2
    [gated] = [detail for what, verdict, detail in found if what == "model" and verdict == "failed"]
    assert "model some/base: the hub names it and refuses its files, which are gated" in gated
    lacking = [detail for what, verdict, detail in found if what == "offline" and verdict == "warning"]
    assert len(lacking) == 3  # the data was read by the check itself
    assert all("`summ-collapse fetch` brings it" in detail for detail in lacking)
    refused = ask("fetch", recipe)
    assert refused.code == 2
    assert "gated" in refused.err
    server.gated.clear()
    assert ask("fetch", recipe).code == 0
    found = json.loads(ask("check", recipe, "--out", tmp_path / "run", "--json").out)
    assert {one["verdict"] for one in found if one["what"] in ("model", "offline", "data")} == {"ok"}
    # Half of a model is none.
    weights = next((tmp_path / "cache").rglob("models--some--base/snapshots/*/model.safetensors"))
    weights.unlink()
    found = json.loads(ask("check", recipe, "--out", tmp_path / "run", "--json").out)
    assert [one["detail"] for one in found if one["what"] == "offline" and one["verdict"] != "ok"] == [
        next(one["detail"] for one in found if "its weights not in this machine's cache" in one["detail"])
    ]
    shutil.rmtree(tmp_path / "cache")
