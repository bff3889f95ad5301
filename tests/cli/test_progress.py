"""Progress: nothing where nobody looks, a bar on a terminal."""

from __future__ import annotations

import io
import os
import pty
import termios

import pytest

from equigen.cli.progress import Progress, duration


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def test_without_a_terminal_there_are_only_notices():
    stream = io.StringIO()
    with Progress("train", 20, "steps", stream=stream) as progress:
        for k in range(1, 21):
            progress.reach(k, loss=1 / k)
        progress.say("a notice")
    assert stream.getvalue() == "a notice\n"


def test_on_a_terminal_there_is_one_bar_that_goes_away():
    stream = Terminal()
    with Progress("train", 20, "steps", stream=stream) as progress:
        for k in range(1, 21):
            progress.reach(k, loss=1 / k)
        progress.say("a notice")
    text = stream.getvalue()
    assert "train:" in text
    assert "\r" in text
    assert "a notice\n" in text


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
