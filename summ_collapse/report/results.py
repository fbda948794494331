"""`results.json`: the version of its content, and reading a finished run's."""

import json
from pathlib import Path
from typing import Any

from summ_collapse.errors import InputError

RESULTS_VERSION = 2


def read_results(out: Path) -> dict[str, Any]:
    """`report/results.json` of a finished run; InputError where there is none."""
    path = out / "report" / "results.json"
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: no such file; has this run finished?") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected the JSON of a finished run: {error}") from None
    if not (isinstance(results, dict) and results.get("version") == RESULTS_VERSION):
        raise InputError(f"{path}: expected results of version {RESULTS_VERSION}; the same `run` again makes its report anew")
    return results
