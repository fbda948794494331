"""A table whose models ran on several kinds of devices says so."""

from pathlib import Path

from summ_collapse.report.devices import several_kinds
from summ_collapse.store import MANIFEST, Artifact, write_json


def made(folder: Path, name: str, tokens: int, *devices: str) -> Artifact:
    write_json(folder / name / MANIFEST, {"tokens": tokens, "devices": list(devices)})
    return Artifact(folder / name)


def test_devices_of_several_kinds_are_named_with_what_ran_on_them(tmp_path: Path) -> None:
    on_eight = made(tmp_path, "train", 10, *["H100"] * 8)
    on_one = made(tmp_path, "evaluate", 10, "H100")
    no_model = made(tmp_path, "select", 0, "cpu (x86_64)")
    assert several_kinds([on_eight, on_one, no_model]) == []
    other = made(tmp_path, "generate", 10, "A100")
    [warning] = several_kinds([on_eight, on_one, no_model, other])
    assert "stages: 2 on H100, 1 on A100" in warning
