"""From where a sample is gone on from."""

from summ_collapse.models.encoder import Encoder
from summ_collapse.recipe.decoding import Decoding
from summ_collapse.stages.completing import Completing
from summ_collapse.stages.reading import Reading
from summ_collapse.stages.rollout import Rollout
from tests.models.test_likelihood import DOCUMENTS, PROMPT, make_tokenizer

TEXT = "A storm hit. No one was hurt. Roads are closed."  # sentences of 3, 4 and 3 words


def test_a_text_that_is_longer_than_its_room_is_not_gone_on_from_behind_that() -> None:
    """A candidate in a tokenizer's own tokens may be longer than what its model was allowed to write."""
    encoder = Encoder(make_tokenizer("word"), PROMPT, 64, None)
    found = []
    for room in (11, 7, 3):
        reading = Reading(
            prompt="{document}\n\nTL;DR:", max_document_tokens=64, models={}, dtype="float32", attention="sdpa", threads=1
        )
        completing = Completing(reading=reading, decoding=Decoding("sampling", room, samples=2), engine="transformers")
        stage = Rollout(completing=completing, steps="sentence", margin=0.5, each=1)
        places, beginnings = stage._beginnings(encoder, DOCUMENTS[0], TEXT)
        assert all(cut - beginnings.prompt_length < room for cut in beginnings.cuts)
        found.append(places)
    assert found == [[1, 2], [1], []]
