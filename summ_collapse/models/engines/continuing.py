"""Going on from many places of a few sequences: each sequence is read once, for all of its places and samples.

Keys and values of a whole sequence hold those of all its beginnings. What is continued together was cut after about as many
tokens, so that it ends after about as many; what has ended leaves every few tokens, so that nobody waits for the few that never
end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from transformers import DynamicCache, PreTrainedModel

from summ_collapse.models.engines import Beginnings, Tokens, within
from summ_collapse.models.padding import batches_by_length, padded
from summ_collapse.recipe.decoding import Decoding

PART = 8  # tokens after which rows that have ended leave


class Writer(Protocol):
    """An engine whose model is at hand."""

    model: PreTrainedModel
    pad: int

    def written(self, ids: torch.Tensor, mask: torch.Tensor, decoding: Decoding, **read: Any) -> list[list[Tokens]]: ...

    def generated(self, ids: torch.Tensor, mask: torch.Tensor, decoding: Decoding, **read: Any) -> Any: ...

    def tokens(self, tail: list[int]) -> Tokens: ...


@dataclass(frozen=True)
class _Cut:
    """One beginning: of which sequence of a batch, and which of its cuts."""

    place: int
    number: int
    of: Beginnings

    @property
    def tokens(self) -> int:
        return self.of.cuts[self.number]

    @property
    def completed(self) -> int:
        """Tokens of the completion that are there already."""
        return self.tokens - self.of.prompt_length


@dataclass(frozen=True)
class _Read:
    """A batch of sequences, (rows, tokens) padded right, and what the model remembers of them."""

    ids: torch.Tensor
    cache: DynamicCache | None  # None where a model keeps no keys of every token: beginnings are then read one by one


def continuations(engine: Writer, sequences: Sequence[Beginnings], decoding: Decoding) -> list[list[list[Tokens]]]:
    """`decoding.samples` a cut, by sequence and cut; a batch holds `decoding.batch_size` sequences, or cuts."""
    found: list[list[list[Tokens]]] = [[[] for _ in one.cuts] for one in sequences]
    for rows in batches_by_length([len(one.ids) for one in sequences], decoding.batch_size):
        of = [sequences[row] for row in rows]
        cuts = [_Cut(place, number, one) for place, one in enumerate(of) for number in range(len(one.cuts))]
        if not cuts:
            continue
        read = _read(engine, of)
        for batch in batches_by_length([cut.tokens for cut in cuts], decoding.batch_size):
            together = [cuts[one] for one in batch]
            for cut, several in zip(together, _continue(engine, read, together, decoding), strict=True):
                found[rows[cut.place]][cut.number] = within(several, cut.of, cut.tokens, decoding)
    return found


def _read(engine: Writer, sequences: Sequence[Beginnings]) -> _Read:
    ids, mask = (part.to(engine.model.device) for part in padded([one.ids for one in sequences], engine.pad, "right"))
    cache = DynamicCache(config=engine.model.config)
    if getattr(engine.model, "_is_stateful", False) or any(getattr(layer, "is_sliding", False) for layer in cache.layers):
        return _Read(ids, None)
    engine.model(input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=True, logits_to_keep=1)
    return _Read(ids, cache)


def _continue(engine: Writer, read: _Read, cuts: Sequence[_Cut], decoding: Decoding) -> list[list[Tokens]]:
    """`decoding.samples` continuations of each cut."""
    samples = decoding.samples if decoding.method == "sampling" else 1
    left = replace(decoding, max_new_tokens=decoding.max_new_tokens - min(cut.completed for cut in cuts))
    longest = max(cut.tokens for cut in cuts)
    if read.cache is None or longest == 1:
        given, mask = (
            part.to(read.ids.device) for part in padded([cut.of.ids[: cut.tokens] for cut in cuts], engine.pad, "left")
        )
        given, mask = (each.repeat_interleave(samples, dim=0) for each in (given, mask))
        return engine.written(given, mask, left)
    places = [cut.place for cut in cuts]
    ends = torch.tensor([cut.tokens for cut in cuts], device=read.ids.device)[:, None]
    # The last token of each is read again, behind the keys of those before it and a gap that nothing looks at.
    columns = torch.arange(longest, device=read.ids.device)
    mask = ((columns < ends - 1) | (columns == longest - 1)).long()
    ids = read.ids[places, :longest]
    ids[:, -1:] = read.ids[places].gather(1, ends - 1)
    cache = _part(read.cache, engine.model.config, places, longest - 1, samples)
    ids, mask = (each.repeat_interleave(samples, dim=0) for each in (ids, mask))
    rows = _in_parts(engine, ids, mask, left, cache)
    return [rows[start : start + samples] for start in range(0, len(rows), samples)]


def _in_parts(engine: Writer, ids: torch.Tensor, mask: torch.Tensor, decoding: Decoding, cache: DynamicCache) -> list[Tokens]:
    """What follows each of (rows, tokens) ids, of whose tokens but the last the cache has keys and values."""
    tails: list[list[int]] = [[] for _ in ids]
    rows, left = list(range(len(tails))), decoding.max_new_tokens
    while rows and left:
        part = engine.generated(ids, mask, replace(decoding, max_new_tokens=min(PART, left)), past_key_values=cache)
        written = part.sequences[:, ids.shape[1] :]
        left -= written.shape[1]
        for row, tail in zip(rows, written.tolist(), strict=True):
            tails[row] += tail
        on = [place for place, row in enumerate(rows) if not engine.tokens(tails[row]).ended]
        rows, ids, cache = [rows[place] for place in on], part.sequences[on], part.past_key_values
        mask = torch.cat([mask[on], mask.new_ones(len(on), written.shape[1])], dim=1)
        if on:
            cache.batch_select_indices(torch.tensor(on, device=ids.device))
    return [engine.tokens(tail) for tail in tails]


def _part(read: DynamicCache, config: Any, rows: list[int], tokens: int, times: int) -> DynamicCache:
    """A copy of these rows' first tokens, each so many times."""
    part = DynamicCache(config=config)
    for place, layer in enumerate(read.layers):
        keys, values = (each[rows, :, :tokens].repeat_interleave(times, dim=0) for each in (layer.keys, layer.values))
        part.update(keys, values, place)
    return part
