"""What the disk holds after anything: whole artifacts or none, chunks that can be trusted, one worker a stage."""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from summ_collapse import store
from summ_collapse.errors import StageError
from summ_collapse.ranks import World
from summ_collapse.stages.chunks import Chunks, in_chunks
from summ_collapse.stages.stage import Context, PartDone
from summ_collapse.store import MANIFEST, Place, digest_tree, fingerprint, read_table, write_atomic, write_table

TABLE = pa.table({"id": ["a", "b", "c"], "sample": pa.array([0, 0, 0], pa.int32())})
HOLD = """
import sys, time
from pathlib import Path
from summ_collapse.store import Place
with Place(Path(sys.argv[1]), "train", "arm", "f" * 64).locked():
    print("held", flush=True)
    time.sleep(60)
"""


def place(run: Path) -> Place:
    return Place(run, "train", "arm", "f" * 64)


def publish(at: Place) -> None:
    out = at.prepare_work() / "out"
    out.mkdir()
    write_table(out / "table.parquet", TABLE)
    at.publish(out, {"rows_in": 3, "rows_out": 3})


def test_a_fingerprint_is_the_content_and_not_its_order() -> None:
    assert fingerprint({"a": 1, "b": [1.5, None]}) == fingerprint({"b": [1.5, None], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    with pytest.raises(ValueError):
        fingerprint({"a": float("nan")})


def test_a_published_stage_is_whole_and_has_no_work_left(tmp_path: Path) -> None:
    publish(place(tmp_path))
    artifact = place(tmp_path).artifact()
    assert artifact is not None
    assert artifact.table("table") == TABLE
    assert artifact.damage(digests=True) is None
    assert not place(tmp_path).work.exists()


def test_damage_names_the_file(tmp_path: Path) -> None:
    publish(place(tmp_path))
    artifact = place(tmp_path).artifact()
    assert artifact is not None
    path = artifact.path / "table.parquet"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    assert f"{path} has {len(content) - 1} bytes" in str(artifact.damage())
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert artifact.damage() is None
    assert "other content" in str(artifact.damage(digests=True))
    path.unlink()
    assert f"{path} is missing" in str(artifact.damage())


def test_files_that_a_kill_left_without_a_manifest_are_no_artifact(tmp_path: Path) -> None:
    publish(place(tmp_path))
    (place(tmp_path).path / MANIFEST).unlink()
    assert place(tmp_path).artifact() is None
    place(tmp_path).prepare_work()
    assert [path.name for path in place(tmp_path).path.iterdir()] == ["work"]


def test_discarding_leaves_no_empty_folders(tmp_path: Path) -> None:
    with place(tmp_path / "run").locked():
        publish(place(tmp_path / "run"))
        place(tmp_path / "run").discard()
    assert not (tmp_path / "run").exists()


def test_chunks_cover_every_row_once(tmp_path: Path) -> None:
    for rows, size in ((10, 3), (9, 3), (1, 5)):
        chunks = Chunks(tmp_path, rows, size)
        assert [row for index in range(chunks.count) for row in chunks.span(index)] == list(range(rows))


def test_a_torn_chunk_is_made_again(tmp_path: Path) -> None:
    chunks = Chunks(tmp_path, 5, 3)
    chunks.write(0, TABLE)
    chunks.write(1, TABLE.slice(0, 2))
    assert chunks.missing() == []
    assert chunks.gather().num_rows == 5
    path = chunks.path(1)
    path.write_bytes(path.read_bytes()[:-20])
    assert chunks.missing() == [1]
    assert not path.exists()


def test_equal_tables_have_equal_bytes(tmp_path: Path) -> None:
    write_table(tmp_path / "a.parquet", TABLE)
    write_table(tmp_path / "b.parquet", pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1)]))
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert read_table(tmp_path / "a.parquet") == TABLE


