"""The file under a ledger: what must be true of it before money is spent on what it will hold."""

from __future__ import annotations

import os
from pathlib import Path

from adjoint.base.errors import LedgerError

ROOM = 16 * 2**20
"""Bytes that must be free before a call is made: its reply has to fit, and those of all calls in flight."""
_NETWORK = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "gpfs", "beegfs", "glusterfs", "davfs", "ncpfs", "coda",
    "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone", "fuse.ceph", "fuse.cephfs", "fuse.davfs2",
})  # fmt: skip
_ESCAPES = {r"\040": " ", r"\011": "\t", r"\012": "\n", r"\134": "\\"}


def prepare(path: Path) -> None:
    """Make the file (0600) and its directory (0700) if they are missing, and refuse one that cannot be trusted."""
    refuse_network(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        path.touch(mode=0o600)
    refuse_foreign(path)
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)


def refuse_foreign(path: Path) -> None:
    """Another user's file is refused: they could read what is written, or answer in the name of a model."""
    owner = path.stat().st_uid
    if owner != os.geteuid():
        message = (
            f"the ledger {path} belongs to another user (uid {owner}); name one of your own with ADJOINT_LEDGER or --ledger."
        )
        raise LedgerError(message)


def refuse_network(path: Path) -> None:
    """A write-ahead log needs memory that all processes share, which no network file system gives."""
    kind = filesystem_of(path)
    if kind in _NETWORK:
        message = f"the ledger {path} is on a network file system ({kind}), where it would not be safe; name a local one with ADJOINT_LEDGER."
        raise LedgerError(message)


def require_room(path: Path) -> None:
    """Refuse to go on while the disk is nearly full: a reply that is paid must find room."""
    disk = os.statvfs(path.parent)
    free = disk.f_bavail * disk.f_frsize
    if free < ROOM:
        message = f"the disk under the ledger {path} is full ({free // 2**20} MB are free, {ROOM // 2**20} are needed); make room to go on."
        raise LedgerError(message)


def filesystem_of(path: Path, mounts: str | None = None) -> str:
    """The kind of file system that holds the path, as the kernel's list of mounts says; empty where there is no such list."""
    table = _mounts() if mounts is None else mounts
    place = str(path.parent.resolve() / path.name)
    best, kind = "", ""
    for line in table.splitlines():
        left, _, right = line.partition(" - ")
        point = left.split(" ")[4] if left.count(" ") >= 4 else ""
        for escape, char in _ESCAPES.items():
            point = point.replace(escape, char)
        inside = place == point or place.startswith(point.rstrip("/") + "/")
        if point and inside and len(point) >= len(best) and right:
            best, kind = point, right.split(" ")[0]
    return kind


def _mounts() -> str:
    try:
        return Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
