"""`chain`: texts of a known source, a Markov chain whose words follow Zipf's law, for models that write with nothing to go by.

The experiment of Seddik et al. (2024): since the source is known, what a model has lost of it is measured exactly. A summary is
a text of the chain. A document is the text's number, which no word of the vocabulary is: every model reads the same token, and
writes unconditionally. Row i does not depend on how many there are.
"""

from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from summ_collapse.recipe.blocks import Base, Control, Options
from summ_collapse.tasks.law import Law, NextWords
from summ_collapse.tasks.prompt import PLACEHOLDER, Prompt, Template
from summ_collapse.tasks.task import Task
from summ_collapse.theory.chains import Chain as Source
from summ_collapse.theory.normal import Floats
from summ_collapse.theory.sources import MOST_STATES, chain, zipf

BLOCK = 1024  # texts that are drawn from one random generator
SPECIAL = 4  # tokens of a tiny vocabulary that are no words


class Words(Options):
    """Which chain: how many words, how unlike they are in frequency, and how much the last word says of the next."""

    symbols: int = Field(50, ge=2, le=MOST_STATES, description="words of the vocabulary")
    exponent: float = Field(1.0, ge=0, le=5, description="exponent of Zipf's law over words; 0: all alike")
    spread: float = Field(1.0, ge=0, le=5, description="how much the next word depends on the last; 0: not at all")
    seed: int = Field(0, ge=0, description="seed of the chain and of its texts")

    @property
    def words(self) -> list[str]:
        """The vocabulary, the most frequent first."""
        return [f"w{number:04d}" for number in range(self.symbols)]

    @cached_property
    def source(self) -> Source:
        """The law of the texts."""
        shares = zipf(self.symbols, self.exponent)
        return Source(shares, chain(shares, self.spread, self.seed))


class ChainLaw(Law, Words):
    """The law of a text's first two words, which a model's own is compared with: nothing is drawn."""

    def of_model(self, next_words: NextWords) -> dict[str, float]:
        """Of the first word (`first_…`) and of the first two (`pair_…`): sums of squares, squared and total variation distances
        to the source. Ends that come too early, and other words, count as lost.
        """
        first = next_words([""], self.words)[0]
        pairs = first[:, None] * next_words(self.words, self.words)
        return {**_beside("first", first, self.source.first), **_beside("pair", pairs, self.source.pairs)}


def _beside(name: str, ours: Floats, theirs: Floats) -> dict[str, float]:
    from summ_collapse.metrics.collapse import total_variation

    elsewhere = max(0.0, 1 - float(ours.sum()))
    return {
        f"{name}_collision": float((ours**2).sum()),
        f"{name}_error": float(((ours - theirs) ** 2).sum()),
        f"{name}_total_variation": total_variation(np.append(ours, elsewhere), np.append(theirs, 0.0)),
    }


class Chain(Task, Words):
    """Texts of a Markov chain, generated from (rows, seed)."""

    controls: ClassVar[tuple[Control, ...]] = ("generator", "real-slice")

    kind: Literal["chain"]
    rows: int = Field(ge=10, description="texts to learn from, the pool that slices and selections are cut from")
    test: int = Field(ge=2, description="texts held out for evaluation")
    length: int = Field(8, ge=2, le=1000, description="words of a text")
    prompt: Template = Field("{document}", description="what the model reads; {document} stands for a token that says nothing")
    max_document_tokens: int = Field(1, gt=0, description="tokens of a document that a model reads; there is one")

    def splits(self) -> dict[str, pa.Table]:
        """Examples as {"all": table}; the split is drawn from `split_seed`, `test` rows large."""
        rows = self.rows + self.test
        words = np.array(self.words)
        texts = [" ".join(words[text].tolist()) for text in self.texts(rows)]
        numbers = [str(row) for row in range(rows)]
        return {
            "all": pa.table(
                {"id": [f"chain-{self.seed}-{row:09d}" for row in range(rows)], "document": numbers, "summary": texts}
            )
        }

    def texts(self, rows: int) -> np.ndarray:
        """(rows, length) places of words in the vocabulary; a longer array begins with the shorter one."""
        source = self.law().source
        blocks = [
            source.texts(BLOCK, self.length, np.random.default_rng([self.seed, block])) for block in range(-(-rows // BLOCK))
        ]
        return np.concatenate(blocks)[:rows]

    def problems(self, base: Base) -> list[str]:
        """Every word has to be a token of its own, which models that are read from elsewhere do not know."""
        if base.tiny is None or base.tiny.tokenizer != "word":
            return ["kind: a chain's words are known to tiny models with word-level vocabularies alone; expected base.tiny"]
        prompt = Prompt.parse(self.prompt)
        needed = self.symbols + len(set(f"{prompt.head} {prompt.tail}".split())) + SPECIAL
        if needed > base.tiny.vocabulary:
            return [f"symbols: expected base.tiny.vocabulary of at least {needed} for so many words, got {base.tiny.vocabulary}"]
        return []

    def law(self) -> ChainLaw:
        return ChainLaw(symbols=self.symbols, exponent=self.exponent, spread=self.spread, seed=self.seed)

    def test_rows(self, rows: int) -> int:
        return self.test

    def expected(self) -> dict[str, int]:
        """Rows and tokens, all known."""
        return {"train": self.rows, "test": self.test, "document_tokens": 1, "summary_tokens": self.length}

    def vocabulary(self) -> list[str]:
        """All words of the chain, and the prompt's."""
        prompt = Prompt.parse(self.prompt)
        return [" ".join(self.words), prompt.head.replace(PLACEHOLDER, " "), prompt.tail]
