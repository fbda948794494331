"""Results on disk: fingerprints, atomic publication, chunk files, locks, manifests.

A stage's results lie in `<run>/stages/<kind>/<arm>/<first 12 of the fingerprint>/`. While it works, everything is under
`work/` there; publication fsyncs, renames and writes `manifest.json` last, so that a manifest means a whole artifact and a
kill at any instant leaves either all of it or none.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout
from pydantic import JsonValue

from summ_collapse.errors import StageError
from summ_collapse.locks import demand

MANIFEST = "manifest.json"
PROGRESS = "progress.json"  # in the work folder: how far the stage is, see `progress.py`
ROW_GROUP = 16_384
HASH_BLOCK = 1 << 20


def fingerprint(content: Any) -> str:
    """SHA-256 of `content` as canonical JSON: sorted keys, no blanks, no NaN."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    state = hashlib.sha256()  # Python 3.10 has no hashlib.file_digest
    with path.open("rb") as file:
        while block := file.read(HASH_BLOCK):
            state.update(block)
    return state.hexdigest()


def digest_tree(path: Path) -> str:
    """SHA-256 over the names and bytes of a file, or of all files below a folder (hidden files and folders left out)."""
    if path.is_file():
        return digest(path)
    files = sorted(
        file
        for file in path.rglob("*")
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )
    return fingerprint([[file.relative_to(path).as_posix(), digest(file)] for file in files])


def write_atomic(path: Path, content: bytes) -> None:
    """Put `content` at `path` so that a reader sees the old file or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def write_json(path: Path, content: Any, sort_keys: bool = True) -> None:
    text = json.dumps(content, indent=1, sort_keys=sort_keys, ensure_ascii=False, allow_nan=False)
    write_atomic(path, f"{text}\n".encode())


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _umask() -> int:
    """This process's umask. To ask the system for it is to set it, which other threads' files would see."""
    status = Path("/proc/self/status")
    told = re.search(r"^Umask:\s*(\d+)", status.read_text(), re.MULTILINE) if status.exists() else None
    if told:
        return int(told[1], 8)
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def sync(path: Path) -> None:
    """Make a file's content, or the renames in a folder, survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(path: Path) -> None:
    """Make all files below a folder, and their names, survive a power cut."""
    for below in path.rglob("*"):
        sync(below)
    sync(path)


def write_table(path: Path, table: pa.Table, metadata: Mapping[str, str] | None = None) -> None:
    """Parquet with fixed row groups, zstd and no metadata but ours; atomic."""
    sink = pa.BufferOutputStream()
    plain = table.replace_schema_metadata(dict(metadata) if metadata else None).combine_chunks()
    pq.write_table(plain, sink, row_group_size=ROW_GROUP, compression="zstd", store_schema=metadata is not None)
    write_atomic(path, sink.getvalue().to_pybytes())


def read_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    return pq.read_table(path, columns=list(columns) if columns else None, partitioning=None, memory_map=False)


@dataclass(frozen=True)
class Artifact:
    """A published result: a folder with a manifest."""

    path: Path

    @cached_property
    def manifest(self) -> dict[str, Any]:
        return read_json(self.path / MANIFEST)

    @property
    def failed(self) -> str | None:
        """Why there is nothing but a manifest: the arm that this is a part of cannot be made."""
        return self.manifest.get("failed")

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        return read_table(self.path / f"{name}.parquet", columns)

    def show(self, target: Path) -> None:
        """Put every file at a well-known place, each atomically, where it is not there already."""
        for name in self.manifest["files"]:
            content = (self.path / name).read_bytes()
            if not (target / name).is_file() or (target / name).read_bytes() != content:
                write_atomic(target / name, content)

    def damage(self, digests: bool = False) -> str | None:
        """What is wrong with the files, or None: a missing one, a wrong size and, if asked, a wrong digest."""
        for name, recorded in self.manifest["files"].items():
            file = self.path / name
            if not file.is_file():
                return f"{file} is missing"
            if file.stat().st_size != recorded["bytes"]:
                return f"{file} has {file.stat().st_size} bytes, its manifest says {recorded['bytes']}"
            if digests and digest(file) != recorded["sha256"]:
                return f"{file} has other content than its manifest's SHA-256 says"
        return None


