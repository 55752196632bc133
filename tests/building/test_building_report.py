"""A finished run of the building is checked from its files: whatever number is changed is found."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from building_days import hand_case
from pages import ReadPage, traces
from wild_cases import wild_case

from cmgplan.building.pipeline import run_building
from cmgplan.building.report.page import render_page
from cmgplan.building.report.read_run import BuildingRun, read_building
from cmgplan.building.report.run_folder import write_building
from cmgplan.building.report.verify import check_sharings, verify_building
from cmgplan.building.report.verify_optima import check_optima_again
from cmgplan.building.report.verify_steps import check_steps
from cmgplan.building.report.verify_totals import check_totals, check_units, totals_of
from cmgplan.building.result import BuildingOptions, BuildingResult
from cmgplan.building.tables import TABLES, building_tables, optima_again
from cmgplan.errors import InputError, ReplayError
from cmgplan.homes.case.read import load_homes

DAYS = BuildingOptions(days=1, seed=5, optimal_values=True)


@pytest.fixture(autouse=True, scope="module")
def without_library() -> Iterator[None]:
    """Leave the drawing library out of pages: it is most of one, and tells nothing of a run."""
    with patch("cmgplan.page.page.get_plotlyjs", return_value=""):
        yield


@pytest.fixture(scope="module")
def result() -> BuildingResult:
    return run_building(load_homes("two-homes"), DAYS)


@pytest.fixture(scope="module")
def folder(result: BuildingResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_building(result, tmp_path_factory.mktemp("building") / "run")


@pytest.fixture(scope="module")
def run(folder: Path) -> BuildingRun:
    return read_building(folder)


@pytest.fixture(scope="module")
def apartment() -> BuildingRun:
    """Return the paper's day as it would be read back from a run without stochastic days."""
    case = load_homes("apartment5")
    told = run_building(case, BuildingOptions(priced=False))
    return in_memory(told)


def in_memory(told: BuildingResult) -> BuildingRun:
    """Return a run that was written nowhere: what page and checks take."""
    from cmgplan.building.report.run_record import BuildingRecord

    case = told.case
    about = {"name": case.name, "title": case.file.title, "hours": case.hours, "dt_h": case.dt_h}
    about |= {"begins_h": 0.0, "day": None, "homes": list(case.ids), "sha256": "0" * 64}
    record = BuildingRecord.model_validate(
        {
            "system": "building",
            "case": about,
            "currency": case.file.currency,
            "versions": {},
            "options": told.options.model_dump(),
            "rules": told.rules,
            "wall_s": {},
            "verified": True,
            **told.summary(),
            "warnings": [],
        }
    )
    return BuildingRun(case.folder, record, building_tables(told))


def findings(folder: Path) -> list[str]:
    """Return what the verification of a folder finds; a run that cannot be read says why."""
    try:
        report = verify_building(read_building(folder))
    except InputError as error:
        return [str(error)]
    return [str(finding) for check in report.failed for finding in check.findings]


def test_a_run_that_was_written_passes_every_check(run: BuildingRun, folder: Path) -> None:
    report = verify_building(run)
    assert findings(folder) == []
    assert len({check.name for check in report.checks}) == len(report.checks) == 28
    assert sorted(path.name for path in folder.glob("*.csv")) == sorted(f"{s}.csv" for s in TABLES)
    rows = run.tables["steps"]
    assert len(rows) == 2 * 18 * run.record.case.hours * len(run.record.case.homes)


@pytest.mark.parametrize("stem", list(TABLES))
def test_a_changed_number_of_any_column_is_found(stem: str, folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "run")
    path = copy / f"{stem}.csv"
    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.reader(handle))
    form = TABLES[stem]
    changed = [name for name, kind in form.columns.items() if name not in form.key]
    never: set[str] = set()
    for k, name in enumerate(changed):  # each in a row of its own
        column = rows[0].index(name)
        filled = [row for row in rows[1 + k :: len(changed)] if row[column] != ""]
        if not filled:
            filled = [row for row in rows[1:] if row[column] != ""]
        if not filled:  # nothing of it in this case
            never.add(name)
            continue
        cell = max(filled, key=lambda row, at=column: abs(float(row[at])))  # type: ignore[misc]
        cell[column] = f"{float(cell[column]) * 1.01 + 1e-3:.10g}"
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows(rows)
    found = findings(copy)
    assert len(never) <= 1
    for name in set(changed) - never:
        assert any(line.startswith(f"{stem}.csv") and f": {name}" in line for line in found), name


