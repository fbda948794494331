"""`transformers`: padded batches of similar length, greedy, sampling or beam, through `model.generate`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import DynamicCache, GenerationConfig, PreTrainedModel

from summ_collapse.models.encoder import Encoder
from summ_collapse.models.engines import Beginnings, Tokens
from summ_collapse.models.engines.continuing import continuations
from summ_collapse.models.loading import ModelSource, compute_dtype, load_model
from summ_collapse.models.padding import batches_by_length, padded
from summ_collapse.recipe.decoding import Decoding


def load(source: ModelSource, encoder: Encoder) -> "Transformers":
    """The engine over a model that lies on disk or in the hub's cache."""
    return Transformers(load_model(source, compute_dtype(source.dtype)), encoder)


class Transformers:
    """Batches are cut from the prompts sorted by length, and the random state is set from `seed` first."""

    def __init__(self, model: PreTrainedModel, encoder: Encoder) -> None:
        self.model = model.eval()
        # `generate` fills what we leave open from the model's own settings: repetition penalties, n-gram bans, suppressed
        # tokens, least lengths, as instruct models ship them. What a recipe does not say is to be nobody's choice.
        self.model.generation_config = GenerationConfig()
        self.eos, self.pad = encoder.eos, encoder.pad

    @torch.inference_mode()
    def complete(
        self, prompts: Sequence[Sequence[int]], decoding: Decoding, seed: int, log_probabilities: bool = False
    ) -> list[list[Tokens]]:
        """The result depends on nothing but the arguments."""
        completed: list[list[Tokens]] = [[] for _ in prompts]
        device = self.model.device
        with self._seeded(seed):
            for batch in batches_by_length([len(prompt) for prompt in prompts], decoding.batch_size):
                padded_ids, padded_mask = padded([prompts[index] for index in batch], self.pad, "left")
                ids, mask = padded_ids.to(device), padded_mask.to(device)
                read: dict[str, Any] = {}
                shared = decoding.method == "sampling" and decoding.samples > 1
                if shared and ids.shape[1] > 1:
                    # Samples differ from their first token on: the prompt is read once for all of them.
                    read = {"past_key_values": self._read(ids, mask, decoding.samples)}
                if shared:
                    ids, mask = (each.repeat_interleave(decoding.samples, dim=0) for each in (ids, mask))
                for index, several in zip(batch, self.written(ids, mask, decoding, log_probabilities, **read), strict=True):
                    completed[index] = several
        return completed

    @contextmanager
    def _seeded(self, seed: int) -> Iterator[None]:
        """A random state of its own, from `seed`."""
        device = self.model.device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            yield

    @torch.inference_mode()
    def continue_from(self, sequences: Sequence[Beginnings], decoding: Decoding, seed: int) -> list[list[list[Tokens]]]:
        """Continuations of every cut; each sequence is read once for all of its cuts and samples."""
        with self._seeded(seed):
            return continuations(self, sequences, decoding)

    def written(
        self, ids: torch.Tensor, mask: torch.Tensor, decoding: Decoding, log_probabilities: bool = False, **read: Any
    ) -> list[list[Tokens]]:
        """What follows (rows, tokens) ids that end together; `decoding.samples` rows that stand together are of one prompt."""
        generated = self.generated(ids, mask, decoding, log_probabilities, **read)
        tails = generated.sequences[:, ids.shape[1] :].tolist()
        found = self._log_probabilities(generated) if log_probabilities else [None] * len(tails)
        rows = [self.tokens(tail, ours) for tail, ours in zip(tails, found, strict=True)]
        return [rows[start : start + decoding.samples] for start in range(0, len(rows), decoding.samples)]

    def generated(
        self, ids: torch.Tensor, mask: torch.Tensor, decoding: Decoding, log_probabilities: bool = False, **read: Any
    ) -> Any:
        """What transformers gives: `sequences`, with what is given in front, and `past_key_values`."""
        config = self._config(decoding, log_probabilities)
        return self.model.generate(input_ids=ids, attention_mask=mask, generation_config=config, **read)

    def _read(self, ids: torch.Tensor, mask: torch.Tensor, samples: int) -> DynamicCache:
        """Keys and values of all of each prompt but its last token, `samples` times. (rows, tokens) ids and mask, padded left."""
        cache = DynamicCache(config=self.model.config)
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
        self.model(
            input_ids=ids[:, :-1],
            attention_mask=mask[:, :-1],
            position_ids=positions[:, :-1],
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        cache.batch_repeat_interleave(samples)
        return cache

    def _log_probabilities(self, generated: Any) -> list[list[float]]:
        found = self.model.compute_transition_scores(
            generated.sequences, generated.logits, getattr(generated, "beam_indices", None), normalize_logits=True
        )
        rows: list[list[float]] = found.float().tolist()
        return rows

    def tokens(self, tail: list[int], log_probabilities: list[float] | None = None) -> Tokens:
        """What a row says up to its end."""
        ended = self.eos in tail
        length = tail.index(self.eos) if ended else len(tail)
        return Tokens(tail[:length], ended, log_probabilities[: length + ended] if log_probabilities is not None else None)

    def _config(self, decoding: Decoding, logits: bool) -> GenerationConfig:
        sampling = decoding.method == "sampling"
        return GenerationConfig(
            max_new_tokens=decoding.max_new_tokens,
            do_sample=sampling,
            temperature=decoding.temperature if sampling else None,
            top_p=decoding.top_p if sampling else None,
            top_k=0 if sampling else None,
            num_beams=decoding.beams if decoding.method == "beam" else 1,
            num_return_sequences=decoding.samples if decoding.method == "beam" else 1,
            eos_token_id=self.eos,
            pad_token_id=self.pad,
            return_dict_in_generate=True,
            output_logits=logits or None,
        )
