"""A run: a recipe's graph and its folder. What the recipe names is resolved, and every stage has its place."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from summ_collapse import store
from summ_collapse.errors import InputError
from summ_collapse.experiment.experiment import Experiment, experiment_of
from summ_collapse.graph import Node
from summ_collapse.models.compute import resolved
from summ_collapse.progress import Reporter
from summ_collapse.recipe.load import load, validate
from summ_collapse.recipe.resolve import Names, references, resolve
from summ_collapse.recipe.schema import Recipe
from summ_collapse.stages.stage import Stage
from summ_collapse.store import Artifact, Place

FROZEN = "recipe.json"
ADAPTER_CONFIG = "adapter_config.json"  # what peft writes beside an adapter's weights


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    recipe: Path
    overrides: Sequence[str]
    out: Path
    only: Sequence[str] = ()
    until: str | None = None
    verify: bool = False
    jobs: int = 1

    def arguments(self, stage: str) -> list[str]:
        """The command line that runs one stage of this request."""
        verify = ["--verify"] if self.verify else []
        return ["run", str(self.recipe), *self.overrides, "--out", str(self.out), "--only", stage, *verify]


@dataclass
class Run:
    """A recipe's stages with the places of their results in one run folder."""

    experiment: Experiment
    out: Path
    reporter: Reporter = field(default_factory=Reporter)

    def place(self, node: Node[Stage]) -> Place:
        return Place(self.out, node.kind, node.folder, node.fingerprint)

    def artifact(self, name: str) -> Artifact | None:
        return self.place(self.experiment.stages[name]).artifact()

    def log(self, node: Node[Stage]) -> Path:
        """Where the output of a stage goes that runs in processes of its own."""
        return self.out / "logs" / node.kind / f"{node.folder}.log"


def recipe_of(request: Request) -> Recipe:
    """The recipe that is asked for: a file of the user's, or one that an earlier command froze in the run folder."""
    frozen = request.recipe.name == FROZEN and request.recipe.resolve().is_relative_to(request.out.resolve())
    return thawed(request.recipe) if frozen else load(request.recipe, request.overrides)


def open_run(recipe: Recipe, out: Path) -> Run:
    """Resolve what the recipe names and lay out its stages; InputError where a file or hub id is not there."""
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out}: expected a folder, got a file")
    found = list(references(recipe))
    names = {one.key: resolve(one, recipe.commits) for one in found}
    windowed = {options.model for options in recipe.verifiers.values() if not options.reads_whole}
    for one in found:
        if one.name not in windowed:
            _check_room(recipe, one.name)
    _check_adapters(recipe)
    return Run(experiment_of(recipe, names), out)


def _check_room(recipe: Recipe, model: str) -> None:
    """A local model that is too short for the recipe's documents is known before anything runs."""
    config = Path(model) / "config.json"
    positions = store.read_json(config).get("max_position_embeddings") if config.is_file() else None
    budget, completion = recipe.task.max_document_tokens, recipe.synthesis.max_new_tokens
    if positions is not None and budget + completion >= positions:
        raise InputError(
            f"task.max_document_tokens: a document of {budget} tokens and a completion of {completion} leave no room for the "
            f"prompt in the {positions} positions of model {model}"
        )


def _check_adapters(recipe: Recipe) -> None:
    """A local folder that holds no adapter is known before anything runs."""
    for verifier, options in recipe.verifiers.items():
        adapter = options.adapter
        if adapter is not None and Path(adapter).is_absolute() and not (Path(adapter) / ADAPTER_CONFIG).is_file():
            raise InputError(f"verifiers.{verifier}.adapter: {adapter} holds no adapter: it has no {ADAPTER_CONFIG}")


def freeze(run: Run, request: Request, path: Path) -> None:
    """Leave the resolved recipe at `path`, for `status`, `compare` and jobs that start later."""
    content = {
        "recipe": str(request.recipe),
        "overrides": list(request.overrides),
        "resolved": _settled(run).model_dump(by_alias=True),
    }
    # Verifiers come in the recipe's order, which is the table's too; so keys are not sorted here.
    store.write_json(path, content, sort_keys=False)


def _settled(run: Run) -> Recipe:
    """With what this machine makes of the recipe, since jobs may read it on others: the compute type, and commits of the hub."""
    recipe = run.experiment.recipe
    base = recipe.base.model_copy(update={"dtype": resolved(recipe.base.dtype)})
    return recipe.model_copy(update={"base": base, "commits": _commits(run.experiment.names)})


def _commits(names: Names) -> dict[str, str]:
    return {key: name.commit for key, name in names.items() if name.commit is not None}


def moved(run: Run) -> list[str]:
    """What the hub's names stood for when this folder's run was frozen and do not any more, in words."""
    try:
        before, now = thawed(run.out / FROZEN).commits, _commits(run.experiment.names)
    except InputError:  # nothing was frozen yet, or by a version with other keys
        return []
    return [
        f"{key}: was {before[key]} when this run was made, and is {now[key]} now; what depends on it is made anew. "
        f"To stay there: 'commits={{{key}: \"{before[key]}\"}}'"
        for key in sorted(before.keys() & now.keys())
        if before[key] != now[key]
    ]


def outside(run: Run, recipe: Path) -> list[str]:
    """What a run reads that lies elsewhere than its recipe, in words: files of one's own, wherever they are."""
    folder = recipe.resolve().parent
    read = [one for one in references(run.experiment.recipe) if one.local]
    return [f"{one.where}: reads {one.name}" for one in read if not Path(one.name).is_relative_to(folder)]


def thawed(path: Path) -> Recipe:
    """The recipe that `freeze` left at `path`; InputError where there is none."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected the folder of a run (`run --out`)")
    return validate(store.read_json(path)["resolved"], str(path))


def reopen(out: Path) -> Run:
    """The run whose recipe was left in `out`; InputError where there is none."""
    return open_run(thawed(out / FROZEN), out)
