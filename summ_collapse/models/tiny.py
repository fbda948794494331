"""Tiny Llamas from scratch: a tokenizer trained on the spot, random weights, and sequences that teach to copy."""

from collections.abc import Sequence

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from summ_collapse.models.encoder import Encoder
from summ_collapse.recipe.blocks import Pretrain, Tiny

BOS, EOS, PAD, UNK = "<s>", "</s>", "<pad>", "<unk>"
# Lengths in tokens of what a tiny model learns to copy from. Short periods come first in learning: without them a model of
# two layers does not find out how to look back within its few hundred steps.
REPEATED_TOKENS = 40
SHORTEST_PERIOD, LONGEST_PERIOD = 2, 12
SPANS, SHORTEST_SPAN, LONGEST_SPAN = 3, 4, 10
INITIALIZER_RANGE = 0.04  # twice the usual, for a width a thirtieth of the usual


def train_tokenizer(texts: Sequence[str], kind: str, vocabulary: int, positions: int) -> PreTrainedTokenizerFast:
    """A word-level tokenizer (words and punctuation between blanks), or byte-level BPE, of at most `vocabulary` tokens."""
    special = [PAD, BOS, EOS, UNK]
    if kind == "word":
        tokenizer = Tokenizer(models.WordLevel(unk_token=UNK))
        tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        trainer: trainers.Trainer = trainers.WordLevelTrainer(vocab_size=vocabulary, special_tokens=special, show_progress=False)
    else:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        unk_token=UNK,
        model_max_length=positions,
    )


def make_model(tiny: Tiny, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Random weights from the recipe's seed."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=tiny.width,
        intermediate_size=3 * tiny.width,
        num_hidden_layers=tiny.layers,
        num_attention_heads=tiny.heads,
        num_key_value_heads=tiny.heads,
        max_position_embeddings=tiny.positions,
        tie_word_embeddings=True,
        initializer_range=INITIALIZER_RANGE,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(tiny.seed)
        return LlamaForCausalLM(config)


def pretraining_sequences(
    tiny: Tiny, pretrain: Pretrain, encoder: Encoder, documents: Sequence[str], practice: Sequence[list[int]] = ()
) -> list[list[int]]:
    """Token ids for every sequence of the pretraining.

    A share of them are a few random words, over and over, which teaches to copy anything; the rest are documents whose
    prompt is answered by spans of their own, which teaches what the text is like, and where an answer stands and ends. Before
    these comes the share that are worked examples, `practice`, each as token ids. All are what a pretrained model brings along.
    """
    rng = np.random.default_rng(tiny.seed)
    prompts = encoder.encode(documents)
    first_word, words = len(encoder.tokenizer.all_special_ids), len(encoder.tokenizer)
    repeated = min(REPEATED_TOKENS, tiny.positions - 1)
    sequences = []
    for _ in range(pretrain.steps * pretrain.batch_size):
        if pretrain.practice_share is not None and rng.random() < pretrain.practice_share:
            sequences.append(practice[int(rng.integers(len(practice)))])
            continue
        if rng.random() < pretrain.copy_share:
            period = rng.integers(first_word, words, int(rng.integers(SHORTEST_PERIOD, LONGEST_PERIOD + 1)))
            sequences.append([encoder.tokenizer.bos_token_id, *np.resize(period, repeated).tolist()])
            continue
        prompt = prompts[int(rng.integers(len(prompts)))].ids
        document = prompt[len(encoder.head) : len(prompt) - len(encoder.tail)]
        sequences.append([*prompt, *_spans(document, rng), encoder.eos][: tiny.positions])
    return sequences


def _spans(document: Sequence[int], rng: np.random.Generator) -> list[int]:
    answer: list[int] = []
    for _ in range(SPANS):
        span = int(rng.integers(SHORTEST_SPAN, LONGEST_SPAN + 1))
        start = int(rng.integers(max(1, len(document) - span + 1)))
        answer += document[start : start + span]
    return answer
