"""A fit of the predictor for people: how far each rule missed, and which verdicts were right, with each kind left out."""

from rich import box
from rich.table import Table

from summ_collapse.predict.trial import FORMULA, Trial


def as_rich(found: Trial) -> Table:
    """A row a kind of setting that was left out and rule; fits 80 columns."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("left out", no_wrap=True)
    table.add_column("rule", no_wrap=True)
    for heading in ("error", "helped: right, wrong", "hurt: right, wrong"):
        table.add_column(heading, justify="right", no_wrap=True)
    for score in found.scores:
        error = score.root_mean_square_error
        table.add_row(
            score.left_out if score.rule == FORMULA else "",
            score.rule,
            "" if error is None else f"{error:.2f}",
            f"{score.helped_said}, {score.helped_wrongly} of {score.helped}",
            f"{score.hurt_said}, {score.hurt_wrongly} of {score.hurt}",
        )
    return table


def sentences(found: Trial) -> list[str]:
    """What the table comes to."""
    fit, coefficients = found.fit, found.fit.coefficients
    lines = [
        "error: root mean square, in points. Of the arms that helped, and of those that hurt (their observed interval leaves "
        "zero out): how many were predicted to, and how many to do the opposite.",
        f"Δ = {coefficients.amount:.2f} ln(k/m) − {coefficients.error:.2f} h − {coefficients.coverage:.2f} K, "
        f"residual {coefficients.residual:.2f}; {fit.tried}.",
    ]
    if found.shipped_error is not None:
        lines.append(f"The shipped coefficients miss these arms by {found.shipped_error:.2f} points.")
    if not fit.beats_baselines:
        lines.append("It has not earned its place: `diagnose` shows no points from it.")
    return lines
