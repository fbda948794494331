"""`classifier`: any sequence classifier as a verifier: an entailment model over (document, summary), a reward model, one's own.

It costs a pass a candidate (a sentence and window of it, for long texts), with a model that is often a fiftieth of a judge's.
An entailment model sees what a summary claims and the document does not; a reward model sees what people preferred.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from summ_collapse.errors import InputError
from summ_collapse.metrics import steps
from summ_collapse.recipe.blocks import Options
from summ_collapse.recipe.names import ModelReference
from summ_collapse.tasks.chat import Chat
from summ_collapse.verifiers.request import Request, Scored
from summ_collapse.verifiers.verifier import Encoding, Verifier

if TYPE_CHECKING:
    from summ_collapse.models.loading import ModelSource


class Pairs(Options):
    """How document and candidate are read as a pair of texts."""

    window: int = Field(512, gt=8, description="most tokens a pass, candidate included; no more than the model can read")
    windows: Literal["best", "mean"] = Field("best", description="of the windows of a long document: the best score or the mean")
    sentences: Literal["whole", "mean", "worst"] = Field(
        "mean", description="the candidate whole, or sentence by sentence: the mean of their scores, or the worst"
    )


class Classifier(Verifier):
    """The probability of one label, or the logit of a model that has one: higher is better."""

    adapter: ClassVar[None] = None
    train: ClassVar[None] = None

    kind: Literal["classifier"]
    model: ModelReference = Field(description="hub id or path of a sequence classifier in safetensors")
    revision: str | None = Field(None, description="hub revision of the model: branch, tag or commit")
    label: str | int | None = Field(
        None, description="whose probability: as its configuration names or numbers it; absent of one"
    )
    reads: Literal["pair", "completion"] = Field(
        "pair", description="document and candidate as two texts; or the task's prompt with its completion, as reward models do"
    )
    pairs: Pairs | None = Field(None, description="how pairs are read")
    chat: Chat | None = Field(None, description="completions: ask through the model's chat template; as plain text where absent")

    @model_validator(mode="after")
    def _of_its_way(self) -> "Classifier":
        if self.reads == "completion" and self.pairs is not None:
            raise ValueError("expected `pairs` only with `reads: pair`")
        if self.reads == "pair" and self.chat is not None:
            raise ValueError("expected `chat` only with `reads: completion`: a pair is no conversation")
        return self

    @property
    def reads_whole(self) -> bool:
        """Pairs are read in windows."""
        return self.reads == "completion"

    def problems(self, models: set[str]) -> list[str]:
        """A model of the recipe's own, which classifies nothing."""
        if "/" in self.model:
            return []
        return [f"model: expected a hub id or path of a sequence classifier, with a slash, got {self.model!r}"]

    def load(self, source: "ModelSource", encoding: Encoding) -> Any:
        """The classifier, the number of its label, and the encoder or tokenizer that it is shown texts with."""
        from summ_collapse.models.loading import compute_dtype, load_classifier, load_tokenizer, positions

        model = load_classifier(source, compute_dtype(source.dtype)).eval()
        label = self._label(source.name, model.config)
        if self.reads == "completion":
            encoder = encoding()
            if model.config.is_encoder_decoder or encoder.tokenizer.mask_token is not None:
                raise InputError(f"reads: completion is for causal models, and {source.name} is none; expected reads: pair")
            return model, label, encoder, None
        tokenizer = load_tokenizer(source)
        room = [self._pairs.window, positions(source) or self._pairs.window, tokenizer.model_max_length]
        return model, label, tokenizer, min(room)

    @property
    def _pairs(self) -> Pairs:
        return self.pairs or Pairs()

    def _label(self, model: str, config: Any) -> int:
        """The number of the label; InputError names those that there are."""
        names = {int(number): str(name) for number, name in config.id2label.items()}
        if self.label is None and len(names) == 1:
            return next(iter(names))
        for number, name in names.items():
            if self.label in (number, name):
                return number
        there = ", ".join(f"{name} ({number})" for number, name in names.items())
        raise InputError(f"label: expected one of {model}'s, {there}, got {self.label!r}")

    def score(self, request: Request) -> Scored:
        """Columns: `n_tokens` that were read; `windows` of pairs, or `truncated` of completions.

        NaN where a candidate, or one of its sentences, does not fit beside any document.
        """
        assert request.reader is not None, "a classifier needs its model"
        model, label, shown, longest = request.reader()
        if self.reads == "completion":
            from summ_collapse.models.classifying import completion_logits

            logits, tokens, truncated = completion_logits(model, shown, request.documents, request.candidates, request.batch_size)
            return Scored(_score(logits, label), {"n_tokens": tokens, "truncated": truncated})
        return self._of_pairs(request, model, label, shown, longest)

    def _of_pairs(self, request: Request, model: Any, label: int, tokenizer: Any, longest: int) -> Scored:
        from summ_collapse.models.classifying import pair_logits

        texts = [self._sentences(text) for text in request.candidates]
        owner = np.repeat(np.arange(len(texts)), [len(each) for each in texts])
        claims = [sentence for each in texts for sentence in each]
        documents = [document for document, each in zip(request.documents, texts, strict=True) for _ in each]
        read = pair_logits(model, tokenizer, documents, claims, longest, request.batch_size)
        scores = _score(read.logits, label)
        best = _by_group(scores, read.pair, len(claims), self._pairs.windows)
        whole = _by_group(best, owner, len(texts), self._pairs.sentences)
        return Scored(
            whole,
            {
                "n_tokens": np.bincount(owner, weights=read.tokens, minlength=len(texts)).astype(np.int32),
                "windows": np.bincount(owner[read.pair], minlength=len(texts)).astype(np.int32),
            },
        )

    def _sentences(self, text: str) -> Sequence[str]:
        """The claims of a candidate; an empty one makes one empty claim."""
        if self._pairs.sentences == "whole":
            return [text]
        return steps.split(text, "sentence") or [text]


def _score(logits: np.ndarray, label: int) -> np.ndarray:
    """Of (rows, labels) logits: the label's probability, or the only logit, whose order no sigmoid rounds away."""
    from scipy.special import softmax

    found: np.ndarray = logits[:, 0] if logits.shape[1] == 1 else softmax(logits, axis=1)[:, label]
    return found


def _by_group(values: np.ndarray, group: np.ndarray, groups: int, how: str) -> np.ndarray:
    """The best, worst or mean of each group's values, (groups,); NaN where one is NaN or there is none."""
    found = np.full(groups, np.nan)
    if how in {"mean", "whole"}:
        counts = np.bincount(group, minlength=groups)
        there = counts > 0
        found[there] = np.bincount(group, weights=values, minlength=groups)[there] / counts[there]
        return found
    reduce = np.fmax if how == "best" else np.minimum
    starts = np.flatnonzero(np.diff(group, prepend=-1))  # groups stand together
    if len(starts):
        found[group[starts]] = reduce.reduceat(values, starts)
    return found
