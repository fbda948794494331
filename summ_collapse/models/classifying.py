"""Logits of a sequence classifier for documents and candidates: as pairs, long documents in windows; or as completions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from summ_collapse.models.encoder import Encoder
from summ_collapse.models.padding import batches_by_length, padded

NOWHERE = -1  # a padding token that no text has


@dataclass(frozen=True)
class Windows:
    """Logits of every window of every pair, one behind the other."""

    logits: np.ndarray  # (windows, labels) float64
    pair: np.ndarray  # whose window it is, (windows,); pairs whose candidate fits no window have none
    tokens: np.ndarray  # that were read of each pair, (pairs,) int32


@torch.inference_mode()
def pair_logits(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    documents: Sequence[str],
    candidates: Sequence[str],
    longest: int,
    batch_size: int,
) -> Windows:
    """Pairs as the tokenizer joins two texts. A document that does not fit in `longest` tokens beside its candidate is read in
    windows that overlap by half of the room which that leaves.
    """
    windows, pair = [], []
    tokens = np.zeros(len(documents), dtype=np.int32)
    for row, (document, candidate) in enumerate(zip(documents, candidates, strict=True)):
        for window in _windows(tokenizer, document, candidate, longest):
            windows.append(window)
            pair.append(row)
            tokens[row] += len(window["input_ids"])
    together = batch_size if tokenizer.pad_token is not None else 1
    return Windows(_logits(model, tokenizer, windows, together), np.array(pair, dtype=np.int64), tokens)


def _windows(tokenizer: PreTrainedTokenizerBase, document: str, candidate: str, longest: int) -> Iterator[dict[str, list[int]]]:
    settings: dict[str, Any] = {"split_special_tokens": True, "verbose": False}
    alone = len(tokenizer("", candidate, **settings)["input_ids"])
    if alone >= longest:
        return
    found = tokenizer(
        document,
        candidate,
        truncation="only_first",
        max_length=longest,
        stride=(longest - alone) // 2,
        return_overflowing_tokens=True,
        **settings,
    )
    keys = [key for key in found if key in tokenizer.model_input_names]
    for place in range(len(found["input_ids"])):
        yield {key: found[key][place] for key in keys}


def _logits(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, windows: Sequence[Mapping[str, list[int]]], batch_size: int
) -> np.ndarray:
    found = np.zeros((len(windows), model.config.num_labels))
    for batch in batches_by_length([len(window["input_ids"]) for window in windows], batch_size):
        given: Any = [windows[place] for place in batch]
        inputs = tokenizer.pad(given, return_tensors="pt") if len(batch) > 1 else _alone(given[0])
        logits = model(**{key: value.to(model.device) for key, value in inputs.items()}).logits
        found[batch] = logits.double().cpu().numpy()
    return found


def _alone(window: Mapping[str, list[int]]) -> dict[str, torch.Tensor]:
    return {key: torch.tensor([value]) for key, value in window.items()}


@torch.inference_mode()
def completion_logits(
    model: PreTrainedModel, encoder: Encoder, documents: Sequence[str], candidates: Sequence[str], batch_size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits, (rows, labels) float64, of each prompt with its completion and EOS, as a causal reward model was taught on; tokens
    that were read, (rows,) int32; and whether the document was cut, (rows,) bool.
    """
    # It reads its verdict at the last token that is no padding, which is ours wherever padding is on the left.
    model.config.pad_token_id = NOWHERE
    encoded = encoder.encode(documents, candidates)
    found = np.zeros((len(encoded), model.config.num_labels))
    lengths = [len(one.ids) for one in encoded]
    for batch in batches_by_length(lengths, batch_size):
        ids, mask = (part.to(model.device) for part in padded([encoded[row].ids for row in batch], encoder.pad, "left"))
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        found[batch] = model(input_ids=ids, attention_mask=mask, position_ids=positions).logits.double().cpu().numpy()
    return found, np.array(lengths, dtype=np.int32), np.array([one.truncated for one in encoded])
