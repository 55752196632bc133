"""The files of a case: where they may lie, and how they may be written."""

from __future__ import annotations

from pathlib import Path

import pytest
from factories import BUSES, LINES, PROFILES, write_case

from cmgplan.planning.case import check_case


def found(path: Path) -> list[str]:
    return [f"{fault.severity}: {fault}" for fault in check_case(path)]


@pytest.mark.parametrize("key", ["network.buses", "network.lines", "profiles"])
def test_no_path_leaves_the_folder(tmp_path: Path, key: str) -> None:
    (tmp_path / "outside.csv").write_text(BUSES)
    folder = tmp_path / "case"
    for name, words in (
        (str(tmp_path / "outside.csv"), "an absolute path leaves the case folder"),
        ("../outside.csv", 'a path with ".." may leave the case folder'),
        ("link.csv", "a link leads out of the case folder"),
    ):
        write_case(folder, {key: name})
        if name == "link.csv":
            (folder / name).symlink_to(tmp_path / "outside.csv")
        assert any(words in fault for fault in found(folder)), name


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    path = write_case(tmp_path, {"network.buses": "link.csv"})
    (path / "link.csv").symlink_to(path / "buses.csv")
    assert found(path) == []


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert "there is no such case folder" in found(tmp_path / "nowhere")[0]
    path = write_case(tmp_path, {"network.lines": "tables"})
    (path / "tables").mkdir()
    (path / "buses.csv").unlink()
    (path / "profiles.csv").write_bytes(b"hour,caf\xe9\n0,1\n")
    text = "\n".join(found(path))
    assert "buses.csv: there is no such file" in text
    assert "tables: this is not a regular file" in text
    assert "profiles.csv row 1: this is not UTF-8 text; save the file as UTF-8" in text
    (path / "case.toml").unlink()
    assert "case.toml: there is no such file" in found(path)[0]


def test_broken_toml_names_the_row(tmp_path: Path) -> None:
    path = write_case(tmp_path)
    (path / "case.toml").write_text('format = 1\nname = "x\n')
    (fault,) = found(path)
    assert "error: case.toml row 2: this is not TOML" in fault


def test_tables_may_come_from_a_spreadsheet(tmp_path: Path) -> None:
    path = write_case(tmp_path)
    for name, text in (("buses.csv", BUSES), ("lines.csv", LINES), ("profiles.csv", PROFILES)):
        rows = text.replace("\n", "\r\n").replace(",", " , ")
        (path / name).write_bytes(b"\xef\xbb\xbf" + rows.encode() + b"\r\n,,,,,\r\n")
    assert found(path) == []


def test_rows_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    text = LINES.replace("L2,2,3,", '\n"L2\nold",2,3,1,1,\nL4,2,9,')
    faults = found(write_case(tmp_path, lines=text))
    assert any("lines.csv row 6: to_bus 9 is not in" in fault for fault in faults), faults
