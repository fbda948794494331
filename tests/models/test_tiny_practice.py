"""What a tiny base is pretrained on: worked examples of an easier kind, where the recipe asks for a share of them."""

from summ_collapse.models.encoder import Encoder
from summ_collapse.models.tiny import pretraining_sequences, train_tokenizer
from summ_collapse.recipe.blocks import Pretrain, Tiny
from summ_collapse.tasks.newswire_articles import examples
from summ_collapse.tasks.prompt import Prompt

DOCUMENTS = examples(20, 7)["document"].to_pylist()


def test_a_share_of_the_sequences_are_worked_examples_and_without_one_nothing_changes() -> None:
    tokenizer = train_tokenizer(DOCUMENTS, "word", 600, 128)
    encoder = Encoder(tokenizer, Prompt.parse("{document} TL;DR:"), 64)
    worked = [[5, 6, 7], [8, 9]]
    found = {}
    for share in (None, 0.5, 1.0):
        pretrain = Pretrain(steps=50, batch_size=8, practice_share=share)
        tiny = Tiny(positions=128, pretrain=pretrain)
        sequences = pretraining_sequences(tiny, pretrain, encoder, DOCUMENTS, worked)
        found[share] = sum(one in worked for one in sequences) / len(sequences)
    assert found[None] == 0
    assert found[1.0] == 1
    # Four standard errors of a share of 400.
    assert abs(found[0.5] - 0.5) < 4 * (0.25 / 400) ** 0.5
