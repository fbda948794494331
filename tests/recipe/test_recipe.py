"""What a recipe says: overrides, paths, what contradicts itself, the JSON schema, and the recipes that are shipped."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from summ_collapse.errors import InputError
from summ_collapse.experiment.experiment import experiment_of
from summ_collapse.plugins import installed
from summ_collapse.recipe.load import load, validate
from summ_collapse.recipe.schema import Recipe, trainings
from tests.conftest import summ_collapse

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))
TRAIN = {"steps": 6, "learning_rate": 1e-3, "batch_size": 8}


def read_from(data: str) -> dict[str, Any]:
    """Changes that put a file or folder in the place of the built-in corpus."""
    return {"task": {"kind": "summarization", "data": data, "rows": None, "test": None}}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_shipped_recipe_loads_and_lays_out(path: Path) -> None:
    recipe = load(path)
    experiment = experiment_of(recipe)
    assert {"prepare/data", "report/all"} <= set(experiment.stages)
    generators = [stage for stage in experiment.stages.values() if stage.kind == "generate"]
    generations = recipe.generations
    models = sum(regime.generators for regime in generations.regimes.values()) if generations else 0
    further = models * (generations.rounds - 1) if generations else 0  # the last one writes nothing
    # What comes after RFT learns from samples of that model.
    further += recipe.preference is not None and recipe.preference.start == "rft"
    assert len(generators) == len(recipe.generator.slices) * (len(recipe.synthesis.all()) + further) * len(recipe.seeds)
    assert "real-slice" in {arm.control for arm in experiment.arms}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_shipped_recipe_says_which_pool_it_uses(path: Path) -> None:
    assert "exclude_slice" in yaml.safe_load(path.read_text(encoding="utf-8"))["synthesis"]


def test_every_training_is_found_once_by_its_key(write_recipe) -> None:
    regimes = {"plain": {}, "own": {"training": {"weight_decay": 0.1}}, "four_bits": {"training": {"method": "qlora"}}}
    generations = {"designs": ["generations"], "generations": {"rounds": 1, "regimes": regimes}}
    found = trainings(load(write_recipe(**generations)))
    preferred = {"arms": ["dpo"], "verifier": "oracle", "train": {"steps": 1, "learning_rate": 1e-3, "batch_size": 8}}
    preferring = {"designs": ["preference"], "preference": preferred, "synthesis": {"decoding": "sampling", "samples": 2}}
    assert "preference.train" in trainings(load(write_recipe(**preferring)))
    own = {f"generations.regimes.{name}.training" for name in ("own", "four_bits")}
    assert found.keys() == {"generator.train", "retrain", "verifiers.strong.train", *own}
    with pytest.raises(InputError, match=r"regimes\.four_bits\.training\.method: qlora runs on whole models"):
        load(write_recipe(**generations, launch={"train": "fsdp"}))


def test_recipes_are_shipped() -> None:
    assert "demo" in [path.stem for path in RECIPES]


def test_recipe_that_is_written_out_reads_back_equal(write_recipe) -> None:
    recipe = load(write_recipe())
    written = json.loads(json.dumps(recipe.model_dump(by_alias=True)))
    assert validate(written, "written out") == recipe


OVERRIDES = {
    "number": ("retrain.learning_rate=2e-4", lambda recipe: recipe.retrain.learning_rate == 2e-4),
    "list": ("seeds=[1, 2]", lambda recipe: recipe.seeds == [1, 2]),
    "block": ("wrong={metric: exact, below: 1}", lambda recipe: (recipe.wrong.metric, recipe.wrong.below) == ("exact", 1.0)),
    "deep down": ("base.tiny.pretrain.steps=9", lambda recipe: recipe.base.tiny.pretrain.steps == 9),
    "in a verifier": ("verifiers.oracle.metric=rougeL", lambda recipe: recipe.verifiers["oracle"].metric == "rougeL"),
    "a further verifier": ("verifiers.lucky.kind=random", lambda recipe: "lucky" in recipe.verifiers),
    "in no block yet": ("launch.threads=3", lambda recipe: recipe.launch.threads == 3),
    "key with another name in Python": ("retrain.from=generator", lambda recipe: recipe.retrain.start == "generator"),
    "nothing": ("verifiers.strong.train=", lambda recipe: recipe.verifiers["strong"].train is None),
    "equals sign in the value": ("task.prompt='{document} ='", lambda recipe: recipe.task.prompt == "{document} ="),
}


@pytest.mark.parametrize(("override", "holds"), OVERRIDES.values(), ids=OVERRIDES)
def test_override_replaces_one_value_and_no_other(write_recipe, override, holds) -> None:
    path = write_recipe(launch=None)
    before, after = load(path), load(path, [override])
    assert not holds(before)
    assert holds(after)
    block = override.partition("=")[0].partition(".")[0]
    assert before.model_dump(exclude={block}) == after.model_dump(exclude={block})


def test_last_of_two_overrides_counts(write_recipe) -> None:
    assert load(write_recipe(), ["retrain.steps=7", "retrain.steps=8"]).retrain.steps == 8


WRONG_OVERRIDES = {
    "no equals sign": ("retrain.steps", "override 'retrain.steps': expected key.path=value"),
    "no key": ("=3", "override '=3': expected key.path=value"),
    "below a value": ("name.first=x", "override 'name.first=x': 'name' is a value"),
    "no YAML": ("seeds=[1", "override 'seeds=[1': expected a YAML value"),
    "unknown key": ("retrain.step=3", "retrain.step: unknown key; did you mean 'steps'?"),
    "wrong type": ("retrain.steps=few", "retrain.steps: input should be a valid integer"),
}


@pytest.mark.parametrize(("override", "told"), WRONG_OVERRIDES.values(), ids=WRONG_OVERRIDES)
def test_wrong_override_is_told(write_recipe, override, told) -> None:
    with pytest.raises(InputError) as raised:
        load(write_recipe(), [override])
    assert told in str(raised.value)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`recipe/` and `here/`, both with news.jsonl and model/; commands run in `here/`. Returns the folder of both."""
    for folder in ("recipe", "here"):
        (tmp_path / folder / "org" / "model").mkdir(parents=True)
        (tmp_path / folder / "news.jsonl").touch()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


