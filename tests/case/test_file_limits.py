"""Limits of what a file may hold and of where it may lie, each with its message."""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandapower as pp
import pytest

from cmgplan.errors import LONGEST_LINE, CaseError, InputError, brief
from cmgplan.given import MAX_DEPTH, json_value, read_text, shown
from cmgplan.network.files.pandapower_tables import decoded_net
from cmgplan.planning.case import check_case, load_case
from cmgplan.planning.report.run_folder import read_run
from cmgplan.planning.report.table_forms import read_table
from cmgplan.run.tables import guarded
from cmgplan.search.table import read_solutions

TWO_BUS = Path(__file__).parents[2] / "cases" / "two-bus"


@pytest.fixture
def case(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TWO_BUS, tmp_path / "case"))


@pytest.fixture(scope="module")
def feeder() -> str:
    """Two buses and a load as pandapower saves them, without the tables that have no row."""
    net = pp.create_empty_network()
    a, b = pp.create_bus(net, 20.0), pp.create_bus(net, 20.0)
    pp.create_ext_grid(net, a)
    pp.create_line(net, a, b, 1.0, "NAYY 4x150 SE")
    pp.create_load(net, b, 1.0)
    saved = json.loads(pp.to_json(net))
    kept = ("bus", "ext_grid", "line", "load", "version", "format_version")
    return json.dumps({**saved, "_object": {key: saved["_object"][key] for key in kept}})


def changed(folder: Path, name: str, old: str, new: str) -> Path:
    """Replace the first occurrence of a text in a file of the case."""
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises(CaseError) as caught:
        load_case(folder)
    return str(caught.value)


def test_json_is_read_to_its_depth_and_no_further() -> None:
    fits = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    value: Any = json_value(fits, "x.json")
    for _ in range(MAX_DEPTH - 1):
        value = value[0]
    assert value == []
    for count in (MAX_DEPTH + 1, 990, 100_000):
        with pytest.raises(InputError, match=r"x\.json: nested deeper than 64 levels; flatten it"):
            json_value("[" * count + "]" * count, "x.json")


def test_a_key_that_stands_twice_in_json_is_refused() -> None:
    with pytest.raises(InputError, match="the key bus stands twice"):
        json_value('{"bus": 1, "bus": 2}', "x.json")


