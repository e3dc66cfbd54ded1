"""Who a process is, so that others can tell later whether it still lives: its id, the boot of the machine and its start."""

from __future__ import annotations

import contextlib
import functools
import os
from pathlib import Path


def me() -> str:
    """The name of this process: unlike a process id alone, no later process can have it too."""
    return _named(os.getpid())


@functools.lru_cache(maxsize=4)  # a forked child asks for another id than its parent
def _named(pid: int) -> str:
    return f"{_machine()}/{pid}/{_start(pid)}"


def alive(owner: str) -> bool | None:
    """Whether the process of that name lives; None if that cannot be told from here (another machine or container)."""
    machine, pid, start = (*owner.split("/"), "", "")[:3]
    boot, host, space = (*machine.split(":"), "", "")[:3]
    own_boot, own_host, own_space = _machine().split(":")
    if host == own_host and boot != own_boot:
        return False  # it went with that boot
    if (host, space) != (own_host, own_space) or not pid.isdigit():
        return None
    return _start(int(pid)) == start != ""


@functools.cache
def _machine() -> str:
    """The boot of this machine, its name and the space of its process ids, as `boot:host:space`."""
    boot = _read("/proc/sys/kernel/random/boot_id")
    space = ""
    with contextlib.suppress(OSError):
        space = str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    return f"{boot}:{os.uname().nodename.replace('/', '_').replace(':', '_')}:{space}"


def _start(pid: int) -> str:
    """When a process began, in ticks since the boot; empty if there is none. Zombies are as good as none."""
    stat = _read(f"/proc/{pid}/stat")
    if stat:
        values = stat.rpartition(")")[2].split()  # the name of the program may hold anything, so count from its end
        return "" if values[0] in "ZX" else values[19]
    if Path("/proc/self/stat").exists():
        return ""
    try:  # without /proc a process id is all there is
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "0"


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
