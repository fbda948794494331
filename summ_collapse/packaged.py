"""Files that travel with the package: recipes, accelerate configurations, SLURM templates."""

from pathlib import Path

PACKAGE = Path(__file__).parent


def packaged(folder: str, name: str) -> Path | None:
    """The file `name` in one of the packaged folders, or None."""
    # Beside the package in a checkout, inside it where it is installed.
    places = (root / folder / name for root in (PACKAGE, PACKAGE.parent))
    return next((place for place in places if place.is_file()), None)
