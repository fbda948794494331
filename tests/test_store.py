"""What the disk holds after anything: whole artifacts or none, chunks that can be trusted, one worker a stage."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from summ_collapse.errors import StageError
from summ_collapse.stages.chunks import Chunks
from summ_collapse.store import MANIFEST, Place, digest_tree, fingerprint, read_table, write_table

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
