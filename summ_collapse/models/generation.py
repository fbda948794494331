"""Generating completions: padded batches of similar length, greedy, sampling or beam, through `model.generate`."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import GenerationConfig, PreTrainedModel

from summ_collapse.models.encoder import Encoder


@dataclass(frozen=True)
class Decoding:
    """How completions are drawn."""

    method: str
    max_new_tokens: int
    samples: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    beams: int = 1
    batch_size: int = 64


@dataclass(frozen=True)
class Completion:
    """One generated text; n_tokens counts its EOS, finish is `length` where none came."""

    text: str
    n_tokens: int
    finish: str


@torch.inference_mode()
def generate(
    model: PreTrainedModel, encoder: Encoder, documents: Sequence[str], decoding: Decoding, seed: int
) -> list[list[Completion]]:
    """`decoding.samples` completions for each document, in the documents' order.

    Batches are cut from the documents sorted by length, and the random state is set from `seed` first, so that the result
    depends on nothing but the arguments.
    """
    prompts = encoder.encode(documents)
    by_length = sorted(range(len(prompts)), key=lambda index: (-len(prompts[index].ids), index))
    config = _config(encoder, decoding)
    completions: list[list[Completion]] = [[] for _ in prompts]
    model.eval()
    with torch.random.fork_rng(devices=[model.device] if model.device.type == "cuda" else []):
        torch.manual_seed(seed)
        for start in range(0, len(by_length), decoding.batch_size):
            batch = by_length[start : start + decoding.batch_size]
            ids, mask = left_padded([prompts[index].ids for index in batch], encoder.pad)
            generated = model.generate(
                input_ids=ids.to(model.device), attention_mask=mask.to(model.device), generation_config=config
            )
            tails = generated[:, ids.shape[1] :].tolist()
            for place, index in enumerate(batch):
                for tail in tails[place * decoding.samples : (place + 1) * decoding.samples]:
                    completions[index].append(_completion(encoder, tail))
    return completions


def left_padded(sequences: Sequence[Sequence[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(batch, longest) token ids that end together, and their attention mask."""
    longest = max(len(sequence) for sequence in sequences)
    ids = torch.full((len(sequences), longest), pad, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        ids[row, longest - len(sequence) :] = torch.tensor(sequence)
        mask[row, longest - len(sequence) :] = 1
    return ids, mask


def _config(encoder: Encoder, decoding: Decoding) -> GenerationConfig:
    sampling = decoding.method == "sampling"
    return GenerationConfig(
        max_new_tokens=decoding.max_new_tokens,
        do_sample=sampling,
        temperature=decoding.temperature if sampling else None,
        top_p=decoding.top_p if sampling else None,
        top_k=0 if sampling else None,
        num_beams=decoding.beams if decoding.method == "beam" else 1,
        num_return_sequences=decoding.samples,
        eos_token_id=encoder.eos,
        pad_token_id=encoder.pad,
    )


def _completion(encoder: Encoder, tail: list[int]) -> Completion:
    stopped = encoder.eos in tail
    ids = tail[: tail.index(encoder.eos)] if stopped else tail
    text = encoder.decode([ids])[0]
    return Completion(text, len(ids) + stopped, "stop" if stopped else "length")
