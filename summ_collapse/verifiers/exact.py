"""`exact`: whether the candidate is the reference, blanks at the ends aside. An oracle for tasks with one right answer."""

from typing import ClassVar, Literal

from summ_collapse.verifiers.request import Request, Scored
from summ_collapse.verifiers.rouge import against_references
from summ_collapse.verifiers.verifier import ModelFree


class Exact(ModelFree):
    """1 for the reference itself, else 0; ties are broken by a hash of the id, so that no kind of document comes first."""

    reads_reference: ClassVar[bool] = True
    kind: Literal["exact"]

    def score(self, request: Request) -> Scored:
        """1.0 or 0.0 a candidate."""
        return against_references(request, "exact")
