"""What a data or model name stands for: the digest of local files, or the commit of a hub repository."""

import re
from pathlib import Path
from typing import Any, Literal

from summ_collapse.errors import InputError
from summ_collapse.store import digest_tree


def identity(name: str, revision: str | None, kind: Literal["model", "dataset"]) -> dict[str, Any]:
    """What fingerprints take for `name`: content, never a path; InputError where it can be neither found nor resolved."""
    path = Path(name)
    if path.is_absolute():
        if not path.exists():
            raise InputError(f"{kind} {name}: no such file or folder (a hub id has the form organisation/name)")
        return {"sha256": digest_tree(path)}
    return {"id": name, "commit": _commit(name, revision, kind)}


def _commit(name: str, revision: str | None, kind: str) -> str:
    if revision is not None and re.fullmatch(r"[0-9a-f]{40}", revision):
        return revision
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    api = HfApi()
    reason: Exception
    try:
        information = (api.model_info if kind == "model" else api.dataset_info)(name, revision=revision, timeout=10)
        return str(information.sha)
    except (OSError, HfHubHTTPError, OfflineModeIsEnabled, ValueError) as error:
        reason = error
    except Exception as error:  # the HTTP client's own connection errors share no base class across its versions
        if not type(error).__module__.startswith("http"):
            raise
        reason = error
    folder = f"{kind}s--{name.replace('/', '--')}"
    cached = Path(constants.HF_HUB_CACHE) / folder / "refs" / (revision or "main")
    if cached.is_file():
        return cached.read_text().strip()
    raise InputError(f"{kind} {name}: no such local path, and the hub cannot resolve it: {str(reason).splitlines()[0]}")
