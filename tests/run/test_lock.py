"""One process at a time writes into a folder, also where there is no ``fcntl``."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from cmgplan.run import lock
from cmgplan.run.folder import FolderKind, write_folder
from cmgplan.run.lock import lock_file, locked

KIND = FolderKind("a trial", "trial.txt")


class Msvcrt(SimpleNamespace):
    """What is used of Windows' module: a lock on a byte, refused while another handle has it."""

    LK_NBLCK, LK_UNLCK = 2, 0

    def __init__(self) -> None:
        super().__init__(holder={}, refused=0)

    def locking(self, handle: int, mode: int, count: int) -> None:
        assert count == 1
        file = os.fstat(handle).st_ino
        if mode == self.LK_UNLCK:
            assert self.holder.pop(file) == handle
        elif file in self.holder:
            self.refused += 1
            raise OSError(13, "Permission denied")
        else:
            self.holder[file] = handle


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


def test_the_package_is_imported_without_fcntl() -> None:
    script = "import sys\nsys.modules['fcntl'] = None\nimport cmgplan.run.folder, cmgplan.cli"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=100)