def test_two_processes_do_not_work_on_one_stage(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert f"process {holder.pid}" in str(place(tmp_path).holder())
        with pytest.raises(StageError, match=f"being worked on by process {holder.pid}"), place(tmp_path).locked():
            pass
    finally:
        holder.kill()
        holder.wait()
        assert holder.stdout is not None
        holder.stdout.close()
    # The kernel gave the lock back when its holder died.
    assert place(tmp_path).holder() is None
    with place(tmp_path).locked():
        pass


def test_a_folder_is_named_by_its_content_and_not_its_place(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "file").write_text("text")
    assert digest_tree(tmp_path / "one") == digest_tree(tmp_path / "two")
    (tmp_path / "two" / "deep" / "file").write_text("texT")
    assert digest_tree(tmp_path / "one") != digest_tree(tmp_path / "two")
    (tmp_path / "two" / "deep" / "file").rename(tmp_path / "two" / "deep" / "life")
    (tmp_path / "two" / "deep" / "life").write_text("text")
    assert digest_tree(tmp_path / "one") != digest_tree(tmp_path / "two")


def test_a_folder_has_one_digest_in_whatever_order_a_disk_lists_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abcdef":
        (tmp_path / name).write_text(name)
    listed = list(tmp_path.rglob("*"))
    found = []
    for order in (listed, listed[::-1]):
        monkeypatch.setattr(Path, "rglob", lambda self, pattern, order=order: iter(order))
        found.append(digest_tree(tmp_path))
    assert found[0] == found[1]


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What reaches the disk, in its order: ("sync", the file or folder) and ("rename", the new name)."""
    seen: list[tuple[str, str]] = []
    fsync, replace = os.fsync, Path.replace

    def watched_fsync(handle: int) -> None:
        seen.append(("sync", Path(f"/proc/self/fd/{handle}").resolve().name))
        fsync(handle)

    def watched_replace(path: Path, target: Path) -> Path:
        seen.append(("rename", Path(target).name))
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(Path, "replace", watched_replace)
    return seen


def test_a_file_is_on_disk_before_it_has_its_name_and_the_name_after(tmp_path: Path, on_disk: list[tuple[str, str]]) -> None:
    folder = tmp_path / "folder"
    write_atomic(folder / "file", b"new")
    temporary = f".file.{os.getpid()}.tmp"
    assert on_disk == [("sync", temporary), ("rename", "file"), ("sync", "folder")]
    assert [path.name for path in folder.iterdir()] == ["file"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError("no space left on device")

    write_atomic(tmp_path / "file", b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_atomic(tmp_path / "file", b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"old")]


def test_all_that_a_manifest_promises_is_on_disk_before_it(tmp_path: Path, on_disk: list[tuple[str, str]]) -> None:
    at = place(tmp_path)
    out = at.prepare_work() / "out"
    (out / "deep").mkdir(parents=True)
    for name in ("one", "deep/two"):
        (out / name).write_text(name)
    at.publish(out, {})
    manifest = on_disk.index(("rename", MANIFEST))
    for name, folder in (("one", at.path.name), ("two", "deep")):
        synced, renamed = on_disk.index(("sync", name)), on_disk.index(("rename", name))
        # The content before the name, the name before the manifest.
        assert synced < renamed < on_disk.index(("sync", folder), renamed) < manifest
    assert on_disk[manifest - 1 : manifest + 2] == [
        ("sync", f".{MANIFEST}.{os.getpid()}.tmp"),
        ("rename", MANIFEST),
        ("sync", at.path.name),
    ]


def test_a_manifest_goes_first_when_a_result_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(place(tmp_path))
    there = []
    monkeypatch.setattr(store.shutil, "rmtree", lambda path, **options: there.append((path / MANIFEST).exists()))
    place(tmp_path).discard()
    assert there == [False]


def test_a_file_that_has_grown_is_damaged(tmp_path: Path) -> None:
    publish(place(tmp_path))
    artifact = place(tmp_path).artifact()
    assert artifact is not None
    with (artifact.path / "table.parquet").open("ab") as file:
        file.write(b"x")
    assert "table.parquet has " in str(artifact.damage())
    assert not place(tmp_path).whole()


def test_chunks_come_together_in_the_order_of_the_input(tmp_path: Path) -> None:
    chunks = Chunks(tmp_path, 25, 2)
    for index in reversed(range(chunks.count)):
        chunks.write(index, pa.table({"row": list(chunks.span(index))}))
    assert chunks.gather()["row"].to_pylist() == list(range(25))


def test_a_chunk_of_other_rows_is_made_again(tmp_path: Path) -> None:
    Chunks(tmp_path, 10, 5).write(1, pa.table({"row": [5, 6, 7, 8, 9]}))
    assert Chunks(tmp_path, 10, 5).missing() == [0]
    assert Chunks(tmp_path, 9, 5).missing() == [0, 1]  # of another size: readable, and not ours
    write_table(Chunks(tmp_path, 10, 5).path(1), pa.table({"row": [5, 6, 7, 8, 9]}))
    assert Chunks(tmp_path, 10, 5).missing() == [0, 1]  # no chunk at all


def test_ranks_share_what_is_missing_and_nothing_is_made_twice(tmp_path: Path) -> None:
    made: list[tuple[int, int]] = []
    Chunks(tmp_path, 13, 2).write(2, pa.table({"row": [4, 5]}))
    missing = Chunks(tmp_path, 13, 2).missing()

    def part(rank: int) -> pa.Table:
        def work_on(rows: range, index: int) -> pa.Table:
            made.append((rank, index))
            return pa.table({"row": list(rows)})

        world = World(rank, 2, from_first=lambda found: missing)
        context = Context("kind/arm", {}, 0, tmp_path, tmp_path, 10, lambda done, total: None, world)
        return in_chunks(context, 13, 2, work_on)

    with pytest.raises(PartDone):
        part(1)
    assert part(0)["row"].to_pylist() == list(range(13))
    assert sorted(index for _, index in made) == [0, 1, 3, 4, 5, 6]
    assert sorted(rank for rank, _ in made) == [0, 0, 0, 1, 1, 1]


def test_what_is_published_is_open_to_whom_the_umask_says(tmp_path: Path) -> None:
    """Libraries write weights by way of temporary files, which nobody else of a group can read."""
    before = os.umask(0o027)
    try:
        at = place(tmp_path)
        out = at.prepare_work() / "out"
        out.mkdir()
        (out / "model.safetensors").touch(mode=0o600)
        made = at.publish(out, {"rows_in": 0, "rows_out": 0})
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in made.path.iterdir()} == {0o640}


def test_who_waits_for_chunks_of_others_looks_ever_more_seldom_and_lists_the_folder_once_a_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunks = Chunks(tmp_path, rows=40, size=2)
    pauses: list[float] = []
    listed: list[object] = []
    scan = os.scandir

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 12:
            for index in range(1, 20, 2):  # the other rank is done at last
                chunks.write(index, TABLE.slice(0, 2))

    monkeypatch.setattr("summ_collapse.stages.chunks.time.sleep", pause)
    monkeypatch.setattr("summ_collapse.stages.chunks.os.scandir", lambda path: (listed.append(path), scan(path))[1])
    context = Context("generate/x", {}, 0, tmp_path, tmp_path, 1, lambda *told: None, world=World(0, 2))
    in_chunks(context, 40, 2, lambda rows, index: TABLE.slice(0, len(rows)))
    assert pauses == sorted(pauses)
    assert pauses[0] <= 0.1
    assert pauses[-1] == 5
    assert len(listed) == len(pauses) + 2  # what is missing at first, and every look
