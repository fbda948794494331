"""`judge`: a causal model is asked whether the candidate is right; the score is how much it would rather say yes than no.

With `model: generator` the generator judges itself by a question, not by likelihood. It costs a pass over document and candidate
a template, and is good for models that can answer questions: see the column `mass`, the share of what could come next that
the two words are. A base model that never answers says little, whatever its score.
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from summ_collapse.tasks.prompt import Asking
from summ_collapse.verifiers.request import Request, Scored
from summ_collapse.verifiers.verifier import Encoding
from summ_collapse.verifiers.with_model import CausalVerifier

if TYPE_CHECKING:
    from summ_collapse.models.loading import ModelSource

QUESTION = "{document}\n\nSummary: {candidate}\n\nIs all that this summary says true of the text? Answer yes or no:"


class Judge(CausalVerifier):
    """P(yes) against P(no) as the next word, 0 to 1; of several templates the mean."""

    kind: Literal["judge"]
    templates: list[Asking] = Field(
        [QUESTION],
        min_length=1,
        description="questions with {document} and, behind it, {candidate}; their answers are averaged",
    )
    yes: Annotated[str, Field(min_length=1)] = Field(
        "yes", description="the answer that says that it is right; its first token counts"
    )
    no: Annotated[str, Field(min_length=1)] = Field("no", description="the answer that says that it is wrong")

    @property
    def readings(self) -> int:
        """A question a template."""
        return len(self.templates)

    def load(self, source: "ModelSource", encoding: Encoding) -> Any:
        """The model and its questions."""
        from summ_collapse.models.loading import positions
        from summ_collapse.models.questions import Question

        model, encoder = super().load(source, encoding)
        room = positions(source)
        return model, [Question(encoder, template, self.yes, self.no, room) for template in self.templates]

    def score(self, request: Request) -> Scored:
        """Columns: `mass`, P(yes) + P(no), the mean; `n_tokens` that were read; `truncated`, whether a document was cut.

        NaN where candidate and template alone do not fit the model.
        """
        from summ_collapse.models.questions import answers

        assert request.reader is not None, "a judge needs a model to ask"
        model, questions = request.reader()
        found = [answers(model, one, request.documents, request.candidates, request.batch_size) for one in questions]
        columns = {
            "mass": np.mean([one.mass for one in found], axis=0),
            "n_tokens": np.sum([one.tokens for one in found], axis=0, dtype=np.int32),
            "truncated": np.any([one.truncated for one in found], axis=0),
        }
        return Scored(np.mean([one.yes for one in found], axis=0), columns)
