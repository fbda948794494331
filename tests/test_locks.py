"""A folder whose locks exclude nobody is refused, with what to mount."""

import errno
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock

from summ_collapse import locks
from summ_collapse.errors import InputError
from summ_collapse.launch import shared_disk
from summ_collapse.store import Place
from tests.conftest import inside


@pytest.fixture(autouse=True)
def forgotten() -> None:
    locks.demand.cache_clear()


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_file_system_without_locks_is_refused(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library would take a file for a lock, which a dead owner on another node holds for ever."""

    def flock(handle: int, operation: int) -> None:
        raise OSError(number, "not here")

    monkeypatch.setattr("fcntl.flock", flock)
    with (
        pytest.raises(InputError, match=r"its file system has no locks \(not here\); mount it with locks"),
        Place(tmp_path, "train", "arm", "f" * 64).locked(),
    ):
        pytest.fail("locked all the same")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("option", ["localflock", "local_lock=all", "nolock"])
def test_locks_of_one_node_alone_are_refused(option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mounts"
    shared = tmp_path / "a folder"
    shared.mkdir()
    point = str(shared).replace(" ", "\\040")
    mounts.write_text(f"proc /proc proc rw 0 0\nnode:/x {point} nfs4 rw,{option},hard 0 0\nnode:/y / ext4 rw 0 0\n")
    monkeypatch.setattr(locks, "MOUNTS", mounts)
    with pytest.raises(InputError, match=f"is mounted with {option}: each node locks for itself alone"):
        locks.demand(shared)
    locks.demand(tmp_path)  # on the other file system
    done = inside("check", "demo", "--out", shared / "run", "--json")
    assert done.code == 2
    assert f"is mounted with {option}" in done.out


def trial(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """What two nodes say."""
    monkeypatch.setattr(shared_disk, "PATIENCE", 5.0)
    monkeypatch.setattr(shared_disk, "PAUSE", 0.01)
    said: list[str | None] = [None, None]

    def node(number: int) -> None:
        said[number] = shared_disk.main(folder, "trial", number)

    threads = [threading.Thread(target=node, args=[number]) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return said


def test_two_nodes_that_exclude_each_other_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert trial(tmp_path, monkeypatch) == [None, None]


def test_two_nodes_that_hold_one_lock_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if each had a file of its own."""
    monkeypatch.setattr(
        shared_disk, "FileLock", lambda path, timeout: FileLock(f"{path}-{threading.current_thread().name}", timeout=timeout)
    )
    first, second = trial(tmp_path, monkeypatch)
    assert first is None
    assert second is not None
    assert "two nodes held one lock at the same time" in second


def test_a_file_that_another_node_never_shows_does_not_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_disk, "PATIENCE", 0.05)
    said = shared_disk.main(tmp_path, "trial", 1)
    assert said == f"{tmp_path}: a file that another node has put there was not seen within 0 s"


def test_many_may_ask_at_once(tmp_path: Path) -> None:
    """Each tries a file of its own: one that met another's lock would take it for a broken file system."""
    start = threading.Barrier(8)

    def ask(_: int) -> None:
        start.wait()
        for _ in range(50):
            locks.demand.__wrapped__(tmp_path)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))
    assert not list(tmp_path.iterdir())
