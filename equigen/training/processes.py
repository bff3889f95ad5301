"""Several processes with one task: who this one is, its share of the items, their results in order, and one last word.

`torchrun` and `accelerate launch` start the processes and tell each by its environment (RANK, WORLD_SIZE) which one it
is. The items 0 .. n - 1 are divided into runs of consecutive ones: process r of R takes ceil(r n / R) up to
ceil((r + 1) n / R) - 1. What an item is depends on its number alone, so the results gathered in order are those of one
process. Process 0 alone writes and speaks; of a failure the process speaks that failed first.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "ProcessError",
    "broadcast",
    "first_to_fail",
    "gather",
    "rank",
    "share",
    "start",
    "stop",
    "was_left",
    "world",
]

_STARTED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")  # what every launcher says
_PATIENCE = timedelta(days=2)  # a process may wait that long for process 0 to measure or write
_REACH = timedelta(seconds=10)
_LEFT = ("gloo", "connection closed", "connection reset", "broken pipe", "nccl")


class ProcessError(RuntimeError):
    """Processes that cannot work together, or one that has ended before the others."""


def world() -> int:
    """The number of processes that were started together; 1 unless a launcher says otherwise.

    Example:
        >>> world()
        1
    """
    return int(os.environ["WORLD_SIZE"]) if all(os.environ.get(name) for name in _STARTED) else 1


def rank() -> int:
    """The number of this process among them, from 0.

    Example:
        >>> rank()
        0
    """
    return int(os.environ["RANK"]) if world() > 1 else 0


def share(n: int, process: int | None = None, processes: int | None = None) -> tuple[int, int]:
    """Which of n items a process takes: the first of them, and how many.

    Args:
        n: number of items.
        process: whose share; None: this one's.
        processes: among how many it is divided; None: as many as there are.

    Example:
        >>> [share(5, process, 3) for process in range(3)]
        [(0, 2), (2, 2), (4, 1)]
    """
    mine = rank() if process is None else process
    among = world() if processes is None else processes
    first, after = (-(-place * n // among) for place in (mine, mine + 1))
    return first, after - first


def start() -> None:
    """Make one group of the processes, if there are several and they are none yet.

    Tensors on the processor travel over gloo, those on CUDA devices over NCCL.

    Raises:
        ProcessError: they do not find each other.
    """
    if world() == 1:
        return
    import torch
    from torch import distributed

    if distributed.is_initialized():
        return
    if not torch.accelerator.is_available():
        os.environ["ACCELERATE_USE_CPU"] = "true"  # else accelerate takes each process for the only one
    both = torch.cuda.is_available() and distributed.is_nccl_available()
    try:
        distributed.init_process_group("cpu:gloo,cuda:nccl" if both else "gloo", timeout=_PATIENCE)
    except (RuntimeError, ValueError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ProcessError(
            f"{world()} processes were started but do not find each other ({reason}): start them with torchrun, and "
            "on several machines give all of them the same --rdzv-endpoint."
        ) from error


def stop() -> None:
    """End the group, if there is one: its threads must not outlive the interpreter.

    Example:
        >>> stop()      # there is none: nothing happens
    """
    distributed: Any = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()


def broadcast(value: Any) -> Any:
    """What process 0 has, in every process.

    Args:
        value: plain values, tensors or objects of this package; that of process 0 counts.

    Example:
        >>> broadcast([1, 2])
        [1, 2]
    """
    if world() == 1:
        return value
    from torch import distributed

    box = [value]
    distributed.broadcast_object_list(box, src=0)
    return box[0]


def gather(x: Tensor, n: int) -> Tensor | None:
    """The results of all processes in order, in process 0; None in the others.

    Args:
        x: of this process's share of n items, (count, *shape).
        n: number of items over all processes.

    Returns:
        (n, *shape) on the device of `x`.

    Example:
        >>> import torch
        >>> gather(torch.ones(2, 3), 2).shape
        torch.Size([2, 3])
    """
    if world() == 1:
        return x
    import torch
    from torch import distributed

    if rank():
        if len(x):
            distributed.send(x.detach().cpu().contiguous(), 0)
        return None
    parts = [x]
    for process in range(1, world()):
        count = share(n, process)[1]
        part = torch.empty(count, *x.shape[1:], dtype=x.dtype)
        if count:
            distributed.recv(part, process)
        parts.append(part.to(x.device))
    return torch.cat(parts)


def first_to_fail() -> bool:
    """Whether this process is the first that asks, and so the one that tells what failed; true where there is one only.

    The launcher's own store counts, so that it can be asked before there is a group and after it has broken.
    """
    if world() == 1:
        return True
    from torch import distributed

    try:
        if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
            address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
            store: Any = distributed.TCPStore(address, port, is_master=False, timeout=_REACH)  # pyright: ignore
        else:
            store = distributed.distributed_c10d._get_default_store()
        return store.add(f"equigen/failed/{os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", 1) == 1
    except (RuntimeError, ValueError, OSError):
        return rank() == 0


def was_left(error: BaseException) -> bool:
    """Whether an error says that another process has ended while this one waited for it.

    Example:
        >>> was_left(RuntimeError("Connection closed by peer"))        # there is one process only
        False
    """
    text = str(error).lower()
    return world() > 1 and isinstance(error, RuntimeError) and any(word in text for word in _LEFT)
