"""The command as the shell runs it: exit codes, signals, terminals, full disks."""

from __future__ import annotations

import os
import pty
import resource
import signal
import subprocess
import sys
import termios
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import TINY, contents

PROGRAM = Path(sys.executable).with_name("equigen")
LONG = ["--steps", "100000", "--checkpoint-every", "50", *TINY[4:]]
_FILE_LIMIT = 30_000  # bytes: room for a configuration, but not for a checkpoint


_STARTED: list[subprocess.Popen] = []


@pytest.fixture(autouse=True)
def _nothing_runs_on():
    """A test that fails in the middle leaves no process behind."""
    yield
    for process in _STARTED:
        if process.poll() is None:
            process.kill()
            process.communicate()
    _STARTED.clear()


def start(*words, **options):
    process = subprocess.Popen(
        [PROGRAM, *map(str, words)],
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options,
    )
    _STARTED.append(process)
    return process


def finish(process, timeout=120):
    out, err = process.communicate(timeout=timeout)
    return process.returncode, out, err


def wait_for(path, process, timeout=120):
    """Until a path exists."""
    end = time.monotonic() + timeout
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("words", "code"),
    [(["--version"], 0), (["data", "nowhere"], 1), (["data", "digits", "--layot", "nhw"], 2)],
)
def test_exit_codes_reach_the_shell(words, code, tmp_path):
    found, out, err = finish(start(*words, cwd=tmp_path))
    assert found == code
    assert ("Traceback" in err, bool(out)) == (False, code == 0)


def test_it_runs_as_a_module_too(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "equigen", "--version"], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout.strip()


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_training_that_is_asked_to_stop_saves_and_says_so(tmp_path, signum, code):
    process = start("train", "digits", "--out", "run", *LONG, cwd=tmp_path)
    wait_for(tmp_path / "run" / "checkpoints" / "latest", process)
    process.send_signal(signum)
    found, _, err = finish(process)
    assert found == code, err
    last = err.splitlines()[-1]
    assert last.startswith("equigen: stopped by")
    assert "saved" in last
    assert "Traceback" not in err
    step = int(last.split("step ")[1].split(",")[0])
    newest = sorted((tmp_path / "run" / "checkpoints").glob("step-*"))[-1]
    assert newest.name == f"step-{step:08d}"


def test_other_commands_stop_at_once(tmp_path, trained):
    for signum, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        process = start("sample", trained, "--n", "600", "--batch-size", "1", "--out", tmp_path / "new")
        wait_for(tmp_path / "new", process)  # it is made when all is ready for the first step
        process.send_signal(signum)
        found, out, err = finish(process)
        assert (found, out) == (code, ""), err
        assert "Traceback" not in err
        assert err.splitlines()[-1].startswith("equigen: stopped by")
        assert contents(tmp_path) == {}
        (tmp_path / "new").rmdir()


def limited():
    """No file may grow beyond the limit: what a full disk does, for anyone who runs the tests."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_LIMIT, _FILE_LIMIT))


def test_a_file_that_cannot_be_written_stops_a_training_with_a_sentence(tmp_path):
    code, out, err = finish(start("train", "digits", "--out", "run", *TINY, cwd=tmp_path, preexec_fn=limited))
    assert (code, out) == (1, ""), err
    assert err.splitlines()[-1].startswith("equigen: run/checkpoints")
    assert "cannot be written" in err
    assert "Traceback" not in err
    assert not any("partial" in name for name in contents(tmp_path))


@contextmanager
def small_disk(folder, size):
    """A file system of so many bytes; skips where none may be mounted."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_full_disk_loses_nothing(tmp_path, trained):
    disk = tmp_path / "disk"
    with small_disk(disk, 400_000):
        (disk / "mine.txt").write_text("mine")
        code, _, err = finish(start("train", "digits", "--out", disk / "run", *TINY))
        assert code == 1, err
        assert "No space left on device" in err.splitlines()[-1]
        assert "Traceback" not in err
        assert (disk / "mine.txt").read_text() == "mine"
        subprocess.run(["rm", "-r", disk / "run"], check=True)

        assert finish(start("sample", trained, "--n", "2", "--steps", "1", "--out", disk / "new"))[0] == 0
        (disk / "filler").write_bytes(bytes(os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize - 8192))
        before = contents(disk)
        words = ["--n", "400", "--steps", "1", "--seed", "1", "--formats", "npy,npz", "--overwrite"]
        code, _, err = finish(start("sample", trained, *words, "--out", disk / "new"))
        assert code == 1, err
        assert "No space left on device" in err.splitlines()[-1]
        assert contents(disk) == before


def test_a_terminal_gets_a_bar_and_a_file_gets_lines(tmp_path):
    outer, inner = pty.openpty()
    termios.tcsetwinsize(inner, (24, 100))
    process = start("train", "digits", "--out", "run", *TINY, cwd=tmp_path, stderr=inner)
    os.close(inner)
    seen = b""
    while True:
        try:
            part = os.read(outer, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        seen += part
    assert finish(process)[0] == 0
    os.close(outer)
    assert b"train:" in seen
    assert b"\r" in seen
    assert b"of 4 steps" not in seen


def test_no_colour_where_none_is_wanted(tmp_path):
    for extra, coloured in (({"NO_COLOR": "1"}, False), ({"FORCE_COLOR": "1"}, True)):
        environment = {name: value for name, value in os.environ.items() if "COLOR" not in name} | extra
        code, out, _ = finish(start("train", "--help", cwd=tmp_path, env=environment | {"TERM": "xterm-256color"}))
        assert code == 0
        colours = {part.split("m")[0] for part in out.split("\x1b[")[1:]}
        assert any("3" in colour for colour in colours) is coloured


def test_a_closed_pipe_is_no_fault(tmp_path):
    command = f"'{PROGRAM}' data digits --json | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.stderr == ""
