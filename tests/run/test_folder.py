"""A page that a full disk does not take: told with the place that was asked for."""

from __future__ import annotations

import errno
from pathlib import Path
from re import escape

import pytest

from cmgplan.errors import MachineError
from cmgplan.run.folder import FolderKind, put_page, write_folder

KIND = FolderKind("a trial", "trial.txt")


def page_on_a_full_disk() -> str:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_page_that_the_disk_does_not_take_is_told_with_the_place_of_the_run(
    tmp_path: Path,
) -> None:
    place = tmp_path / "run"
    with pytest.raises(MachineError, match=f"^{escape(str(place))}: the disk is full"):
        write_folder(place, KIND, _put)
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_is_written_again_and_not_taken_leaves_the_earlier_one(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text("earlier")
    with pytest.raises(MachineError, match=f"^{escape(str(page))}: the disk is full"):
        put_page(tmp_path, page_on_a_full_disk)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert page.read_text() == "earlier"


def _put(folder: Path) -> None:
    put_page(folder, page_on_a_full_disk)
