"""Pydantic's findings in the words of a recipe: the key, what was expected, what came, and the nearest valid key."""

from collections.abc import Sequence

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from summ_collapse.plugins import nearest

TAG = "("  # what the name of a type among several begins with


def describe(detail: ErrorDetails, schema: type[BaseModel], prefix: Sequence[str | int] = ()) -> str:
    """One finding of `ValidationError.errors()` on `schema`, whose keys stand below `prefix` in the recipe."""
    # A tag says which of several types a value was taken for; no recipe has it as a key.
    where = ".".join(part for part in map(str, (*prefix, *detail["loc"])) if not part.startswith(TAG))
    if detail["type"] == "extra_forbidden":
        return f"{where}: unknown key{nearest(str(detail['loc'][-1]), _siblings(detail['loc'], schema))}"
    if detail["type"] == "missing":
        return f"{where}: missing; this key is required"
    message = detail["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    return f"{where}: {message}" if detail["type"] == "value_error" else f"{where}: {message}, got {detail.get('input')!r}"


def _siblings(location: Sequence[str | int], schema: type[BaseModel]) -> list[str]:
    """The keys that are valid where `location` has an unknown one."""
    for key in location[:-1]:
        field = schema.model_fields.get(str(key))
        annotation = None if field is None else field.annotation
        parts = [annotation, *getattr(annotation, "__args__", ())]
        nested = [part for part in parts if hasattr(part, "model_fields")]
        if not nested:
            return []
        schema = nested[0]
    return [field.alias or name for name, field in schema.model_fields.items()]