@pytest.mark.parametrize("name", ["news.jsonl", "./news.jsonl", "../recipe/news.jsonl"])
def test_path_in_a_recipe_starts_from_its_folder(places, write_recipe, name) -> None:
    recipe: Any = load(write_recipe("recipe/recipe.yaml", **read_from(name)))
    assert recipe.task.data == str(places / "recipe" / "news.jsonl")


@pytest.mark.parametrize("name", ["news.jsonl", "./news.jsonl", "../here/news.jsonl", "{here}/news.jsonl"])
def test_path_on_the_command_line_starts_from_where_the_command_runs(places, write_recipe, name) -> None:
    path = write_recipe("recipe/recipe.yaml", **read_from("elsewhere.jsonl"))
    recipe: Any = load(path, [f"task.data={name.format(here=places / 'here')}"])
    assert recipe.task.data == str(places / "here" / "news.jsonl")


def test_path_on_the_command_line_may_start_at_home(places, write_recipe, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(places / "here"))
    recipe: Any = load(write_recipe("recipe/recipe.yaml", **read_from("elsewhere.jsonl")), ["task.data=~/news.jsonl"])
    assert recipe.task.data == str(places / "here" / "news.jsonl")


def test_name_of_a_hub_repository_stays_as_it_is(places, write_recipe) -> None:
    changes = {"base": {"tiny": None, "model": "org/other"}, "verifiers": {"self": {"model": "org/judge"}}}
    recipe: Any = load(write_recipe("recipe/recipe.yaml", **read_from("org/news"), **changes))
    assert (recipe.task.data, recipe.base.model, recipe.verifiers["self"].model) == ("org/news", "org/other", "org/judge")


def test_folder_that_is_there_goes_before_a_hub_repository_of_its_name(places, write_recipe) -> None:
    path = write_recipe("recipe/recipe.yaml", base={"tiny": None, "model": "org/model"})
    assert load(path).base.model == str(places / "recipe" / "org" / "model")
    assert load(path, ["base.model=org/model"]).base.model == str(places / "here" / "org" / "model")


def test_models_of_the_recipe_are_no_paths(places, write_recipe) -> None:
    (places / "recipe" / "generator").mkdir()
    recipe: Any = load(write_recipe("recipe/recipe.yaml"))
    assert recipe.verifiers["self"].model == "generator"


