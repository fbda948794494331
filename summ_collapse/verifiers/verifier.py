"""What a verifier is, and what those have in common that read with no model."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from summ_collapse.recipe.blocks import Options
from summ_collapse.verifiers.request import Attack, Request, Scored

if TYPE_CHECKING:
    from summ_collapse.models.encoder import Encoder
    from summ_collapse.models.loading import ModelSource

Encoding = Callable[[], "Encoder"]  # how a document is put before the model; InputError where it has no such way


class Verifier(Options):
    """Options of a verifier; whatever is heavy is imported inside `load` and `score`.

    Beside what stands here it has a `kind`; `model`, the one that it reads with; `adapter`, one over that model, by path or hub
    id; and `train`, how to fine-tune the model first. The last three are None where there is none, as in `ModelFree`.
    """

    samples: ClassVar[int] = 1  # how many candidates a document it needs at least
    reads_reference: ClassVar[bool] = False  # whether it is an oracle, which could not be had where references are missing
    at_random: ClassVar[bool] = False  # whether it knows nothing: what every other verifier has to beat

    one_pool: ClassVar[bool] = False  # whether it knows the candidates of one pool alone, by their keys
    whole_pool: ClassVar[bool] = False  # whether it has to see all candidates at once

    @property
    def sources(self) -> tuple[str, ...]:
        """The verifiers whose scores it reads, by name; it then scores all candidates at once."""
        return ()

    @property
    def attack(self) -> Attack | None:
        """How it tampers with another verifier's scores; None where it does not."""
        return None

    def problems(self, models: set[str]) -> list[str]:
        """What contradicts the rest of the recipe, as messages; `models` are the names that it may refer to."""
        return []

    @property
    def reads_whole(self) -> bool:
        """Whether its model has to have room for a whole document of the task's."""
        return True

    @property
    def readings(self) -> int:
        """How many times a model reads a candidate: what a plan charges for."""
        return 1

    def load(self, source: "ModelSource", encoding: Encoding) -> Any:
        """What it reads with, of the model that it names: a causal model, a classifier; loaded once a stage."""
        raise TypeError(f"{type(self).__name__}: reads with no model")

    def score(self, request: Request) -> Scored:
        """The scores of a chunk of candidates; all candidates of a document are in one chunk."""
        raise TypeError(f"{type(self).__name__}: a verifier scores candidates")


class ModelFree(Verifier):
    """A verifier without a model: nothing to load, nothing to fine-tune."""

    model: ClassVar[None] = None
    train: ClassVar[None] = None
    adapter: ClassVar[None] = None
