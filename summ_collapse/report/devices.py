"""Whether a table's models ran on devices of one kind. A fingerprint holds the compute type and the attention, not the device."""

from collections import Counter
from collections.abc import Iterable

from summ_collapse.store import Artifact


def several_kinds(artifacts: Iterable[Artifact]) -> list[str]:
    """A warning where models ran on more than one kind of device: another kernel rounds otherwise, which arms then differ by."""
    kinds: Counter[str] = Counter()
    for artifact in artifacts:
        if artifact.manifest.get("tokens"):  # what no model read or wrote is the same everywhere
            kinds[" and ".join(sorted(set(artifact.manifest["devices"])))] += 1
    if len(kinds) < 2:
        return []
    named = ", ".join(f"{count} on {kind}" for kind, count in kinds.most_common())
    return [
        f"models ran on several kinds of devices (stages: {named}): each rounds in its own way, and that is in the differences"
    ]