def numbers_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every number in JSON."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from numbers_of(item, (*path, key))
    elif isinstance(value, list):
        for k, item in enumerate(value):
            yield from numbers_of(item, (*path, k))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path


def with_number(
    content: dict[str, Any], path: tuple[Any, ...], share: float = 0.1
) -> dict[str, Any]:
    """Return JSON in which one number is another."""
    changed: dict[str, Any] = json.loads(json.dumps(content))
    place: Any = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] += (
        1 if isinstance(place[path[-1]], int) else 0.01 + share * abs(place[path[-1]])
    )
    return changed


def test_changed_totals_are_found_together(folder: Path, tmp_path: Path) -> None:
    """All totals, costs, values and shares of run.json at once: each has its finding."""
    copy = shutil.copytree(folder, tmp_path / "run")
    content = json.loads((folder / "run.json").read_text("utf-8"))
    parts = ("coalition", "alone", "units", "values", "sharings", "indicators")
    paths = [path for path in numbers_of(content) if path[0] in parts]
    changed = content
    for path in paths:
        changed = with_number(changed, path)
    (copy / "run.json").write_text(json.dumps(changed), encoding="utf-8")
    found = findings(copy)
    assert len(paths) > 2 * 16 + 2 * 2 + 3 + 3 * 3 + 2 * 10
    for path in paths:
        place = ".".join(path).replace(".share.", ".")
        assert any(line.startswith(f"{place}:") for line in found), place


def test_changed_optima_and_days_are_found_together(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "run")
    changed = json.loads((folder / "run.json").read_text("utf-8"))
    places = {
        ("optimum", "coalition", "gap"): "optimum.coalition: gap",
        ("optimum", "alone", "value"): "optimum.alone: dearer than the rules",
        ("optimal_values", "A+B"): "optimal_values.A+B",
        ("days", 0, "coalition", "chp_kwh"): "day 0, coalition: chp_kwh",
        ("days", 0, "alone", "cost"): "day 0, alone: cost",
        ("days", 0, "optimum", "alone", "bound"): "day 0: optimum.alone: bound over value",
    }
    for path in places:
        changed = with_number(changed, path, 1.0)
    changed |= {"losers": ["A"], "days": [{**changed["days"][0], "losers": ["A", "B"]}]}
    (copy / "run.json").write_text(json.dumps(changed), encoding="utf-8")
    found = findings(copy)
    for place in (*places.values(), "losers: told", "day 0: losers"):
        assert any(line.startswith(place) for line in found), place


