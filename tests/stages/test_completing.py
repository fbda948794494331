"""Into how many chunks documents fall: what a recipe says for a pool, and what keeps devices busy for test rows."""

import math

import pytest

from summ_collapse.recipe.decoding import Decoding
from summ_collapse.stages.completing import Completing
from summ_collapse.stages.reading import Reading

READING = Reading(prompt="{document}", max_document_tokens=64, models={}, dtype="float32", attention="sdpa", threads=1)


def completing(batch_size: int, chunk_size: int | None = None) -> Completing:
    decoding = Decoding("greedy", 16, batch_size=batch_size)
    return Completing(reading=READING, decoding=decoding, chunk_size=chunk_size, engine="transformers")


@pytest.mark.parametrize("documents", [11_334, 11_535, 40_000, 300_000])
@pytest.mark.parametrize("batch_size", [16, 64])
@pytest.mark.parametrize("devices", [8, 16])
def test_few_devices_idle_at_the_end_of_an_evaluation(documents: int, batch_size: int, devices: int) -> None:
    """Under the pool's 2,048 a chunk 11,334 rows were six chunks, and two of eight GPUs had nothing to do."""
    ours = completing(batch_size)
    chunks = ours.chunks(documents)
    assert chunks is not None
    rounds = math.ceil(chunks / devices)
    assert chunks / (rounds * devices) >= 0.9
    # Several batches each, since only those of one chunk are sorted by length together.
    assert ours.documents_a_chunk(documents) >= 4 * batch_size
    assert ours.documents_a_chunk(documents) % batch_size == 0


def test_a_recipe_says_it_for_a_pool_and_few_rows_are_one_chunk() -> None:
    assert completing(64, 2048).chunks(300_000) == 147
    assert completing(64).chunks(1000) == completing(64).chunks(1024) == 1
    assert completing(64).chunks(None) is None
