"""What labels say of each verifier at each rate: p, phi, psi, p* and p', and what can be certified."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import JsonValue
from rich import box
from rich.table import Table

from summ_collapse.diagnose.labelling import ByReference, Plan, Sample, read_answers, read_plan, samples, union
from summ_collapse.diagnose.scored import Scored
from summ_collapse.errors import InputError
from summ_collapse.metrics.bootstrap import Interval
from summ_collapse.predict.certificate import Certificate, Drawn, certified
from summ_collapse.predict.confusion import ESTIMATED, Estimates
from summ_collapse.predict.labels import Labelled, estimated


@dataclass(frozen=True)
class Told:
    """One verifier at one rate; `labels` and `wrong` are of what it keeps."""

    verifier: str
    rate: float
    labels: int
    wrong: int
    estimates: Estimates | None  # None of labels that were drawn to certify
    certificate: Certificate | None = None


@dataclass(frozen=True)
class Agreement:
    """How far two labellers agree on rows that both answered: kappa is 0 where they agree as often as chance would have them."""

    both: int
    agreed: float
    right: tuple[float, float]  # the share that each calls right
    kappa: float | None  # None where both always say the same one thing


@dataclass(frozen=True)
class Answers:
    """What a file of labels says."""

    plan: Plan
    asked: int
    answered: int
    told: list[Told]
    agreement: Agreement | None


def answers_of(
    pool: Scored, labels: Sequence[Path], certify: float | None, confidence: float, judge: ByReference | None = None
) -> Answers:
    """From one labeller's file, or two, of which the first one's counts. In a certificate no answer counts as wrong."""
    plan = read_plan(labels[0], pool)
    if certify is not None and plan.purpose != "certify":
        raise InputError(
            f"{labels[0]}: what was used to choose cannot certify; draw other labels for that, with --certify and --label-next"
        )
    if certify is not None and (certify, confidence) != (plan.wrong_below, plan.confidence):
        raise InputError(
            f"{labels[0]}: its labels were drawn to certify {plan.wrong_below:g} with confidence {plan.confidence:g}; a promise "
            f"cannot be chosen afterwards, got {certify:g} and {confidence:g}"
        )
    if len(labels) == 2 and read_plan(labels[1], pool) != plan:
        raise InputError(f"{labels[1]}: expected answers to the rows of {labels[0]}, got those of another plan")
    drawn = samples(pool, plan)
    asked = union(drawn)
    answers = [read_answers(path, pool, asked, judge) for path in labels]
    told = [_told(one, answers[0], plan) for one in drawn]
    if certify is not None:
        told = _certified(told, drawn, answers[0], certify, confidence)
    agreement = agreement_of(answers[0], answers[1]) if len(answers) == 2 else None
    return Answers(plan, len(asked), int(np.isfinite(answers[0][asked]).sum()), told, agreement)


def _told(sample: Sample, answers: np.ndarray, plan: Plan) -> Told:
    inside, outside = (_labelled(rows, answers, int(side.sum())) for rows, side in _sides(sample))
    estimates = estimated(inside, outside) if plan.purpose == "estimate" else None
    return Told(sample.verifier, sample.rate, inside.labels, inside.wrong, estimates)


def _sides(sample: Sample) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(sample.inside, sample.kept), (sample.outside, ~sample.kept)]


def _labelled(rows: np.ndarray, answers: np.ndarray, all_rows: int) -> Labelled:
    given = answers[rows][np.isfinite(answers[rows])]
    return Labelled(all_rows, len(given), int((given == 0).sum()))


def _certified(
    told: Sequence[Told], drawn: Sequence[Sample], answers: np.ndarray, wrong_below: float, confidence: float
) -> list[Told]:
    """The verifiers share the error evenly; of each, rates are tested from the strictest on."""
    verifiers = list(dict.fromkeys(one.verifier for one in told))
    each = 1 - (1 - confidence) / len(verifiers)
    found: dict[tuple[str, float], Certificate] = {}
    for verifier in verifiers:
        ours = [one for one in drawn if one.verifier == verifier]
        counts = [Drawn(one.rate, len(one.inside), int((answers[one.inside] != 1).sum())) for one in ours]
        found |= {(verifier, one.rate): one for one in certified(counts, wrong_below, each)}
    return [Told(one.verifier, one.rate, one.labels, one.wrong, one.estimates, found[one.verifier, one.rate]) for one in told]


def agreement_of(one: np.ndarray, other: np.ndarray) -> Agreement:
    """Cohen's kappa (1960) of two labellers' answers, (rows,) each; InputError where no row has both."""
    from sklearn.metrics import cohen_kappa_score

    both = np.isfinite(one) & np.isfinite(other)
    if not both.any():
        raise InputError("--labels: expected rows that both files have answered, found none")
    ours, theirs = one[both], other[both]
    alike = len(np.unique(np.concatenate([ours, theirs]))) == 1
    kappa = None if alike else float(cohen_kappa_score(ours, theirs))
    return Agreement(int(both.sum()), float((ours == theirs).mean()), (float(ours.mean()), float(theirs.mean())), kappa)


def as_json(found: Answers) -> JsonValue:
    """With the names of `diagnose`."""
    agreement = found.agreement
    return {
        "purpose": found.plan.purpose,
        "asked": found.asked,
        "answered": found.answered,
        "verifiers": [_entry(one) for one in found.told],
        "agreement": None
        if agreement is None
        else {"both": agreement.both, "agreed": agreement.agreed, "right": list(agreement.right), "kappa": agreement.kappa},
    }


def _entry(one: Told) -> dict[str, JsonValue]:
    entry: dict[str, JsonValue] = {"name": one.verifier, "rate": one.rate, "labels": one.labels, "wrong": one.wrong}
    for name in ESTIMATED if one.estimates is not None else ():
        found: Interval | None = getattr(one.estimates, name)
        entry |= {name: None} if found is None else {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}
    if one.certificate is not None:
        entry |= {
            "certified": one.certificate.certified,
            "bound": one.certificate.bound,
            "more_labels": one.certificate.more_labels,
        }
    return entry


def as_rich(found: Answers) -> Table:
    """In percent, with 95% intervals; fits 80 columns."""
    certify = found.plan.purpose == "certify"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("verifier", overflow="fold", max_width=20)
    for heading in ("keep", "labels", "wrong", *(("at most", "certified") if certify else ("p", "φ", "ψ", "p′"))):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in found.told:
        cells = [one.verifier, f"{100 * one.rate:g}", f"{one.labels}", f"{one.wrong}"]
        table.add_row(*cells, *(_certificate(one.certificate) if certify else _shares(one.estimates)))
    return table


def _shares(found: Estimates | None) -> list[str]:
    shares = () if found is None else (found.p, found.phi, found.psi, found.kept_error)
    return ["" if one is None else f"{100 * one.mean:.0f} [{100 * one.low:.0f}, {100 * one.high:.0f}]" for one in shares]


def _certificate(found: Certificate | None) -> list[str]:
    if found is None:
        return ["", ""]
    if found.bound is None:
        return ["", "not tested"]
    return [f"{100 * found.bound:.1f}", "yes" if found.certified else "no"]


def lines(found: Answers, certify: float | None, confidence: float) -> list[str]:
    """What was asked, and what follows, a sentence a line."""
    said = [f"{found.answered:,} of {found.asked:,} rows are labelled, drawn to {found.plan.purpose}. In %."]
    if found.agreement is not None:
        kappa = "not defined" if found.agreement.kappa is None else f"{found.agreement.kappa:.2f}"
        said.append(
            f"Two labellers agree on {100 * found.agreement.agreed:.0f}% of {found.agreement.both:,} rows and call "
            f"{100 * found.agreement.right[0]:.0f}% and {100 * found.agreement.right[1]:.0f}% right: kappa {kappa}."
        )
    if certify is None:
        return said
    for verifier in dict.fromkeys(one.verifier for one in found.told):
        ours = [one for one in found.told if one.verifier == verifier and one.certificate is not None]
        holds = [one for one in ours if one.certificate is not None and one.certificate.certified]
        if holds:
            widest = max(holds, key=lambda one: one.rate)
            said.append(
                f"{verifier}: with {100 * confidence:g}% confidence at most {100 * certify:g}% of the best "
                f"{100 * widest.rate:g}% are wrong."
            )
        else:
            said.append(f"{verifier}: nothing is certified{_lacking(found, ours[0])}.")
    return said


def _lacking(found: Answers, strictest: Told) -> str:
    """What would help: the answers that were asked for, or more of them, drawn anew."""
    unanswered = found.asked - found.answered
    if unanswered:
        return f"; {unanswered:,} rows have no answer yet, and count as wrong"
    more = strictest.certificate.more_labels if strictest.certificate is not None else None
    if not more:
        return ""
    labels = f"{strictest.labels + more:,} labels at {100 * strictest.rate:g}%"
    return f"; {labels} with no further wrong one would do, drawn anew with another --label-seed"
