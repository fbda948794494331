"""What contradicts itself in a recipe although every key alone is right."""

from collections.abc import Sequence

from pydantic import ValidationError

from summ_collapse.plugins import installed, nearest, unknown_metric
from summ_collapse.recipe.blocks import CONTROLS, MAIN, SliceTraining, Training
from summ_collapse.recipe.errors import describe
from summ_collapse.recipe.schema import Recipe, samples_needed, trainings
from summ_collapse.recipe.selecting import Variant

SHARDING = ("fsdp", "zero3")  # launch shapes that spread a model over their ranks

GENERATING = ("generations", "preference")  # designs in which a model of the recipe writes


def contradictions(recipe: Recipe) -> list[str]:
    """What no single key shows to be wrong."""
    problems = []
    for where, name in [("wrong.metric", recipe.wrong.metric), *(("evaluation.metrics", n) for n in recipe.evaluation.metrics)]:
        problems += [f"{where}: {problem}" for problem in unknown_metric(name)]
    for where, values in (
        ("seeds", recipe.seeds),
        ("evaluation.metrics", recipe.evaluation.metrics),
        ("controls", recipe.controls),
        ("generator.slice", [f"{share:g}" for share in recipe.generator.slices]),
    ):
        problems += _repeated(where, values, "value")
    # Of real rows alone a mixture's arm is called real-SHARE, as those of a verifier are NAME-RATE.
    kept = {"judge", *CONTROLS, "base"} | ({"real"} if recipe.mixtures is not None else set())
    reserved = kept & set(recipe.verifiers)
    if reserved:
        problems.append(f"verifiers.{min(reserved)}: this name stands for something else; choose another")
    names = {"base", "generator", *(name for name, options in recipe.verifiers.items() if options.train is not None)}
    for name, verifier in recipe.verifiers.items():
        problems += [f"verifiers.{name}.{problem}" for problem in verifier.problems(names - {name})]
    problems += _not_installed("synthesis.engine", "engines", [recipe.synthesis.engine])
    problems += _not_installed("designs", "designs", recipe.designs)
    problems += (
        _verifiers_in_need(recipe) + _selections(recipe) + _certificate(recipe) + _generations(recipe) + _whole_models(recipe)
    )
    problems += _preference(recipe) + _soft(recipe) + _mixtures(recipe) + _given_candidates(recipe)
    if ("theirs" in recipe.designs) != bool(recipe.arms):
        problems.append("designs: expected `theirs` here and the block `arms`, or neither")
    problems += [f"task.{problem}" for problem in recipe.task.problems(recipe.base)] + _early_stopping(recipe)
    tiny = recipe.base.tiny
    if tiny is not None and tiny.pretrain is not None and tiny.pretrain.practice_share is not None and not recipe.task.practised:
        problems.append("base.tiny.pretrain.practice_share: the task has no worked examples of an easier kind to practise on")
    budget = recipe.task.max_document_tokens
    if tiny is not None and budget + recipe.synthesis.max_new_tokens >= tiny.positions:
        problems.append(
            f"task.max_document_tokens: a document of {budget} tokens and a completion of {recipe.synthesis.max_new_tokens} "
            f"leave no room for the prompt in base.tiny.positions ({tiny.positions})"
        )
    return problems


def _not_installed(where: str, group: str, names: Sequence[str]) -> list[str]:
    there = installed(group)
    return [
        f"{where}: unknown {group[:-1]} {name!r}{nearest(name, there)}; installed: {', '.join(there)}"
        for name in names
        if name not in there
    ]


def _repeated(where: str, values: Sequence[object], what: str) -> list[str]:
    return [f"{where}: expected each {what} once, got {values}"] if len(set(values)) < len(values) else []


