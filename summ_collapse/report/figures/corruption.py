"""How much attack a verifier stands: the observed difference and p* against the share of tampered scores.

A line for each way of tampering with one verifier at one rate; the honest verifier stands at share 0.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from summ_collapse.report.figures.canvas import GREY, draw_intervals, look, panels
from summ_collapse.report.results import Entry
from summ_collapse.verifiers.request import Attack

FEWEST_SHARES = 2


def corruption_lines(entries: Sequence[Entry], attacks: Mapping[str, Attack]) -> dict[str, list[tuple[float, Entry]]]:
    """(share, arm) by line, in the order of shares; lines with fewer than two tampered shares are left out."""
    lines: dict[str, list[tuple[float, Entry]]] = {}
    several = len({entry.slice for entry in entries if entry.verifier is not None}) > 1
    for entry in entries:
        attack = attacks.get(entry.verifier or "")
        if attack is None or entry.rate is None or entry.tampered is None:
            continue
        line = lines.setdefault(f"{_line_of(entry, attack, several)}, {100 * entry.rate:g}%", [])
        line.append((entry.tampered, entry))
        honest = [other for other in entries if other.verifier == attack.of and _beside(other) == _beside(entry)]
        if honest and (0.0, honest[0]) not in line:
            line.append((0.0, honest[0]))
    return {
        name: sorted(points, key=lambda point: point[0])
        for name, points in lines.items()
        if len({share for share, _ in points if share > 0}) >= FEWEST_SHARES
    }


def _line_of(entry: Entry, attack: Attack, several: bool) -> str:
    """What arms of one line have in common: whose output, which verifier, how it selects and how it is attacked."""
    whose = (f"g{entry.slice:g}-" if several else "") + (f"{entry.pool}-" if entry.pool else "")
    how = attack.how if attack.strength is None else f"{attack.how} {attack.strength:g}"
    within = f" in {entry.variant}" if entry.variant else ""
    return f"{whose}{attack.of}{within}, {how} {attack.target}"


def _beside(entry: Entry) -> tuple[str | float | None, ...]:
    return entry.variant, entry.rate, *entry.of, entry.seed


def draw_corruption(lines: Mapping[str, Sequence[tuple[float, Entry]]], metric: str, paths: Sequence[Path], title: str) -> None:
    """Two panels over the share of tampered scores: the observed difference with its interval, and p*."""
    with panels(paths, (10, 4.2), title, 2) as (left, right):
        for place, (name, points) in enumerate(lines.items()):
            seen = [(share, delta) for share, entry in points if (delta := entry.observed_delta(metric))]
            draw_intervals(left, [share for share, _ in seen], [delta for _, delta in seen], **look(place, name))
            known = [(share, entry.p_star) for share, entry in points if entry.p_star is not None]
            right.plot([share for share, _ in known], [p_star for _, p_star in known], **look(place, name))
        left.axhline(0, color=GREY, linewidth=0.8)
        left.set_ylabel(f"observed Δ {metric} against real-slice")
        right.axhline(0.5, color=GREY, linewidth=0.8)
        right.set_ylabel("breakdown point p*")
        for axes in (left, right):
            axes.set_xlabel("share of scores tampered with")
