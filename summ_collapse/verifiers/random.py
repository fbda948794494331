"""`random`: scores that know nothing. The arm every other verifier has to beat at its size."""

from typing import ClassVar, Literal

from summ_collapse.records import tie_break
from summ_collapse.verifiers.request import Request, Scored
from summ_collapse.verifiers.verifier import ModelFree


class Random(ModelFree):
    """A uniform score from a hash of (seed, id, sample)."""

    at_random: ClassVar[bool] = True
    kind: Literal["random"]

    def score(self, request: Request) -> Scored:
        """Uniform on [0, 1), independent of how candidates are chunked."""
        return Scored(tie_break(f"random {request.seed}", list(request.keys)) / 2.0**64, {})
