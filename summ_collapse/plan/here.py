"""The GPUs of this machine, for a plan that names none; asked of the driver's own tool, since a plan loads no torch."""

import re
import shutil
import subprocess

from summ_collapse.plan.costs import GPUS
from summ_collapse.plan.plan import Machine

PATIENCE = 10  # seconds that the driver has to answer


def machine(gpu: str | None, devices: int | None, efficiency: float) -> tuple[Machine, str | None]:
    """What a plan counts on, and what to say of it where nobody chose: this machine's GPUs, or else the default ones."""
    found = [] if gpu is not None else visible()
    known = [name for name in map(known_as, found) if name is not None]
    if known:
        here = Machine(known[0], devices or len(known), efficiency)
        return here, f"counted on this machine's {len(known)} x {found[0]}; --gpu and --devices count on others"
    default = Machine(gpu or Machine.gpu, devices or Machine.devices, efficiency)
    if gpu is not None:
        return default, None
    seen = f"{found[0]} is not one whose peaks are known" if found else "no GPU is visible here"
    return default, f"{seen}: counted on {default.devices} x {default.gpu}; --gpu and --devices count on others"


def visible() -> list[str]:
    """Names of the GPUs that the driver lists; none where there is no driver."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    asked = [tool, "--query-gpu=name", "--format=csv,noheader"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()] if done.returncode == 0 else []


def known_as(name: str) -> str | None:
    """How a plan calls a GPU that its driver names so, such as `NVIDIA H100 80GB HBM3`; None where its peaks are not known."""
    words = set(re.split(r"[^a-z0-9]+", name.lower()))
    plain = re.sub(r"[^a-z0-9]+", "", name.lower())
    return next((ours for ours in GPUS if all(part in words or part in plain for part in ours.split("-"))), None)