def _verifiers_in_need(recipe: Recipe) -> list[str]:
    """Verifiers that read scores which nobody makes, or more candidates than there are."""
    problems = []
    several = len(recipe.seeds) > 1 or len(recipe.generator.slices) > 1 or bool(recipe.synthesis.variants)
    for name, verifier in recipe.verifiers.items():
        if verifier.one_pool and several and not recipe.synthesis.given:
            problems.append(
                f"verifiers.{name}: its file is about the candidates of one pool, and this recipe makes several, whose ids are "
                "the same; expected synthesis.candidates, or one seed, slice and pool"
            )
        if verifier.train is not None and verifier.train.only is not None and verifier.train.early_stopping is not None:
            problems.append(f"verifiers.{name}.train.early_stopping: not with `only`, whose part it would not look at")
        problems += _repeated(f"verifiers.{name}.of", list(verifier.sources), "name")
        others = sorted(set(recipe.verifiers) - {name})
        problems += [
            f"verifiers.{name}.of: {source!r} is no other verifier of this recipe{nearest(source, others)}; "
            f"expected one of {', '.join(others)}"
            for source in verifier.sources
            if source not in others
        ]
        needed, pools = samples_needed(recipe, name), recipe.synthesis.all()
        most = max(how.samples for how in pools.values())
        if most < needed:
            problems.append(f"verifiers.{name}.kind: {verifier.kind} needs synthesis.samples of at least {needed}, got {most}")
            continue
        problems += [
            f"{where}: {name} needs at least {needed} samples a document, and the pool {pool!r} has {how.samples}; "
            "expected `pools` and `verifiers` that go together"
            for pool, how in pools.items()
            for where, way in _ways_of(recipe, pool)
            if how.samples < needed
            if name in (way.verifiers or recipe.verifiers) or (way.keep is not None and way.keep.by == name)
        ]
        if recipe.mixtures is not None and name in (recipe.mixtures.verifiers or ()) and recipe.synthesis.samples < needed:
            there = recipe.synthesis.samples
            problems.append(f"mixtures.verifiers: {name} needs at least {needed} samples a document, got {there}")
    return problems


def _ways_of(recipe: Recipe, pool: str) -> list[tuple[str, Variant]]:
    """The ways of selecting from a pool, each with its key."""
    ways = recipe.selection.of(pool).items()
    return [(f"selection.variants.{variant}" if variant else "selection", how) for variant, how in ways]


def _selections(recipe: Recipe) -> list[str]:
    """Selections that name no verifier of the recipe, or whose arms could not be told apart."""
    problems = []
    names: list[str] = []
    pools = list(recipe.synthesis.all())
    if MAIN in recipe.synthesis.variants:
        problems.append(f"synthesis.variants.{MAIN}: this is what the pool of `synthesis` itself is called; choose another name")
    for variant, how in recipe.selection.all().items():
        where = f"selection.variants.{variant}" if variant else "selection"
        problems += [
            f"{where}.verifiers: {name!r} is no verifier of this recipe{nearest(name, list(recipe.verifiers))}"
            for name in how.verifiers or ()
            if name not in recipe.verifiers
        ]
        if how.keep is not None and how.keep.by not in recipe.verifiers:
            near = nearest(how.keep.by, list(recipe.verifiers))
            problems.append(f"{where}.keep.by: {how.keep.by!r} is no verifier of this recipe{near}")
        problems += _repeated(f"{where}.rates", [f"{rate:g}" for rate in how.rates or ()], "value")
        problems += _repeated(f"{where}.verifiers", how.verifiers or [], "name")
        problems += _repeated(f"{where}.pools", how.pools or [], "name")
        problems += [
            f"{where}.pools: {name!r} is no pool of this recipe{nearest(name, pools)}; expected one of {', '.join(pools)}"
            for name in how.pools or ()
            if name not in pools
        ]
        names += [f"{name}-{variant}" for name in how.verifiers or recipe.verifiers if variant]
    clashes = {name for name in names if name in recipe.verifiers}
    if clashes:
        problems.append(f"verifiers.{min(clashes)}: this is also what a variant's arms are called; rename one")
    return problems


