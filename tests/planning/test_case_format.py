"""The page of the planning format: its examples are read, and it names every key and default."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from cmgplan import check_case, load_case
from cmgplan.case.records import Bus, Line
from cmgplan.planning.case.records import Case, CaseFile, Microgrid

PAGE = (Path(__file__).parents[2] / "docs" / "case_format.md").read_text(encoding="utf-8")
LEAST, WHOLE = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
DEVICE_LISTS = ("load", "wt", "pv", "mt", "storage", "ev", "svc")
OF_RELIABILITY = list(Line.model_fields)[list(Line.model_fields).index("km") :]


def written(folder: Path, text: str) -> Case:
    """Write a case of the page beside a small feeder; return it as it is read."""
    hours = "\n".join(f"{t},40,0.5,0.3,0.2" for t in range(24))
    for name, table in (
        ("case.toml", text),
        ("buses.csv", "bus,vn_kv,p_kw\n1,12.66,\n2,12.66,50\n3,12.66,50\n"),
        ("lines.csv", "line,from_bus,to_bus,r_ohm,x_ohm\nL1,1,2,0.1,0.1\nL2,2,3,0.1,0.1\n"),
        ("profiles.csv", f"hour,price_usd_per_mwh,homes,sun,wind\n{hours}\n"),
    ):
        (folder / name).write_text(table, encoding="utf-8")
    assert [str(fault) for fault in check_case(folder) if fault.severity == "error"] == []
    return load_case(folder, system="planning")


def test_the_least_case_leaves_every_default(tmp_path: Path) -> None:
    case = written(tmp_path, LEAST)
    said = {"format", "name", "time", "network", "grid", "cluster", "microgrid"}
    assert case.file.model_fields_set == said
    assert case.file.time.dt_h == 1.0


def test_the_whole_example_says_every_key_and_has_every_device(tmp_path: Path) -> None:
    case = written(tmp_path, WHOLE)
    first = case.microgrids[0]
    assert [device.kind for device in first.devices()] == list(DEVICE_LISTS)
    records: list[BaseModel] = [case.file, *(getattr(case.file, s) for s in ("time", "network"))]
    records += [case.file.grid, case.file.plan, first, first.pcc, case.ties[0]]
    records += [first.load[0], first.wt[0], first.mt[0], first.storage[0], first.svc[0]]
    for record in records:
        for key in set(type(record).model_fields) - record.model_fields_set:
            assert re.search(rf"^# {key} = ", WHOLE, re.MULTILINE), (type(record).__name__, key)
    battery, fleet = type(first.storage[0]).model_fields, type(first.ev[0]).model_fields
    assert set(fleet) - set(battery) <= first.ev[0].model_fields_set


def test_the_plan_section_of_the_example_is_that_of_the_defaults(tmp_path: Path) -> None:
    said = written(tmp_path, WHOLE).file.plan
    fresh = written(tmp_path, LEAST).file.plan
    assert said.model_copy(update={"zeta": fresh.zeta}) == fresh


def defaults_told() -> list[tuple[str, str, Any]]:
    """Return list and key of each line of a device that says a default, with that default."""
    found, kind = [], ""
    for line in WHOLE.splitlines():
        if line.startswith("["):
            kind = line.strip("[").partition("]")[0].removeprefix("microgrid.")
        told = re.search(r"^(\w+) = (\S+) .*# .*?(?:default (-?\d[\d.]*)|\(default)", line)
        if told and kind in DEVICE_LISTS:
            found.append((kind, told[1], tomllib.loads(f"x = {told[3] or told[2]}")["x"]))
    return found


@pytest.mark.parametrize(("kind", "key", "default"), defaults_told())
def test_a_default_that_the_example_tells_is_that_of_the_device(
    kind: str, key: str, default: object
) -> None:
    device = get_args(Microgrid.model_fields[kind].annotation)[0]
    assert device.model_fields[key].default == default


def test_defaults_are_found_in_the_example() -> None:
    assert len(defaults_told()) == 11


def test_tables_are_told_with_all_their_columns() -> None:
    tables = PAGE.split("## The tables")[1]
    for key in {*Bus.model_fields, *Line.model_fields} - {*OF_RELIABILITY, "customers"}:
        assert f"`{key}`" in tables, key
    assert set(CaseFile.model_fields) >= {"cluster", "microgrid", "tie"}
