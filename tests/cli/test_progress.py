"""Progress: short lines where nobody looks, a bar on a terminal."""

from __future__ import annotations

import io
import os
import pty
import re
import termios

import pytest

from equigen.cli.progress import Progress, duration


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def lines_of(total, done=0, step=1):
    stream = io.StringIO()
    with Progress("train", total, "steps", done=done, stream=stream) as progress:
        for k in range(done + step, total + 1, step):
            progress.reach(k, loss=1 / k)
    return stream.getvalue().splitlines()


def test_without_a_terminal_a_line_every_tenth():
    lines = lines_of(2500)
    assert [int(re.search(r"(\d+) of 2500 steps", line).group(1)) for line in lines] == list(range(250, 2501, 250))
    assert "loss 0.004" in lines[0]
    assert "left" in lines[0]
    assert re.search(r"in \d+ s$", lines[-1])


def test_a_resumed_run_counts_from_where_it_was():
    assert [line.split()[1] for line in lines_of(100, done=55)] == ["60", "70", "80", "90", "100"]


@pytest.mark.parametrize("total", [1, 3, 7])
def test_short_runs_have_a_line_a_step_at_most(total):
    assert len(lines_of(total)) == total


def test_the_estimate_counts_only_what_this_process_did(monkeypatch):
    clock = iter([0.0, 10.0])
    monkeypatch.setattr("equigen.cli.progress.time.monotonic", lambda: next(clock))
    stream = io.StringIO()
    Progress("train", 100, "steps", done=80, stream=stream).reach(90)
    assert "about 10 s left" in stream.getvalue()  # 10 steps took 10 s; with 90 steps in 10 s it would be 1 s


def test_on_a_terminal_there_is_one_bar_that_goes_away():
    stream = Terminal()
    with Progress("train", 20, "steps", stream=stream) as progress:
        for k in range(1, 21):
            progress.reach(k)
        progress.say("a notice")
    text = stream.getvalue()
    assert "train:" in text
    assert "\r" in text
    assert "a notice\n" in text
    assert "about" not in text


def test_a_real_terminal_gets_the_bar():
    outer, inner = pty.openpty()
    termios.tcsetwinsize(inner, (24, 80))
    with os.fdopen(inner, "w") as stream, Progress("sample", 2, "steps", stream=stream) as progress:
        progress.reach(2)
        assert b"sample" in os.read(outer, 4096)
    os.close(outer)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (59.6, "1 min 0 s"), (3599, "59 min 59 s"), (86400, "24 h 0 min")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text