@dataclass(frozen=True)
class Place:
    """Where one stage's result lies, whether it exists yet or not."""

    run: Path
    kind: str
    arm: str
    fingerprint: str

    @property
    def path(self) -> Path:
        return self.run / "stages" / self.kind / self.arm / self.fingerprint[:12]

    @property
    def work(self) -> Path:
        return self.path / "work"

    def _beside(self, what: str) -> Path:
        """The lock's file, or that which says who holds it; neither is a part of the result."""
        return self.path.with_name(f".{self.path.name}.{what}")

    def artifact(self) -> Artifact | None:
        """The published result, or None."""
        return Artifact(self.path) if (self.path / MANIFEST).is_file() else None

    def whole(self) -> bool:
        """Whether there is a result whose files have the sizes that it says."""
        artifact = self.artifact()
        return artifact is not None and artifact.damage() is None

    def discard(self) -> None:
        """Remove whatever is there, the manifest first, and the folders that this leaves empty."""
        (self.path / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(self.path, ignore_errors=True)
        for what in ("lock", "holder"):
            self._beside(what).unlink(missing_ok=True)
        for parent in self.path.parents:
            if not parent.is_relative_to(self.run) or not parent.is_dir() or any(parent.iterdir()):
                break
            parent.rmdir()

    def _named_holder(self) -> str:
        named = self._beside("holder")
        return named.read_text(encoding="utf-8") if named.exists() else "another process"

    def holder(self) -> str | None:
        """Who works on this stage right now, or None. The kernel's lock decides, never the clock."""
        if not self._beside("lock").exists():
            return None
        try:
            with FileLock(self._beside("lock"), timeout=0):
                return None
        except Timeout:
            return self._named_holder()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the stage for this process; StageError that names the holder where another one has it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        demand(self.run)
        # A moment's patience: somebody who asks for the holder holds the lock for that long.
        lock = FileLock(self._beside("lock"), timeout=1)
        try:
            lock.acquire()
        except Timeout:
            raise StageError(f"{self.kind}/{self.arm} is being worked on by {self._named_holder()}") from None
        try:
            self._beside("holder").write_text(f"process {os.getpid()} on {os.uname().nodename}", encoding="utf-8")
            yield
        finally:
            self._beside("holder").unlink(missing_ok=True)
            lock.release()

    def prepare_work(self) -> Path:
        """The work folder; what a kill left in it is kept, half-published files beside it are removed."""
        if self.path.is_dir() and not (self.path / MANIFEST).exists():
            for left in self.path.iterdir():
                if left != self.work:
                    shutil.rmtree(left) if left.is_dir() else left.unlink()
        self.work.mkdir(parents=True, exist_ok=True)
        for told in (*self.work.glob("failure-*.json"), self.work / PROGRESS):
            told.unlink(missing_ok=True)
        return self.work

    def publish(self, files: Path, manifest: Mapping[str, JsonValue]) -> Artifact:
        """Move all that is below `files` into place, then write the manifest with every file's size and digest."""
        entries: dict[str, JsonValue] = {}
        mode = 0o666 & ~_umask()  # what libraries write by way of temporary files is closed to all others
        for source in sorted(path for path in files.rglob("*") if path.is_file()):
            name = source.relative_to(files).as_posix()
            sync(source)
            entries[name] = {"bytes": source.stat().st_size, "sha256": digest(source)}
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            source.chmod(mode)
            source.replace(target)
        for folder in {(self.path / name).parent for name in entries} | {self.path}:
            sync(folder)
        write_json(self.path / MANIFEST, {**manifest, "files": entries})
        self.clean()
        return Artifact(self.path)

    def clean(self) -> None:
        """Remove the work folder of a published stage."""
        shutil.rmtree(self.work, ignore_errors=True)
