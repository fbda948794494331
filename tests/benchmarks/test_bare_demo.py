"""The plain script is a comparison only as long as its sizes are those of the demo."""

from pathlib import Path

from benchmarks import bare_demo as bare
from summ_collapse.recipe.load import load


def test_the_plain_script_does_the_demos_work() -> None:
    recipe = load(Path(__file__).parents[2] / "recipes" / "demo.yaml")
    task, tiny, train = recipe.task, recipe.base.tiny, recipe.retrain
    assert tiny is not None
    assert (task.rows, task.test, tuple(task.kinds)) == (bare.ROWS, bare.TEST, bare.KINDS)
    assert (task.kind_skew, task.entity_skew, task.distractors) == (0, 0, (0, 0))
    assert (task.max_document_tokens, recipe.synthesis.max_new_tokens) == (bare.LONGEST_DOCUMENT, bare.NEW)
    assert (tiny.width, tiny.layers, tiny.heads) == (bare.WIDTH, bare.LAYERS, bare.HEADS)
    assert (tiny.positions, tiny.vocabulary) == (bare.POSITIONS, bare.VOCABULARY)
    before = tiny.pretrain
    assert (before.steps, before.batch_size) == (bare.PRETRAIN, bare.PRETRAIN_BATCH)
    assert (before.learning_rate, before.copy_share) == (bare.PRETRAIN_RATE, bare.COPY_SHARE)
    assert (train.steps, train.batch_size, train.learning_rate) == (bare.STEPS, bare.BATCH, bare.RATE)
    assert (train.adam_beta2, train.warmup_steps) == (bare.BETA2, bare.WARMUP)
    learnt = recipe.verifiers["trained"].train
    for other in (recipe.generator.train, learnt):
        assert train.alike(other)
    assert (recipe.generator.slice * task.rows, learnt.slice * task.rows, learnt.seed) == (bare.SLICE, bare.TRAINED, 0)
    assert tuple(recipe.selection.rates) == bare.RATES
