"""What a task knows of how its texts come about, beyond the texts: what measures of collapse can then be exact about."""

from collections.abc import Callable, Sequence

import numpy as np

from summ_collapse.recipe.blocks import Options

# The probability that each word comes after each beginning of a text: (beginnings, words).
NextWords = Callable[[Sequence[str], Sequence[str]], np.ndarray]


class Law(Options):
    """The law that summaries follow, as far as it is known; its fields are all that it depends on."""

    def of_texts(self, written: Sequence[str], real: Sequence[str]) -> dict[str, float]:
        """Measures of what a model wrote, beside real texts."""
        return {}

    def of_model(self, next_words: NextWords) -> dict[str, float]:
        """Measures of a model's own distribution."""
        return {}
