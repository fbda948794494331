"""A card beside an exported data set: where its rows come from, how they were chosen, and what is known of how wrong they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from pydantic import JsonValue

from summ_collapse import __version__
from summ_collapse.store import write_atomic

MEASURED = {
    "p": "share of wrong candidates in the pool (p)",
    "phi": "share of the right ones that is kept (φ)",
    "psi": "share of the wrong ones that is kept (ψ)",
    "p_star": "breakdown point (p*)",
    "kept_error": "share of wrong ones among what is kept (p′)",
}


@dataclass(frozen=True)
class Card:
    """What is said of an exported file."""

    name: str
    rows: int
    form: str
    licence: str
    chosen: Mapping[str, JsonValue]  # recipe, arm, verifier, rate, seed: what is known of them
    measured: Mapping[str, JsonValue]  # by the names of MEASURED; what is unknown is absent or None
    balance: Mapping[str, JsonValue]  # rows in, out, and rejected by reason
    lineage: list[str] = field(default_factory=list)  # the stages behind it, by name and fingerprint
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Markdown with the front matter that data sets have on a hub."""
        front = {"pretty_name": self.name, "license": self.licence, "tags": ["synthetic", "summ-collapse"]}
        known = {said: self.measured.get(name) for name, said in MEASURED.items()}
        parts = [
            f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---",
            f"# {self.name}\n\n{self.rows:,} rows, {self.form}, written by summ-collapse {__version__}.",
            _section("How they were chosen", [f"{key}: {value}" for key, value in self.chosen.items() if value is not None]),
            _section(
                "How wrong they are",
                [f"{said}: {100 * value:.1f}%" for said, value in known.items() if isinstance(value, (int, float))]
                or ["nothing was measured: no row has a reference or a label"],
            ),
            _section("Rows", [f"{key}: {value:,}" for key, value in self.balance.items() if isinstance(value, int)]),
        ]
        parts += [_section("Made by", self.lineage)] if self.lineage else []
        parts += [_section("To know", self.notes)] if self.notes else []
        return "\n\n".join(parts) + "\n"

    def write(self, beside: Path) -> Path:
        """Put it next to the file that it is about."""
        path = card_path(beside)
        write_atomic(path, self.text().encode())
        return path


def card_path(beside: Path) -> Path:
    """Where the card of a file lies."""
    return beside.with_name(f"{beside.name}.card.md")


def _section(heading: str, lines: list[str]) -> str:
    return f"## {heading}\n\n" + "\n".join(f"- {line}" for line in lines)
