"""One writer at a time, whatever happens to the one before."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from equigen.training import lock
from equigen.training.errors import RunFolderError
from equigen.training.lock import LOCK, locked


def test_a_second_writer_is_refused_and_told_who_is_there(tmp_path):
    with (
        locked(tmp_path / "run"),
        pytest.raises(RunFolderError, match=f"run is being written by process {os.getpid()} on ") as error,
        locked(tmp_path / "run"),
    ):
        pass
    assert "--out" in str(error.value)
    with locked(tmp_path / "run"):
        pass


def test_a_folder_that_holds_something_stays(tmp_path):
    with locked(tmp_path / "above" / "run"):
        (tmp_path / "above" / "run" / "file").touch()
    assert [path.name for path in (tmp_path / "above" / "run").iterdir()] == ["file"]
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "other" / "run"):
        raise ZeroDivisionError
    assert not (tmp_path / "other").exists()


def test_the_lock_of_a_killed_process_holds_nobody(tmp_path):
    ready, tell = os.pipe()
    if (pid := os.fork()) == 0:
        with locked(tmp_path / "run"):
            os.write(tell, b"x")
            signal.pause()
        os._exit(0)
    os.read(ready, 1)
    with pytest.raises(RunFolderError, match=f"process {pid} "), locked(tmp_path / "run"):
        pass
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert (tmp_path / "run" / LOCK).exists()
    with locked(tmp_path / "run"):
        pass
    assert not (tmp_path / "run" / LOCK).exists()


def inside_at_once(folder) -> int:
    """The most of eight threads that were ever in the block together, over many tries."""
    inside, most, gate = [], [0], threading.Barrier(8)

    def contend() -> None:
        gate.wait()
        for _ in range(100):
            try:
                with locked(folder):
                    inside.append(1)
                    most[0] = max(most[0], len(inside))
                    inside.pop()
            except RunFolderError:
                pass

    threads = [threading.Thread(target=contend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return most[0]


def test_never_two_though_the_file_comes_and_goes(tmp_path):
    (tmp_path / "mine").touch()
    assert inside_at_once(tmp_path) == 1


def test_a_lock_that_locks_nothing_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "_hold", lambda handle: True)
    with locked(tmp_path), locked(tmp_path):
        pass


def test_a_file_system_without_locks_stops_nobody(tmp_path, monkeypatch):
    import fcntl

    def none(handle, how):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", none)
    with locked(tmp_path):
        assert (tmp_path / LOCK).read_text().startswith("process ")
