"""What the disk under a ledger must be, and that a disk that is not fails before anything is paid."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import adjoint
from adjoint.base.errors import LedgerError
from adjoint.ledger import files
from adjoint.ledger.rows import pack, unpack
from adjoint.ledger.store import Ledger
from adjoint.program.context import active_ledger
from adjoint.testing import ScriptedLM

MOUNTS = """
21 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 21 0:40 / /home rw - nfs4 server:/home rw
31 30 0:41 / /home/me/fast rw - xfs /dev/vdb rw
32 21 0:42 / /mnt/with\\040space rw shared:7 - cifs //server/share rw
33 21 0:43 / /mnt/sshfs rw - fuse.sshfs me@host: rw
"""


def refused(lm=None):
    """The error of a call, and how many questions the model has got."""
    model = ScriptedLM(lambda _: "x", identity="me")
    with adjoint.context(lm=model), pytest.raises(LedgerError) as caught:
        adjoint.Predict("q -> a")(q="q")
    assert model.requests == [], "nothing was asked, so nothing was paid"
    return str(caught.value)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/a/ledger.db", "ext4"),
        ("/home/me/ledger.db", "nfs4"),
        ("/home/me/fast/ledger.db", "xfs"),
        ("/homes/ledger.db", "ext4"),
        ("/mnt/with space/x/ledger.db", "cifs"),
        ("/mnt/sshfs/ledger.db", "fuse.sshfs"),
    ],
)
def test_the_file_system_of_a_path_is_that_of_its_nearest_mount(path, kind):
    assert files.filesystem_of(Path(path), MOUNTS) == kind


def test_a_network_file_system_is_refused_before_anything_is_paid(monkeypatch, tmp_path):
    monkeypatch.setattr(files, "_mounts", lambda: f"1 1 0:1 / {tmp_path} rw - nfs4 server:/ rw")
    assert "network file system (nfs4)" in refused()
    assert not (tmp_path / "ledger.db").exists()


def test_a_full_disk_is_refused_before_anything_is_paid(monkeypatch):
    real = os.statvfs
    monkeypatch.setattr(files.os, "statvfs", lambda path: os.statvfs_result((*real(path)[:3], 10, 10, *real(path)[5:])))
    assert "is full" in refused()


def test_a_disk_that_runs_full_in_the_middle_keeps_what_was_kept(tmp_path):
    """A limit on the size of files stands for ENOSPC: every write beyond it fails."""
    code = """
import adjoint, resource, signal, sys
from adjoint.base.errors import LedgerError
from adjoint.ledger import files
from adjoint.testing import ScriptedLM
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
lm = ScriptedLM(lambda r: "x" * 20_000, identity="me")
kept = 0
with adjoint.context(lm=lm):
    adjoint.Predict("q -> a")(q="first")
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
    try:
        for number in range(100):
            adjoint.Predict("q -> a")(q=str(number))
            kept += 1
    except LedgerError as error:
        print(kept + 1, len(lm.requests), "cannot be used" in str(error))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout.split()
    kept, asked, told = int(out[0]), int(out[1]), out[2]
    assert told == "True"
    assert asked - kept <= 1
    ledger = Ledger(os.environ["ADJOINT_LEDGER"])
    with ledger._reading() as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("SELECT count(*) FROM replies").fetchone()[0] >= kept
    ledger.close()


def test_a_file_of_another_user_is_refused(monkeypatch, tmp_path):
    Ledger(tmp_path / "ledger.db").append("run", "begin", {})
    monkeypatch.setattr(files.os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(LedgerError, match="belongs to another user"):
        Ledger(tmp_path / "ledger.db").append("run", "begin", {})


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path):
    path = tmp_path / "ledger.db"
    path.touch(mode=0o644)
    path.chmod(0o644)
    Ledger(path).append("run", "begin", {})
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_entry_costs_less_than_three_hundred_bytes_beyond_its_texts(tmp_path):
    """The texts are those of the request and the reply; the request is packed, so most entries cost less than their texts."""
    lm = ScriptedLM(lambda r: f"{len(r.messages)} " + "word " * 20, identity="provider/model@https://api.example.org/v1")
    sizes = []
    with adjoint.context(lm=lm):
        predict = adjoint.Predict("question -> answer")

        async def many(count, start):
            await asyncio.gather(*(predict.acall(question=f"question number {start + i}") for i in range(count)))

        for start in (0, 500):
            asyncio.run(many(500, start))
            active_ledger().close()
            sizes.append(Path(os.environ["ADJOINT_LEDGER"]).stat().st_size)
    texts = len("2 " + "word " * 20) + sum(len(message.text) for message in lm.requests[0].messages)
    assert 0 < (sizes[1] - sizes[0]) / 500 - texts + 300 < 600


READING = """
import os, sys
from pathlib import Path
from adjoint.base.errors import LedgerError
from adjoint.ledger.doctor import examine
from adjoint.ledger.store import Ledger
if os.geteuid() == 0:
    os.setuid(65534)
path = Path(sys.argv[1])
ledger = Ledger(path)
try:
    print([event.body["n"] for event in ledger.events()], len(ledger.spend()))
    print(examine(path).healthy)
    ledger.append("run", "begin", {})
except LedgerError as error:
    print(error)
"""


@pytest.fixture
def place():
    """A directory that another user reaches, as those of pytest are not."""
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)
        Path(made).chmod(0o700)


@pytest.mark.parametrize("log", [None, "whole", "alone"])
def test_a_ledger_where_nothing_may_be_written_can_be_read(place, log):
    """Root may write everywhere, so it becomes nobody. With a log, and all files that belong to it, the log is read too."""
    code = f"""
import os
from adjoint.ledger.store import Ledger
ledger = Ledger({str(place / "ledger.db")!r})
ledger.append("run", "begin", {{"n": 1}})
{"os._exit(0)" if log else "ledger.close()"}
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    if log == "alone":
        (place / "ledger.db-shm").unlink()
    for file in (*place.iterdir(), place):
        file.chmod(0o400 if file.is_file() else 0o500)
        if os.geteuid() == 0:
            os.chown(file, 65534, 65534)
    out = subprocess.run(
        [sys.executable, "-c", READING, place / "ledger.db"], capture_output=True, text=True, check=True, timeout=60
    )
    lines = out.stdout.splitlines()
    if log == "alone":
        assert "copy both to a directory of your own" in lines[0]
    else:
        assert lines[:2] == ["[1] 0", "True"]
        assert "cannot be used" in lines[2]


def test_packed_text_cannot_fill_the_memory(monkeypatch):
    from adjoint.ledger import rows

    monkeypatch.setattr(rows, "_LARGEST", 1000)
    assert unpack(pack("x" * 999)) == "x" * 999
    for bad in (pack("x" * 5000), b"", b"\x80\x04\x95", pack("x")[:-2]):
        with pytest.raises(ValueError):
            unpack(bad)


def test_no_pickle_anywhere():
    words = (
        "import pickle",
        "import marshal",
        "import shelve",
        "import dill",
        "cloudpickle",
        "diskcache",
        "pickle.load",
        "from pickle",
    )
    for file in Path(adjoint.__file__).parent.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert not [word for word in words if word in text], file