def _certificate(recipe: Recipe) -> list[str]:
    """A promise that no selection could have."""
    if recipe.selection.certify is None:
        return []
    honest = [name for name, options in recipe.verifiers.items() if not (options.reads_reference or options.at_random)]
    if any(how.rates and set(how.verifiers or honest) & set(honest) for how in recipe.selection.all().values()):
        return []
    return ["selection.certify: expected a verifier, neither an oracle nor random, that arms are selected by at a rate"]


def _generations(recipe: Recipe) -> list[str]:
    """Regimes that no design asks for, or that name no verifier of the recipe."""
    wanted = recipe.generations
    if ("generations" in recipe.designs) != (wanted is not None):
        return ["designs: expected `generations` here and the block `generations`, or neither"]
    problems = []
    for name, regime in (wanted.regimes if wanted else {}).items():
        try:
            regime.retrained(recipe.retrain)
        except ValidationError as error:
            place = ("generations", "regimes", name, "training")
            problems += [describe(detail, Training, place) for detail in error.errors()]
        where, verifier = f"generations.regimes.{name}.verifier", regime.verifier
        if verifier is None:
            continue
        if verifier not in recipe.verifiers:
            problems.append(f"{where}: {verifier!r} is no verifier of this recipe{nearest(verifier, list(recipe.verifiers))}")
        elif samples_needed(recipe, verifier) > recipe.synthesis.samples:
            needed = samples_needed(recipe, verifier)
            problems.append(f"{where}: {verifier} needs synthesis.samples of at least {needed}, got {recipe.synthesis.samples}")
    return problems


def _preference(recipe: Recipe) -> list[str]:
    """A block that no design asks for, or that names no verifier or pool, or a pool in which nothing can be compared."""
    wanted = recipe.preference
    if ("preference" in recipe.designs) != (wanted is not None):
        return ["designs: expected `preference` here and the block `preference`, or neither"]
    if wanted is None:
        return []
    pools = recipe.synthesis.all()
    if wanted.pool not in pools:
        there = ", ".join(pools)
        return [
            f"preference.pool: {wanted.pool!r} is no pool of this recipe{nearest(wanted.pool, pools)}; expected one of {there}"
        ]
    if wanted.verifier not in recipe.verifiers:
        return [
            f"preference.verifier: {wanted.verifier!r} is no verifier of this recipe{nearest(wanted.verifier, recipe.verifiers)}"
        ]
    problems = []
    samples, verifier = pools[wanted.pool].samples, recipe.verifiers[wanted.verifier]
    if samples < 2:
        problems.append(f"preference.pool: expected at least 2 samples a document in {wanted.pool!r}, of which pairs are made")
    if "dpo-step" in wanted.arms and (verifier.sources or samples_needed(recipe, wanted.verifier) > 1):
        problems.append(
            f"preference.verifier: {wanted.verifier} reads other samples, and rollouts are scored one by one; expected another"
        )
    if "dpo-step" in wanted.arms and pools[wanted.pool].decoding != "sampling":
        problems.append(
            f"preference.pool: expected a pool with decoding: sampling, as rollouts are, got {pools[wanted.pool].decoding}"
        )
    return problems


def _soft(recipe: Recipe) -> list[str]:
    """A block that no design asks for, or that names no verifier."""
    wanted = recipe.soft
    if ("soft" in recipe.designs) != (wanted is not None):
        return ["designs: expected `soft` here and the block `soft`, or neither"]
    if wanted is None or wanted.verifier in recipe.verifiers:
        return []
    return [f"soft.verifier: {wanted.verifier!r} is no verifier of this recipe{nearest(wanted.verifier, recipe.verifiers)}"]


