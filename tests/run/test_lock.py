"""One process at a time writes into a folder, also where there is no ``fcntl``.

The rules of Windows that the stand-ins keep are those of Python's and Microsoft's documentation:
``locking`` works at the position of the file, takes the bytes of one handle from all others, says
EACCES where another has them, wants just what was locked unlocked; what is open is not renamed.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from cmgplan.case import starting
from cmgplan.errors import InputError, MachineError
from cmgplan.run import lock, moving
from cmgplan.run.folder import FolderKind, write_folder
from cmgplan.run.lock import lock_file, locked
from cmgplan.run.moving import move
from cmgplan.study import pool
from cmgplan.study.run import run_study
from cmgplan.study.store import held

KIND = FolderKind("a trial", "trial.txt")


class Msvcrt(SimpleNamespace):
    """What is used of Windows' module: a lock on a byte, refused while another handle has it."""

    LK_NBLCK, LK_UNLCK = 2, 0

    def __init__(self) -> None:
        super().__init__(holder={}, refused=0, broken=0)

    def locking(self, handle: int, mode: int, count: int) -> None:
        if self.broken:
            raise OSError(self.broken, "no locks here")
        at = os.lseek(handle, 0, os.SEEK_CUR)
        region = os.fstat(handle).st_ino, at, count
        if mode == self.LK_UNLCK:
            assert self.holder.pop(region) == handle
        elif region in self.holder:
            self.refused += 1
            raise PermissionError(errno.EACCES, "Permission denied")
        else:
            self.holder[region] = handle


@pytest.fixture
def msvcrt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Msvcrt:
    """Take ``fcntl`` away and put a stand-in for ``msvcrt`` in its place."""
    fake = Msvcrt()
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", fake)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return fake


def order_of_two(folder: Path) -> list[str]:
    """Return what two threads note that want the same folder, the second while one has it."""
    noted: list[str] = []

    def second() -> None:
        with locked(folder):
            noted.append("second in")

    with locked(folder):
        waiting = threading.Thread(target=second)
        waiting.start()
        time.sleep(4 * lock.POLL_S)
        noted.append("first out")
    waiting.join(timeout=20)
    assert not waiting.is_alive()
    return noted


def test_the_second_waits_for_the_first(tmp_path: Path) -> None:
    assert order_of_two(tmp_path) == ["first out", "second in"]


def test_the_second_waits_without_fcntl(tmp_path: Path, msvcrt: Msvcrt) -> None:
    assert order_of_two(tmp_path) == ["first out", "second in"]
    assert msvcrt.refused >= 1
    assert msvcrt.holder == {}
    assert lock_file(tmp_path).is_file()
    with locked(tmp_path), locked(tmp_path / ".."):  # another folder is free
        assert len(msvcrt.holder) == 2


def test_a_folder_is_written_without_fcntl(
    tmp_path: Path, msvcrt: Msvcrt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cmgplan.run.folder.WINDOWS", True)
    opened = os.open

    def refuses_folders(path: Path, flags: int, *more: int) -> int:
        assert not Path(path).is_dir(), "Windows opens no folder"
        return opened(path, flags, *more)

    monkeypatch.setattr(os, "open", refuses_folders)
    for text in ("once", "again"):
        out = write_folder(
            tmp_path / "out", KIND, lambda place, t=text: (place / KIND.marker).write_text(t)
        )
        assert (out / KIND.marker).read_text() == text
    with pytest.raises(RuntimeError, match="halfway"):
        write_folder(tmp_path / "out", KIND, _fails)
    assert (tmp_path / "out" / KIND.marker).read_text() == "again"
    assert msvcrt.holder == {}


def _fails(place: Path) -> None:
    raise RuntimeError("halfway")


@pytest.mark.parametrize("windows", [False, True])
def test_a_second_study_is_refused_the_folder_of_the_first(
    tmp_path: Path, request: pytest.FixtureRequest, windows: bool
) -> None:
    if windows:
        request.getfixturevalue("msvcrt")
    for _ in range(2):  # what is let go can be taken again
        with held(tmp_path / "study"):
            refused = pytest.raises(InputError, match="another study is at work there")
            with refused, held(tmp_path / "study"):
                pytest.fail("two at once")
            with held(tmp_path / "other"):
                pass


def test_a_lock_that_fails_for_good_is_not_waited_for(tmp_path: Path, msvcrt: Msvcrt) -> None:
    msvcrt.broken = errno.EBADF
    with pytest.raises(OSError, match="no locks here"), locked(tmp_path):
        pytest.fail("not locked")


def test_what_another_has_open_is_waited_for_on_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target, tried = tmp_path / "a", tmp_path / "b", []
    source.write_text("new")
    target.write_text("old")
    replace = Path.replace

    def busy(self: Path, other: Path) -> Path:
        tried.append(other)
        if len(tried) < 3:
            raise PermissionError(errno.EACCES, "Access is denied", str(self))
        return replace(self, other)

    monkeypatch.setattr(Path, "replace", busy)
    with pytest.raises(PermissionError, match="Access is denied"):
        move(source, target)
    assert len(tried) == 1  # elsewhere that is no matter of time
    monkeypatch.setattr(moving, "WINDOWS", True)
    move(source, target)
    assert (target.read_text(), source.exists(), len(tried)) == ("new", False, 3)
    tried.clear()
    monkeypatch.setattr(moving, "PATIENCE_S", 0.0)
    target.rename(source)
    with pytest.raises(PermissionError, match="perhaps since another program has it open"):
        move(source, target)


def test_a_case_begins_in_an_empty_folder_where_no_folder_replaces_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace

    def as_windows(self: Path, other: Path) -> Path:
        if Path(other).is_dir():
            raise PermissionError(errno.EACCES, "Access is denied", str(self))
        return replace(self, other)

    monkeypatch.setattr(Path, "replace", as_windows)
    monkeypatch.setattr(starting, "WINDOWS", True)
    (tmp_path / "new").mkdir()
    starting.start_case(
        tmp_path / "new", lambda place: (place / "case.toml").touch(), lambda place: []
    )
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["case.toml"]


def test_a_study_is_refused_before_any_work_where_processes_cannot_be_supervised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "SUPERVISES", False)
    asked = {"format": 1, "name": "x", "system": "optimum", "cases": ["two-homes"]}
    with pytest.raises(MachineError, match="cannot be supervised on this system"):
        run_study(asked, tmp_path / "study")
    assert list(tmp_path.iterdir()) == []


def test_the_package_is_imported_without_what_windows_lacks() -> None:
    script = (
        "import os, signal, sys\n"
        "sys.modules['fcntl'] = sys.modules['resource'] = None\n"
        "del os.fork, os.killpg, os.sysconf, os.setpgid\n"
        "del signal.SIGHUP, signal.SIGALRM, signal.SIGKILL\n"
        "import cmgplan.cli, cmgplan.run_kinds, cmgplan.study.run, cmgplan.study.verify\n"
        "assert not cmgplan.cli.entry.CAN_FORK and not cmgplan.study.pool.SUPERVISES"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=100)