def test_a_file_has_a_largest_size_and_a_plain_kind(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"\xef\xbb\xbfa,b\r\n")
    assert read_text(path) == "a,b\r\n"
    path.write_bytes(b"a" * 1_000_001)
    with pytest.raises(InputError, match="larger than 1 MB"):
        read_text(path, max_mb=1)
    path.write_bytes(b"ok\n\xff")
    with pytest.raises(InputError, match="row 2: not UTF-8; save the file as UTF-8"):
        read_text(path)
    os.mkfifo(tmp_path / "pipe")
    for odd in (tmp_path / "pipe", Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(InputError, match="a device or a pipe"):
            read_text(odd)
    with pytest.raises(InputError, match="this is a folder"):
        read_text(tmp_path)
    with pytest.raises(InputError, match="File name too long"):
        read_text(tmp_path / ("n" * 300))
    with pytest.raises(InputError, match="not a name of a file"):
        read_text(tmp_path / "a\0b")


@pytest.mark.parametrize("name", ["n" * 300, "a\\u0000b", "/dev/zero", "../case/buses.csv", "."])
def test_file_names_of_a_case_are_refused_before_they_are_opened(case: Path, name: str) -> None:
    changed(case, "case.toml", "[network]", f'[network]\nbuses = "{name}"')
    told = refusal(case)
    assert len(told) < 2000
    assert "\n" in told


def test_pipes_and_links_in_a_case_do_not_hang_and_do_not_lead_out(
    case: Path, tmp_path: Path
) -> None:
    (case / "buses.csv").unlink()
    os.mkfifo(case / "buses.csv")
    assert "not a regular file" in refusal(case)
    (case / "buses.csv").unlink()
    shutil.copy(TWO_BUS / "buses.csv", tmp_path / "outside.csv")
    (case / "buses.csv").symlink_to(tmp_path / "outside.csv")
    assert "a link leads out of the case folder" in refusal(case)
    (case / "buses.csv").unlink()
    shutil.copy(TWO_BUS / "buses.csv", case / "other.csv")
    (case / "buses.csv").symlink_to("other.csv")
    assert len(load_case(case).buses) == 2


def test_a_key_of_many_parts_is_refused(case: Path) -> None:
    path = case / "case.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(".".join(["a"] * 900) + " = 1\n" + text, encoding="utf-8")
    assert f"nested deeper than {MAX_DEPTH} levels" in refusal(case)


@pytest.mark.parametrize(
    ("name", "key", "told"),
    [
        ("buses.csv", "vn_kv", "is beyond 2000 kV"),
        ("buses.csv", "p_kw", "is beyond 1e+09 kW"),
        ("lines.csv", "r_ohm", "is beyond 1e+06 ohm"),
        ("profiles.csv", "price_usd_per_mwh", "is beyond 1e+07 $/MWh"),
    ],
)
def test_absurd_magnitudes_are_refused_by_the_check(
    case: Path, name: str, key: str, told: str
) -> None:
    lines = (case / name).read_text(encoding="utf-8").splitlines()
    at = lines[0].split(",").index(key)
    cells = lines[2 if name == "buses.csv" else 1].split(",")
    cells[at] = "1e308"
    lines[2 if name == "buses.csv" else 1] = ",".join(cells)
    (case / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = [str(fault) for fault in check_case(case) if fault.severity == "error"]
    assert any(f"{key} 1e+308 {told}" in fault and name in fault for fault in found)


def test_what_is_planned_here_is_within_the_limits() -> None:
    for folder in sorted(TWO_BUS.parent.iterdir()):
        if (folder / "case.toml").is_file():
            assert not [f for f in check_case(folder) if "beyond" in f.message]


def test_long_cells_are_quoted_in_short(case: Path) -> None:
    for cell in ("x" * 100_000, "x y " * 25_000):
        shutil.copy(TWO_BUS / "buses.csv", case / "buses.csv")
        with (case / "buses.csv").open("a", encoding="utf-8") as stream:
            count = (TWO_BUS / "buses.csv").read_text(encoding="utf-8").split("\n")[0].count(",")
            stream.write(",".join([cell] * (count + 1)) + "\n")
        for line in refusal(case).split("\n"):
            assert len(line) <= LONGEST_LINE
        table = case / "solutions.csv"
        table.write_text(f"a,b\n{cell},1\n", encoding="utf-8")
        with pytest.raises(InputError) as caught:
            read_solutions(table, ["a"])
        assert len(str(caught.value)) < LONGEST_LINE


def test_a_short_message_keeps_every_word() -> None:
    told = "net.json: load 3: p_mw is not given; fill in the cell"
    assert brief(told) == told
    assert shown("a\x1b[2Jb") == "a\N{REPLACEMENT CHARACTER}[2Jb"
    assert shown("y" * 131_000) == f"{'y' * 40}...{'y' * 10} (131000 characters)"


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("Time", "the column Time is not one that is known; call it time, in small letters"),
        ("HOUR", "the column HOUR is not one that is known; call it hour, in small letters"),
        ("timestamp", "the column timestamp is not one that is known; call it time"),
        ("# made by hand\nhour", "the first row is a remark"),
    ],
)
def test_headers_of_profiles_get_the_mend(case: Path, header: str, told: str) -> None:
    changed(case, "profiles.csv", "hour", header)
    assert told in refusal(case)


def test_a_byte_order_mark_changes_nothing(case: Path) -> None:
    before = load_case(case)
    for name in ("case.toml", "buses.csv", "lines.csv", "profiles.csv"):
        (case / name).write_bytes(b"\xef\xbb\xbf" + (case / name).read_bytes())
    after = load_case(case)
    assert (after.file, after.buses, after.lines) == (before.file, before.buses, before.lines)


