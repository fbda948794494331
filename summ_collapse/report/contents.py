"""What a report is told: the arms, how they are compared, and what counts as wrong."""

from summ_collapse.experiment.arms import Arm
from summ_collapse.predict.predictor import Coefficients
from summ_collapse.recipe.blocks import Evaluation, Options, Wrong
from summ_collapse.recipe.selecting import Certify
from summ_collapse.verifiers.request import Attack


class Certifying(Options):
    """Of which verifiers' selections something may be promised: those that have not read the references."""

    promise: Certify
    verifiers: dict[str, float]  # and the share of the training rows that each, or what it reads, has learnt from


class Contents(Options):
    """All that the recipe says which can change a byte of the report, beside its artifacts."""

    recipe: str
    arms: list[Arm]
    evaluation: Evaluation
    wrong: Wrong
    coefficients: Coefficients | None  # None where none are known to hold: nothing is predicted then
    attacks: dict[str, Attack]
    certify: Certifying | None = None