def test_command_line_reads_the_file_that_lies_where_it_runs(places, cli, write_recipe) -> None:
    rows = [{"document": f"storm {row} hit the town .", "summary": f"storm {row}"} for row in range(40)]
    (places / "here" / "news.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_recipe("recipe/recipe.yaml", **read_from("news.jsonl"))
    done = cli(
        *("run", "../recipe/recipe.yaml", "task.data=news.jsonl", "--out", "run", "--only", "prepare/data"), cwd=places / "here"
    )
    assert done.code == 0, done.err
    (manifest,) = (places / "here" / "run" / "stages" / "prepare" / "data").glob("*/manifest.json")
    assert json.loads(manifest.read_text())["rows_in"] == 40


CONTRADICTIONS = {
    "epochs and steps": ({"retrain": {"epochs": 1}}, "retrain: expected either `epochs` or `steps`"),
    "neither": ({"retrain": {"steps": None}}, "retrain: expected either `epochs` or `steps`"),
    "uneven batch": (
        {"retrain": {"micro_batch_size": 3}},
        "retrain: expected a batch_size that is a multiple",
    ),
    "two bases": ({"base": {"model": "org/model"}}, "base: expected either `model` or `tiny`"),
    "no base": ({"base": {"tiny": None}}, "base: expected either `model` or `tiny`"),
    "uneven heads": ({"base": {"tiny": {"heads": 5}}}, "base.tiny: expected a width that is a multiple of 2 x heads"),
    "equal samples": ({"synthesis": {"samples": 2}}, "synthesis: expected samples: 1 under greedy decoding"),
    "samples above beams": (
        {"synthesis": {"decoding": "beam", "samples": 5}},
        "synthesis: expected at most as many samples as beams (4), got 5",
    ),
    "a rate twice": ({"selection": {"rates": [0.5, 0.5]}}, "selection.rates: expected each value once"),
    "a seed twice": ({"seeds": [1, 1]}, "seeds: expected each value once"),
    "nobody to say what is easy": (
        {"selection": {"variants": {"easy": {"rates": [0.25], "keep": {"which": "easiest", "by": "slef", "among": 0.5}}}}},
        "selection.variants.easy.keep.by: 'slef' is no verifier of this recipe; did you mean 'self'?",
    ),
    "more kept than passes": (
        {"selection": {"variants": {"easy": {"rates": [0.5], "keep": {"which": "easiest", "by": "self", "among": 0.25}}}}},
        "selection.variants.easy: expected rates of at most keep.among, 0.25, got [0.5]",
    ),
    "two ways to pass": (
        {"selection": {"variants": {"easy": {"rates": [0.5], "keep": {"which": "easiest", "by": "self"}}}}},
        "selection.variants.easy.keep: expected either `among` or `among_at_least`",
    ),
    "a promise of nothing": ({"selection": {"certify": {"wrong_below": 0}}}, "selection.certify.wrong_below"),
    "reserved name": ({"verifiers": {"lead": {"kind": "rouge"}}}, "verifiers.lead: this name stands for something else"),
    "no task": ({"task": None}, "task: missing"),
    "nothing to practise on": (
        {"base": {"tiny": {"pretrain": {"practice_share": 0.5}}}},
        "base.tiny.pretrain.practice_share: the task has no worked examples of an easier kind to practise on",
    ),
    "no kind": (
        {"task": {"kind": None}},
        "task.kind: missing; expected one of chain, eigenvalues, newswire, reasoning, summarization",
    ),
    "no rates": ({"selection": {"rates": []}}, "selection.rates: "),
    "a judge of itself": ({"verifiers": {"strong": {"model": "strong"}}}, "verifiers.strong.model: 'strong' is no model"),
}


@pytest.mark.parametrize(("changes", "told"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_what_contradicts_itself_is_told(write_recipe, changes, told) -> None:
    path = write_recipe(**changes)
    with pytest.raises(InputError) as raised:
        load(path)
    assert f"{path}: {told}" in str(raised.value)


def test_verifiers_that_refer_to_each_other_in_a_circle_are_told(write_recipe) -> None:
    one, other = ({"kind": "perplexity", "model": model, "train": TRAIN} for model in ("other", "one"))
    recipe = load(write_recipe(verifiers={"one": one, "other": other}))
    with pytest.raises(InputError, match=r"verifiers\.one\.model: .* circle"):
        experiment_of(recipe)


NO_RECIPES = {
    "empty": (b"", "expected a mapping of recipe keys, got NoneType"),
    "list": (b"- name: x\n", "expected a mapping of recipe keys, got list"),
    "broken": (b"name: [x\n", "not valid YAML"),
    "not UTF-8": (b"name: caf\xe9\n", "expected UTF-8, got byte 0xe9 at offset 9"),
    "code": (b"name: !!python/object/apply:os.getcwd []\n", "not valid YAML"),
}


@pytest.mark.parametrize(("content", "told"), NO_RECIPES.values(), ids=NO_RECIPES)
def test_file_that_is_no_recipe_is_told(tmp_path, content, told) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError) as raised:
        load(path)
    assert f"{path}: {told}" in str(raised.value)


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    done = summ_collapse("recipe", "--schema")
    assert done.code == 0, done.err
    return json.loads(done.out)


@pytest.mark.parametrize("group", ["tasks", "verifiers"])
def test_schema_has_every_kind(schema, group) -> None:
    choices = {"tasks": schema["properties"]["task"], "verifiers": schema["properties"]["verifiers"]["additionalProperties"]}
    kinds = [choice["properties"]["kind"]["const"] for choice in choices[group]["oneOf"]]
    assert sorted(kinds) == sorted(installed(group))
    assert len(kinds) >= 2
    assert all(choice["additionalProperties"] is False for choice in choices[group]["oneOf"])


def test_schema_has_every_key_of_a_recipe_under_its_name_there(schema) -> None:
    assert set(schema["properties"]) == set(Recipe.model_fields)
    assert "from" in schema["$defs"]["Retrain"]["properties"]


def references(node: Any) -> Iterator[str]:
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else []:
        if key == "$ref":
            yield value
        else:
            yield from references(value)


def test_schema_refers_to_nothing_that_is_not_in_it(schema) -> None:
    assert {f"#/$defs/{name}" for name in schema["$defs"]} >= set(references(schema))