def test_every_changed_number_of_an_optimum_is_found(run: BuildingRun) -> None:
    """Sought again, nothing of it may be another: a thousandth is found."""
    case, content = run.load_case(), run.record.model_dump()
    solved: dict[Any, Any] = {}

    def once(*asked: Any) -> Any:
        if asked[1:] not in solved:
            solved[asked[1:]] = optima_again(*asked)
        return solved[asked[1:]]

    paths = [path for path in numbers_of(content["optimum"]) if path[1] != "gap"]
    paths = [("optimum", *path) for path in paths]
    paths += [("days", 0, "optimum", way, "cost") for way in ("coalition", "alone")]
    assert len(paths) == 2 * 7 + 2
    with patch("cmgplan.building.report.verify_optima.optima_again", once):
        assert check_optima_again(case, run).findings == ()
        for path in paths:
            record = type(run.record).model_validate(with_number(content, path, 1e-3))
            found = check_optima_again(case, replace(run, record=record)).findings
            assert [finding.place for finding in found] == [
                ".".join(map(str, path)).replace("days.0.", "day 0: ")
            ]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("rules", "paying", "steps.csv"),
        ("sharings", {}, "sharings: told"),
        ("values", {}, "values: coalitions"),
        ("days", [], "days: told"),
        ("units", {"A": {"coalition": 1.0, "alone": 2.0}}, "units are not the homes of the case"),
        ("options", {"days": 1, "seed": 6, "priced": True, "gap": 1e-4}, "day 0"),
    ],
)
def test_other_contents_of_run_json_are_found(
    key: str, value: Any, words: str, folder: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(folder, tmp_path / "run")
    content = json.loads((folder / "run.json").read_text("utf-8"))
    (copy / "run.json").write_text(json.dumps({**content, key: value}), encoding="utf-8")
    assert any(words in line for line in findings(copy))


def test_a_missing_row_of_a_step_is_named(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "run")
    path = copy / "steps.csv"
    lines = path.read_text("utf-8").splitlines()
    gone = lines.pop(40).split(",")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    place = f"way {gone[0]}, step {gone[1]}, hour {gone[2]}, unit {gone[3]} is missing"
    with pytest.raises(InputError, match=place):
        read_building(copy)


def test_what_cannot_be_is_not_written(result: BuildingResult, tmp_path: Path) -> None:
    day = result.dispatch["coalition"]
    home = result.case.ids[0]
    more = replace(day.exchange[home], import_kw=day.exchange[home].import_kw + 1.0)
    wrong = replace(day, exchange={**day.exchange, home: more})
    dispatch = {**result.dispatch, "coalition": wrong}
    with pytest.raises(ReplayError, match="coalition: electricity balances in every home"):
        write_building(replace(result, dispatch=dispatch), tmp_path / "run")
    best = result.optimum["alone"]
    dear = {**result.optimum, "alone": replace(best, value=1e3, bound=1e3, gap=0.0)}
    with pytest.raises(ReplayError, match="bound over what the rules reach"):
        write_building(replace(result, optimum=dear), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_totals_follow_from_the_tables_of_the_day_by_hand() -> None:
    """The building that is solved by hand: 1.0 and 5.0 kWh bought, 3.25 and 5.0 unserved."""
    told = in_memory(run_building(hand_case(), BuildingOptions(priced=False)))
    case = hand_case()
    assert check_steps(case, told.tables).passed
    together, alone = (totals_of(case, told, way) for way in ("coalition", "alone"))
    assert together["grid_kwh"] == pytest.approx(2.0)
    assert alone["grid_kwh"] == pytest.approx(5.0)
    assert together["heat_unserved_kwh"] == pytest.approx(3.25)
    assert alone["heat_unserved_kwh"] == pytest.approx(5.0)
    assert alone["heat_dumped_kwh"] > 0.0
    for way, due in (("coalition", together), ("alone", alone)):
        for key, value in due.items():
            assert value == pytest.approx(told.record.ways()[way].model_dump()[key]), key


def test_steps_that_do_not_sum_are_found(apartment: BuildingRun) -> None:
    case = load_homes("apartment5")
    assert check_steps(case, apartment.tables).passed
    for step, column, words in (
        ("E6", "p_kw", "CHP by E6"),
        ("E10", "p_kw", "balance E1 and stores"),
        ("T4", "heat_kw", "boilers by T4"),
        ("E11", "p_kw", "purchases less sales"),
        ("E7", "pool_kw", "power between units"),
        ("T3", "heat_kw", "balance T1 and tanks"),
    ):
        steps = apartment.tables["steps"].copy()
        row = (steps["step"] == step) & (steps["hour"] == 17) & (steps["unit"] == "unit2")
        steps.loc[row, column] += 0.01
        found = check_steps(case, {**apartment.tables, "steps": steps}).findings
        assert {finding.hour for finding in found} == {17}, step
        assert all(words in finding.place for finding in found), step


@pytest.fixture(scope="module")
def page(apartment: BuildingRun) -> ReadPage:
    return ReadPage(render_page(apartment.record, apartment.tables, load_homes("apartment5")))


def test_the_page_answers_first(page: ReadPage) -> None:
    assert "Together the units pay 23.95 GBP, 6.43 % less than the 25.6 GBP" in page.text
    assert "unit4 and unit5 pay more in the coalition than alone" in page.text
    assert "1.51 kWh (58.69 kWh)" in page.text
    totals = page.tables["totals"]
    assert totals.column("coalition")[0] == pytest.approx(23.9516, abs=1e-3)
    units = page.tables["units"]
    assert sum(units.column("alone")) == pytest.approx(25.597, abs=2e-3)


def test_figures_of_steps_stack_to_the_shortage(page: ReadPage) -> None:
    figure = page.figures["shortage_electricity"]
    shown = [trace for trace in figure["data"] if trace.get("visible", True)]
    total = sum(sum(trace["y"]) for trace in shown)
    assert total == pytest.approx(628.26, abs=0.05)  # the paper's, with and without coalition
    engines = page.figures["engines"]["data"]
    by_name = {trace["name"]: sum(trace["y"]) for trace in engines if trace.get("visible", True)}
    assert sum(by_name.values()) == pytest.approx(660.96, abs=0.05)
    assert by_name["batteries (E9)"] == pytest.approx(84.0, abs=0.05)
    sold = traces(page.figures["sales"])
    assert max(sold["market price"]["y"]) == pytest.approx(0.0512, abs=5e-4)


def test_names_with_markup_are_text_in_the_page(run: BuildingRun) -> None:
    name = "<i>unit & 1</i>"

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {renamed(key): renamed(item) for key, item in value.items()}
        if isinstance(value, list):
            return [renamed(item) for item in value]
        return name if value == "A" else value.replace("A+", f"{name}+") if text(value) else value

    def text(value: Any) -> bool:
        return isinstance(value, str)

    record = type(run.record).model_validate(renamed(run.record.model_dump()))
    tables = {stem: table.replace("A", name) for stem, table in run.tables.items()}
    case = run.load_case()
    first = case.homes[0].model_copy(update={"id": name})
    file = case.file.model_copy(update={"home": (first, *case.homes[1:])})
    html = render_page(record, tables, replace(case, file=file))
    assert "<i>" not in html
    assert name in ReadPage(html).text
    assert f"{name}+B" in ReadPage(html).text


def test_steps_sum_and_sharings_hold_on_random_cases() -> None:
    """Half-hours, least outputs, standing losses, jobs; units that are worth less together."""
    worse = 0
    for seed in (2, 3, 7, 16):
        case = wild_case(seed)
        told = in_memory(run_building(case, BuildingOptions(priced=False)))
        for check in (
            check_steps(case, told.tables),
            check_totals(case, told),
            check_units(told),
            check_sharings(case, told),
        ):
            assert check.findings == (), (seed, check.name)
        values = told.record.values
        worse += values["+".join(sorted(case.ids))] < sum(values[home] for home in case.ids)
    assert worse >= 2  # no allocation pleases all, and the run still tells of each


def test_cost_with_and_without_unserved_load_have_one_word_everywhere(
    folder: Path, run: BuildingRun, tmp_path: Path
) -> None:
    """The page of the run and a comparison call the same number the same."""
    from cmgplan.homes.report.compare import ComparedDay, totals_table
    from cmgplan.homes.report.figures.view import DayView

    about, record = run.record.case, run.record
    days = [
        ComparedDay(
            way, about, DayView.of(run.tables, way, about.hours, about.dt_h, record.currency)
        )
        for way in ("coalition", "alone")
    ]
    compared = totals_table(days).set_index("quantity")
    shown = ReadPage((folder / "report.html").read_text("utf-8")).tables["totals"]
    rows = dict(zip(shown.texts("what"), shown.column("coalition"), strict=True))
    for name, due in (
        ("Cost with unserved load", record.coalition.value),
        ("Cost without unserved load", record.coalition.cost),
    ):
        assert compared.loc[name, "coalition"] == pytest.approx(due, abs=1e-6)
        assert rows[f"{name}, {record.currency}"] == pytest.approx(due, abs=1e-6)