@pytest.mark.parametrize(
    ("day", "first_utc", "change_utc", "offsets", "hours"),
    [
        ("2016-10-30", "2016-10-29T22:00", "2016-10-30T01:00", (2, 1), 25),
        ("2016-03-27", "2016-03-26T23:00", "2016-03-27T01:00", (1, 2), 23),
    ],
)
def test_a_day_on_which_clocks_change_has_the_rows_that_its_offsets_say(
    case: Path, day: str, first_utc: str, change_utc: str, offsets: tuple[int, int], hours: int
) -> None:
    """Central Europe: 25 rows in October, 23 in March, all one hour apart."""
    change = datetime.fromisoformat(change_utc).replace(tzinfo=UTC)
    start = datetime.fromisoformat(first_utc).replace(tzinfo=UTC) - timedelta(hours=24)
    lines = (case / "profiles.csv").read_text(encoding="utf-8").splitlines()
    rows = ["time," + lines[0].split(",", 1)[1]]
    rest = lines[1].split(",")[2:]
    for k in range(24 + hours + 24):
        at = start + timedelta(hours=k)
        local = at.astimezone(timezone(timedelta(hours=offsets[at >= change])))
        rows.append(",".join([local.isoformat(), str(k), *rest]))
    (case / "profiles.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    toml = (case / "case.toml").read_text(encoding="utf-8")
    assert "hours = 5" in toml
    (case / "case.toml").write_text(toml.replace("hours = 5", f"hours = {hours}"), "utf-8")
    planned = load_case(case, day=day)
    assert planned.price_usd_per_mwh.tolist() == [float(24 + k) for k in range(hours)]


def test_damaged_runs_are_refused_by_the_file(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("[" * 100_000 + "]" * 100_000, encoding="utf-8")
    with pytest.raises(InputError, match=r"plan\.json: is damaged .*nested too deeply"):
        read_run(tmp_path)
    (tmp_path / "plan.json").unlink()
    os.mkfifo(tmp_path / "plan.json")
    with pytest.raises(InputError, match=r"plan\.json: is damaged .*a device or a pipe"):
        read_run(tmp_path)
    os.mkfifo(tmp_path / "loss.csv")
    with pytest.raises(InputError, match="a device or a pipe"):
        read_table("loss", tmp_path)


def test_formulas_in_texts_are_guarded_and_numbers_are_not() -> None:
    for cell in ("=1+1", "+1", "-1", "@x", "'=1"):
        assert guarded(cell) == f"'{cell}"
    for cell in ("MG1", "a=1", -1.5, 3):
        assert guarded(cell) == cell


@pytest.mark.parametrize(
    ("table", "column", "value", "told"),
    [
        ("load", "p_mw", None, "load 0: p_mw is not given"),
        ("load", "p_mw", 1e300, "load 0: p_mw is 1e+300, beyond 1e+12"),
        ("load", "p_mw", "much", "load 0: p_mw is `much`, which is not a number"),
        ("load", "bus", [0], "load 0: bus is a list of 1 where a number or a text belongs"),
        ("load", "bus", None, "load 0: bus is missing, which is not the index of a row"),
        ("load", "in_service", None, "load 0: in_service is missing, neither true nor false"),
        ("load", "name", 10**30, None),
        ("bus", "vn_kv", ..., "table bus has no vn_kv; add what is missing"),
        ("line", "length_km", ..., "table line has no length_km; add what is missing"),
    ],
)
def test_a_cell_that_cannot_be_is_refused_by_table_row_and_column(
    feeder: str, tmp_path: Path, table: str, column: str, value: object, told: str | None
) -> None:
    saved = json.loads(feeder)
    entry = saved["_object"][table]
    held = json.loads(entry["_object"])
    at = held["columns"].index(column)
    if value is ...:
        held["columns"].pop(at)
        for row in held["data"]:
            row.pop(at)
    else:
        held["data"][0][at] = value
    entry["_object"] = json.dumps(held)
    path = tmp_path / "net.json"
    path.write_text(json.dumps(saved), encoding="utf-8")
    if told is None:
        assert decoded_net(path)[0][table][column].tolist() == [str(value)]
        return
    with pytest.raises(InputError) as caught:
        decoded_net(path)
    assert told in str(caught.value)


def test_a_network_of_pandapower_2_0_is_read_and_older_ones_say_what_to_do(
    feeder: str, tmp_path: Path
) -> None:
    """Up to 2.0 the network is a text within the text; the tables in it are the same."""
    saved = json.loads(feeder)
    saved["_object"]["bus"].pop("dtype")
    content = {"bus": saved["_object"]["bus"], "version": "2.0.1"}
    path = tmp_path / "net.json"
    path.write_text(json.dumps({**saved, "_object": json.dumps(content)}), encoding="utf-8")
    read, _ = decoded_net(path)
    assert np.array_equal(read.bus.vn_kv, [20.0, 20.0])
    assert read.bus.index.tolist() == [0, 1]
    assert read.bus.in_service.tolist() == [True, True]
    for older in ({**saved, "_object": {**content, "version": "1.6.1"}}, content):
        path.write_text(json.dumps(older), encoding="utf-8")
        with pytest.raises(InputError, match=r"older than 2\.0; open it with pandapower and save"):
            decoded_net(path)
