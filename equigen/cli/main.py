"""The program `equigen`: reads a command line, runs one command, ends with an exit code.

    0 done · 1 failed, or a check fails · 2 not understood (command line or configuration)
    130 stopped by Ctrl-C · 143 by SIGTERM

Every failure is one sentence on standard error; `--debug` adds the traceback. What a command needs is imported when it
runs. Of several processes with one command line (`torchrun`) the first alone says what came out, and of a failure the
one speaks that failed first.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError

from equigen import __version__
from equigen.cli.certify import certify
from equigen.cli.data import data
from equigen.cli.evaluate import evaluate
from equigen.cli.lab import lab
from equigen.cli.outcome import Outcome, show
from equigen.cli.report import report
from equigen.cli.sample import sample
from equigen.cli.train import train
from equigen.cli.verify import verify
from equigen.training import processes
from equigen.training.errors import ConfigError, Interrupted

__all__ = ["app", "main", "sentence"]

_FAILED, _USAGE = 1, 2
_DIVIDED = ("train", "sample", "evaluate")  # commands in which every process has a part

app = App(
    name="equigen",
    version=__version__,
    help="Train generative models on your images, sample them, and measure them beside their floors.",
    help_epilogue="'equigen COMMAND --help' explains a command; 'equigen COMMAND --json' speaks to programs.",
    default_parameter=Parameter(negative=()),
    suppress_keyboard_interrupt=False,
)
for _place, _command in enumerate((train, sample, evaluate, certify, report, data, lab, verify)):
    app.command(_command, sort_key=_place)


class _Terminated(BaseException):
    """SIGTERM, as KeyboardInterrupt is Ctrl-C."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and give its exit code.

    Args:
        argv: the words after the program's name; None: those of this process.
    """
    # Read by libgomp when torch is imported: threads that wait for each other give way soon. That costs something on a
    # quiet machine and gains more on a shared one (benchmarks/threads.py).
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    tokens = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in tokens
    if processes.rank() and (tokens[:1] not in [[name] for name in _DIVIDED] or {"--help", "-h"} & set(tokens)):
        return 0
    try:
        with _terminable(), _one_line_warnings():
            outcome = app(tokens, exit_on_error=False, print_error=False, verbose=False, result_action="return_value")
        if isinstance(outcome, Outcome) and processes.rank() == 0:
            show(outcome, as_json)
        return outcome.code if isinstance(outcome, Outcome) else 0
    except _Terminated:
        return _fail("stopped by SIGTERM.", 128 + signal.SIGTERM, as_json)
    except KeyboardInterrupt:
        return _fail("stopped by Ctrl-C.", 128 + signal.SIGINT, as_json)
    except CycloptsError as error:
        return _fail(_usage_sentence(error), _USAGE, as_json)
    except Exception as error:  # noqa: BLE001 - the edge of the program: what nobody foresaw ends in a sentence, too
        if "--debug" in tokens:
            traceback.print_exc()
        return _fail(sentence(error), _exit_code(error), as_json)
    finally:
        processes.stop()


def sentence(error: BaseException) -> str:
    """What went wrong, in one line.

    Example:
        >>> sentence(FileNotFoundError(2, "No such file or directory", "a.npy"))
        'a.npy: No such file or directory.'
        >>> sentence(ValueError("steps=0, but a run needs 1 or more."))
        'steps=0, but a run needs 1 or more.'
        >>> sentence(KeyError("x"))
        "unexpected KeyError: 'x' (--debug shows where)."
    """
    lines = str(error).strip().splitlines() or [""]
    if processes.was_left(error):
        text = "another process has ended, so this one cannot go on: see what it said, and resume a training"
    elif isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif isinstance(error, MemoryError) or "allocate memory" in lines[0] or "out of memory" in lines[0]:
        text = "out of memory: use fewer or smaller images, a smaller batch, or fewer samples at once"
    elif isinstance(error, ValueError | TypeError | OSError | Interrupted | processes.ProcessError):
        text = " ".join(str(error).split()) or type(error).__name__
    else:
        text = f"unexpected {type(error).__name__}: {lines[0]} (--debug shows where)"
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _exit_code(error: Exception) -> int:
    if isinstance(error, Interrupted):
        return error.exit_code
    return _USAGE if isinstance(error, ConfigError) else _FAILED


def _usage_sentence(error: CycloptsError) -> str:
    """What cyclopts says in several, in one."""
    error.verbose = False
    text = " ".join(str(error).split())
    fault, _, rest = text.partition(". ")
    fault = fault[:1].lower() + fault[1:].rstrip(".").replace("option: ", "option ")
    if isinstance(error, UnusedCliTokensError):
        fault = f"{' '.join(error.unused_tokens or ())!r} is more than the command takes"
    elif meant := re.search(r"[Dd]id you mean (.*?)\?", rest):
        return f"{fault}: did you mean {meant[1]}?"
    elif fault.startswith('unknown command "-'):
        return f"{fault.replace('command', 'option')}: before a command there are --help and --version."
    if rest or ":" in fault:
        return f"{fault}: {rest[:1].lower()}{rest[1:]}" if rest else f"{fault}."
    return f"{fault}: see --help."


def _fail(text: str, code: int, as_json: bool) -> int:
    if not processes.first_to_fail():
        return code
    print(f"equigen: {text}", file=sys.stderr, flush=True)
    if as_json:
        show(Outcome({"error": text, "exit_code": code}, ()), as_json)
    return code


@contextmanager
def _terminable() -> Iterator[None]:
    """Inside the block SIGTERM unwinds the stack, so that what lies half-written is taken away."""

    def stop(signum: int, frame: FrameType | None) -> None:
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _one_line_warnings() -> Iterator[None]:
    def say(message: Warning | str, category: type[Warning], *where: object) -> None:
        if processes.rank() or issubclass(category, DeprecationWarning | FutureWarning):  # those are for programmers
            return
        print(f"equigen: {' '.join(str(message).split())}", file=sys.stderr)

    before = warnings.showwarning
    warnings.showwarning = say
    try:
        yield
    finally:
        warnings.showwarning = before
