"""Files that travel with the package: recipes, accelerate configurations, SLURM templates."""

from pathlib import Path

from summ_collapse.errors import InputError

PACKAGE = Path(__file__).parent


def packaged(folder: str, name: str) -> Path | None:
    """The file `name` in one of the packaged folders, or None."""
    # Beside the package in a checkout, inside it where it is installed.
    places = (root / folder / name for root in (PACKAGE, PACKAGE.parent))
    return next((place for place in places if place.is_file()), None)


def required(folder: str, name: str) -> Path:
    """The same; InputError where the installation lacks it."""
    path = packaged(folder, name)
    if path is None:
        raise InputError(f"{folder}/{name} is missing; is the installation whole?")
    return path
