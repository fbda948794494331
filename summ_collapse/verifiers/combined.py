"""`combined`: several verifiers as one, weighed by what they share, by their votes, or by what a few labels say of them.

It costs nothing beside the verifiers that it reads. Without labels it is good where at least three err independently of each
other; with a hundred or more, `logistic` needs no such luck.
"""

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from summ_collapse.errors import ArmFailed
from summ_collapse.metrics import combining
from summ_collapse.metrics.scoring import reads_documents, score_pairs
from summ_collapse.plugins import unknown_metric
from summ_collapse.recipe.blocks import Options
from summ_collapse.records import tie_break
from summ_collapse.verifiers.request import Request, Scored
from summ_collapse.verifiers.verifier import ModelFree


class Labels(Options):
    """Candidates whose references are looked at, as a person would label them."""

    rows: int = Field(ge=20, description="how many candidates are labelled, drawn at random")
    metric: str = Field("rouge1", description="metric against the reference that says whether one is right, 0-1")
    at_least: float = Field(gt=0, le=1, description="a candidate that scores this or more is right")


class Combined(ModelFree):
    """Verifiers of one recipe, taken together."""

    kind: Literal["combined"]
    of: list[str] = Field(min_length=2, description="names of other verifiers of this recipe")
    how: Literal["weighted", "dawid-skene", "logistic"] = Field(
        "weighted", description="by loadings on what they have in common; by their votes; or by a regression on labels"
    )
    labels: Labels | None = Field(None, description="logistic: what it learns from")

    @model_validator(mode="after")
    def _labels_where_learnt(self) -> "Combined":
        if (self.how == "logistic") != (self.labels is not None):
            raise ValueError("expected `labels` with `how: logistic`, and only there")
        return self

    @property
    def sources(self) -> tuple[str, ...]:
        """The verifiers taken together."""
        return tuple(self.of)

    def problems(self, models: set[str]) -> list[str]:
        """A metric that is not installed, or that wants more than two texts."""
        if self.labels is None:
            return []
        problems = unknown_metric(self.labels.metric)
        if not problems and reads_documents(self.labels.metric):
            problems = [f"expected one of two texts, and {self.labels.metric} reads the document too"]
        return [f"labels.metric: {problem}" for problem in problems]

    def score(self, request: Request) -> Scored:
        """Columns: `labelled`, the rows that it learnt from, each scored by a fit without it; or `weight NAME` of each verifier,
        0 for one that is left out since it depends on another. NaN where a verifier gave NaN.
        """
        z = combining.normal_scores([request.scores[name] for name in self.of])
        whole = ~np.isnan(z).any(axis=1)
        if whole.sum() < 2:
            raise ArmFailed(f"of {len(z)} candidates {int(whole.sum())} have a score by each of {', '.join(self.of)}", len(z))
        scores = np.full(len(z), np.nan)
        if self.labels is not None:
            labelled, right = self._labelled(request, self.labels, whole)
            try:
                scores = combining.logistic(z, labelled, right, request.seed)
            except ValueError as error:
                raise ArmFailed(str(error), len(z)) from None
            return Scored(scores, {"labelled": np.isin(np.arange(len(z)), labelled)})
        kept = combining.kept_apart(z[whole])
        if self.how == "dawid-skene":
            scores[whole] = combining.dawid_skene(z[whole][:, kept])
            weights = dict.fromkeys(kept, 1.0)
        else:
            scores[whole] = combining.weighted(z[whole], kept)
            weights = dict(zip(kept, combining.weights(z[whole], kept).tolist(), strict=True))
        columns = {f"weight {name}": np.full(len(z), weights.get(place, 0.0)) for place, name in enumerate(self.of)}
        return Scored(scores, columns)

    def _labelled(self, request: Request, labels: Labels, whole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places of the rows that are labelled, and whether each is right."""
        order = np.argsort(tie_break(f"labelled {request.seed}", list(request.keys)))
        usable = np.array([reference is not None for reference in request.references]) & whole
        rows = order[usable[order]][: labels.rows]
        if len(rows) < labels.rows:
            raise ArmFailed(f"labels.rows: expected {labels.rows} candidates with a reference, got {len(rows)}", len(whole))
        texts = [request.candidates[row] for row in rows]
        references = [request.references[row] or "" for row in rows]
        return rows, score_pairs(texts, references, [labels.metric])[labels.metric] >= labels.at_least
