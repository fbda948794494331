"""How a document is put before a model: the text in front of it and behind it."""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

PLACEHOLDER = "{document}"
CANDIDATE = "{candidate}"
PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Prompt:
    """A prompt template cut at its placeholder."""

    head: str
    tail: str

    @classmethod
    def parse(cls, template: str) -> "Prompt":
        """Cut `template` at `{document}`; ValueError unless it stands there exactly once."""
        if template.count(PLACEHOLDER) != 1:
            raise ValueError(f"expected a template that contains {PLACEHOLDER} once, got {template!r}")
        head, tail = template.split(PLACEHOLDER)
        return cls(head, tail)


def _checked(template: str) -> str:
    Prompt.parse(template)
    return template


def columns_in(template: str) -> list[str]:
    """The names in braces."""
    return list(dict.fromkeys(PLACE.findall(template)))


Template = Annotated[str, AfterValidator(_checked)]


def _asking(template: str) -> str:
    if CANDIDATE in Prompt.parse(template).head or template.count(CANDIDATE) != 1:
        raise ValueError(f"expected a template with {PLACEHOLDER} and, behind it, {CANDIDATE}, once each, got {template!r}")
    return template


Asking = Annotated[str, AfterValidator(_asking)]