def _mixtures(recipe: Recipe) -> list[str]:
    """A block that no design asks for, or that names no verifier, or nothing to learn from."""
    wanted = recipe.mixtures
    if ("mixtures" in recipe.designs) != (wanted is not None):
        return ["designs: expected `mixtures` here and the block `mixtures`, or neither"]
    if wanted is None:
        return []
    if not wanted.unfiltered and wanted.verifiers == []:
        return ["mixtures: expected `unfiltered: true` or verifiers, of whose candidates there is something to mix"]
    return [
        f"mixtures.verifiers: {name!r} is no verifier of this recipe{nearest(name, recipe.verifiers)}"
        for name in wanted.verifiers or ()
        if name not in recipe.verifiers
    ]


def _given_candidates(recipe: Recipe) -> list[str]:
    """What needs a generator where candidates are given, and the other way round."""
    if recipe.synthesis.candidates is None:
        return [] if recipe.generator.train is not None else ["generator.train: expected it, or synthesis.candidates"]
    problems = []
    if recipe.generator.train is not None:
        problems.append("generator.train: synthesis.candidates are there already, and nothing is generated; leave it out")
    if recipe.retrain.start == "generator":
        problems.append("retrain.from: expected base; who wrote synthesis.candidates is not at hand")
    if recipe.synthesis.only_slice or recipe.synthesis.documents is not None:
        problems.append("synthesis: expected neither only_slice nor documents; synthesis.candidates are read as they are")
    if recipe.synthesis.variants:
        problems.append("synthesis.variants: expected none; synthesis.candidates are one pool")
    problems += [
        f"designs: {name} needs a generator, and synthesis.candidates has none" for name in recipe.designs if name in GENERATING
    ]
    problems += [
        f"verifiers.{name}.model: expected another than generator, which wrote synthesis.candidates and is not at hand"
        for name, options in recipe.verifiers.items()
        if options.model == "generator"
    ]
    return problems


def _early_stopping(recipe: Recipe) -> list[str]:
    """Trainings that would look at rows which the model that they start from has learnt."""
    if recipe.retrain.start != "generator":
        return []
    before = recipe.generator.train.early_stopping if recipe.generator.train is not None else None
    return [
        f"{where}.early_stopping: expected `from: base`, or as large a share held out by generator.train.early_stopping: "
        "the generator has learnt the rows that it would look at"
        for where, one in trainings(recipe).items()
        if one is not recipe.generator.train and not isinstance(one, SliceTraining)  # a verifier's, which starts elsewhere
        if one.early_stopping is not None and (before is None or before.share < one.early_stopping.share)
    ]


def _whole_models(recipe: Recipe) -> list[str]:
    """What cannot be on a model that is sharded: QLoRA, which cannot stand on an adapter either, and early stopping."""
    problems = [
        f"{where}.method: qlora runs on whole models (single, ddp), and launch.train is {recipe.launch.training('qlora')}"
        for where, training in trainings(recipe).items()
        if training.method == "qlora" and recipe.launch.training("qlora") in SHARDING
    ]
    problems += [
        f"{where}.early_stopping: it runs on whole models (single, ddp), and launch.train is {recipe.launch.training(one.method)}"
        for where, one in trainings(recipe).items()
        if one.early_stopping is not None and recipe.launch.training(one.method) in SHARDING
    ]
    before = recipe.retrain if recipe.preference is not None and recipe.preference.start == "rft" else recipe.generator.train
    learnt = recipe.preference.train if recipe.preference is not None else None
    if learnt is not None and learnt.method == "qlora" and before is not None and before.adapter:
        problems.append("preference.train.method: qlora starts from a whole model, and the one before it is an adapter")
    if learnt is not None and recipe.launch.training(learnt.method) in SHARDING:
        shape = recipe.launch.training(learnt.method)
        problems.append(f"preference.train: it runs on whole models (single, ddp), and launch.train is {shape}")
    from_adapter = recipe.generator.train is not None and recipe.generator.train.adapter
    if recipe.retrain.method == "qlora" and recipe.retrain.start == "generator" and from_adapter:
        problems.append("retrain.method: qlora starts from a whole model, and generator.train makes an adapter")
    return problems
