"""ROUGE through rouge-score with its stemmer, remembering the stem of every word it has met.

`rougeN` is the F-measure, as papers report it; `rougeN_recall` the recall. rougeLsum splits at newlines as they stand.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np
from rouge_score import rouge_scorer, tokenize, tokenizers

KINDS = ("rouge1", "rouge2", "rougeL", "rougeLsum")
NAMES = (*KINDS, *(f"{kind}_recall" for kind in KINDS))


def score_pairs(predictions: Sequence[str], references: Sequence[str], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Per-example scores from 0 to 1, (pairs,) float64 by metric name; exactly rouge-score's own numbers."""
    kinds = [kind for kind in KINDS if any(name.split("_")[0] == kind for name in names)]
    scorer = rouge_scorer.RougeScorer(kinds, tokenizer=RememberingTokenizer())
    scores = [scorer.score(reference, prediction) for prediction, reference in zip(predictions, references, strict=True)]
    return {
        name: np.array([_part(score[name.split("_")[0]], name) for score in scores], dtype=np.float64).reshape(-1)
        for name in names
    }


def _part(score: Any, name: str) -> float:
    return float(score.recall if name.endswith("_recall") else score.fmeasure)


class RememberingTokenizer(tokenizers.Tokenizer):
    """rouge-score's tokenizer; a word's stem is computed once. Corpora repeat words, and stemming is most of the cost."""

    def tokenize(self, text: str) -> list[str]:
        # The same steps as rouge_score.tokenize.tokenize, whose patterns these are.
        text = tokenize.NON_ALPHANUM_RE.sub(" ", text.lower())
        return [token for token in map(_stem, tokenize.SPACES_RE.split(text)) if tokenize.VALID_TOKEN_RE.match(token)]


@cache
def _stemmer() -> Any:
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer()


@lru_cache(maxsize=1 << 20)
def _stem(word: str) -> str:
    return _stemmer().stem(word) if len(word) > 3 else word
