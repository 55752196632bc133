"""Runs altered at random: no command ends in a traceback, and ``verify`` sees what was changed."""

from __future__ import annotations

import json
import random
import re
import shutil
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from plans import small

from cmgplan.errors import InputError
from cmgplan.planning.pipeline import plan
from cmgplan.planning.record.plan import json_schema, parse_plan
from cmgplan.planning.report.run_folder import read_run, write_page, write_run
from cmgplan.planning.report.verify import verify_run

sys.path.append(str(Path(__file__).parents[1] / "scripts"))

from altered_runs import ALLOWED, COMMANDS, alter, ending

COUNT, SEED = 12, 19


@pytest.fixture(scope="module")
def true_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan of the small case, which has a device of every kind."""
    folder = tmp_path_factory.mktemp("altered")
    case = small(folder / "case")
    options = case.options.model_copy(update={"points": 3})
    return write_run(plan(case, options), folder / "run")


@pytest.fixture
def run(true_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(true_run, tmp_path / "run"))


def failed(folder: Path) -> dict[str, str]:
    """Return the failed checks and their first findings."""
    return {check.name: str(check.findings[0]) for check in verify_run(read_run(folder)).failed}


def places(folder: Path) -> set[str]:
    """Return the places of all findings, and with the name of their check."""
    failing = verify_run(read_run(folder)).failed
    found = [(check.name, finding.place) for check in failing for finding in check.findings]
    return {place for _, place in found} | {f"{name}: {place}" for name, place in found}


def change_plan(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "plan.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def change_cell(path: Path, row: int, column: str, text: str) -> None:
    """Put a text into a cell; rows count as an editor counts lines."""
    lines = path.read_text().splitlines()
    cells = lines[row - 1].split(",")
    cells[lines[0].split(",").index(column)] = text
    lines[row - 1] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n")


def test_every_check_holds_of_a_plan_as_it_was_written(true_run: Path) -> None:
    report = verify_run(read_run(true_run))
    assert report.failed == ()
    assert len({check.name for check in report.checks}) == len(report.checks)


@pytest.mark.parametrize("k", range(COUNT))
def test_no_command_ends_in_a_traceback(true_run: Path, tmp_path: Path, k: int) -> None:
    folder = Path(shutil.copytree(true_run, tmp_path / "run"))
    rng = random.Random(SEED * 1000 + k)  # noqa: S311 - no secret
    change = alter(folder, rng)
    command = COMMANDS[k % len(COMMANDS)]
    end = ending(command, folder, true_run)
    assert end.code in ALLOWED, f"{command}, {change}: {end.said}"
    assert "Traceback" not in end.said


def test_keys_that_are_gone_are_told(run: Path) -> None:
    change_plan(run, lambda d: [d["payoff"].clear(), d["selected"].pop("point")])
    keys = "payoff.gc_usd, payoff.ec_usd, payoff.loss_kwh, selected.point"
    told = rf"plan\.json: is damaged \(lacks {keys}\); plan the case again"
    with pytest.raises(InputError, match=told):
        read_run(run)


def test_every_key_of_a_plan_is_needed(true_run: Path) -> None:
    text = (true_run / "plan.json").read_text()
    plain, read = json.loads(text), parse_plan(text).model_dump()
    assert json.dumps(read, indent=2, ensure_ascii=False) + "\n" == text
    assert list(plain["selected"]) == ["point", "rule", "mu_min", "gc_usd", "ec_usd", "loss_kwh"]
    assert list(plain["upper"])[:4] == ["status", "objective", "iterations", "gc_usd"]
    for name in plain:
        with pytest.raises(ValueError, match=f"lacks {name}$"):
            parse_plan(json.dumps({key: part for key, part in plain.items() if key != name}))
        if isinstance(plain[name], dict) and name != "versions":
            with pytest.raises(ValueError, match=rf"lacks {name}\."):
                parse_plan(json.dumps({**plain, name: {}}))
    assert parse_plan(json.dumps({**plain, "more": [1]})).model_extra == {"more": [1]}


def test_values_of_plan_json_that_do_not_follow_are_found(run: Path) -> None:
    def lie(d: dict[str, Any]) -> None:
        d["upper"].update(upstream_kwh=1e30)
        d["upper"]["without_microgrid_loads"].update(gc_usd=1.0)
        d["payoff"]["gc_usd"]["max"] *= 1.1
        d["certificate"]["points"][1].update(gap=0.5)
        d["levels"][1]["switch_hours_allowed"].update(cluster=3)
        d["upper"]["weights"].update(loss_kwh=1.0)
        d["headroom"]["hourly"][2].update(storage_kwh=99.0)
        lost = {
            "kind": "branch",
            "hour": 0,
            "place": "L9",
            "amount": 180.0,
            "unit": "%",
            "limit": None,
        }
        d["headroom"]["forecast_error"]["broken"].insert(0, "hour 0: all is lost")
        d["headroom"]["forecast_error"]["broken_limits"].insert(0, lost)
        d["replay"].update(passed=False)
        d["case"].update(title="Another")
        d["versions"].update(python="snake")

    change_plan(run, lie)
    assert places(run) >= {
        "plan.json upper.upstream_kwh",
        "plan.json upper.without_microgrid_loads.gc_usd",
        "pareto.csv row 2, bound",
        "plan.json certificate.points[1].gap",
        "plan.json levels[1].switch_hours_allowed.cluster",
        "plan.json upper.weights.loss_kwh",
        "plan.json headroom.hourly[2].storage_kwh",
        "plan.json headroom.forecast_error.broken_limits[0]",
        "plan.json headroom.forecast_error.broken",
        "plan.json replay.passed",
        "plan.json case.title",
        "plan.json versions.python",
    }


def test_cells_that_do_not_follow_are_found(run: Path) -> None:
    for table, row, column, text in (
        ("pareto", 2, "gap", "0.9"),
        ("pareto", 3, "bound_ec_usd", "-999"),
        ("pareto", 3, "mu_gc", "0.123"),
        ("pareto", 3, "eps_gc_usd", "999"),
        ("pareto", 4, "loss_kwh", "9.5"),
        ("exchange", 2, "to", "MG9"),
        ("dispatch", 2, "kind", "mt"),
        ("shortage", 2, "shortage_kw", "7"),
        ("shortage", 3, "surplus_kw", "7"),
        ("upstream", 3, "price_usd_per_mwh", "1"),
        ("loss", 2, "upper_ties_kw", "3"),
        ("points/02/dispatch", 3, "p_kw", "55.5"),
        ("points/02/exchange", 3, "kind", "grid"),
    ):
        change_cell(run / f"{table}.csv", row, column, text)
    assert places(run) >= {
        "pareto.csv row 2, gap",
        "pareto.csv row 3, bound_ec_usd",
        "pareto.csv row 3, mu_gc",
        "pareto.csv row 3, eps_gc_usd",
        "points: objectives follow from their tables: pareto.csv row 4, loss_kwh",
        "exchange.csv row 2, to",
        "dispatch.csv row 2, kind",
        "shortage.csv level 1, MG1 shortage_kw: demand beyond its response",
        "shortage.csv level 1, MG2 surplus_kw",
        "upstream.csv, price_usd_per_mwh",
        "loss.csv, upper_ties_kw",
        "points/02: MG1",
        "points/02: exchange.csv row 3, kind",
    }


def test_a_finding_tells_both_values(run: Path) -> None:
    change_cell(run / "pareto.csv", 2, "gap", "0.9")
    found = failed(run)["proof: gaps follow from bounds and range"]
    told = r"pareto\.csv row 2, gap: 0\.\d+ \(told 0\.9, computed [\d.e-]+\)"
    assert re.fullmatch(told, found)


def test_a_dropped_row_is_named(run: Path) -> None:
    lines = (run / "shortage.csv").read_text().splitlines()
    assert lines.pop(5).startswith("1,1,MG2,")
    (run / "shortage.csv").write_text("\n".join(lines) + "\n")
    told = "shortage.csv: has no row for level 1, hour 1, MG2"
    assert failed(run)["every table has every row once"].startswith(told)
    with pytest.raises(InputError, match=told):
        write_page(read_run(run))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[" * 100_000, "nested too deeply"),
        ('{"case": 1, "case": 2}', "'case' stands twice"),
        ('{"v_slack_pu": 1e400}', "1e400 is beyond 1e\\+30"),
        ('{"v_slack_pu": NaN}', "NaN is no number"),
        (f'{{"v_slack_pu": {"9" * 5000}}}', "more digits than any number"),
        ('{"v_slack_pu": "1.0"}', "v_slack_pu: Input should be a valid number, not '1.0'"),
        ('{"levels": [7]}', r"levels\[0\]: Input should be a valid dictionary"),
        ('{"versions": {"python": "\\ud800"}}', "unpaired surrogate"),
        ("[]", "not an object"),
        ('{"headroom": {"hourly": [{"a": 1}]}}', "lacks case, versions, options, v_slack_pu, pay"),
        ('{"case": {"sha256": 1}}', "case.sha256: Input should be a valid string, not 1"),
        (
            '{"headroom": {"hourly": [{"hour": 1, "mt_kw": 0, "storage_kw": 0, '
            '"storage_kwh": 0, "pcc_kva": 0}]}}',
            "headroom.hourly: Value error, entry 0 is of hour 1",
        ),
    ],
)
def test_a_plan_json_that_cannot_be_read_is_explained(run: Path, text: str, told: str) -> None:
    (run / "plan.json").write_text(text)
    with pytest.raises(InputError, match=rf"plan\.json: is damaged \(.*{told}"):
        read_run(run)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("hour,price_usd_per_mwh,with_cmg_kw,without_cmg_kw\n0", None, "has no rows"),
        ("\n1,", "\n1", "row 3: has 3 cells, not 4"),
        ("\n1,", "\n1,2,", "row 3: has 5 cells, not 4"),
        ("\n1,", '\n"1"1,', "is not a CSV table"),
        ("\n1,", "\n1e30,", "column hour: '1e30' is not a whole number"),
        ("\n1,", "\nnan,", "column hour: 'nan' is not a whole number"),
        ("with_cmg_kw,w", "w", "row 2: has 4 cells, not 3"),
        ("without_cmg_kw", "with_cmg_kw", "names a column twice"),
        ("\n1,", "\n1_0,", "column hour: '1_0' is not a whole number"),
    ],
)
def test_a_table_that_cannot_be_read_is_explained(
    run: Path, old: str, new: str | None, told: str
) -> None:
    path = run / "upstream.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.split("\n")[0] + "\n" if new is None else text.replace(old, new))
    with pytest.raises(InputError, match=rf"upstream\.csv.*{told}"):
        read_run(run)


@pytest.mark.parametrize("name", ["plan.json", "loss.csv"])
def test_what_is_no_file_is_explained(run: Path, name: str) -> None:
    place = run / name
    place.unlink()
    place.symlink_to("/dev/zero")
    with pytest.raises(InputError, match=name):
        read_run(run)
    place.unlink()
    place.mkdir()
    with pytest.raises(InputError, match=name):
        read_run(run)


def test_a_point_without_its_tables_is_explained(run: Path) -> None:
    shutil.rmtree(run / "points" / "02")
    with pytest.raises(InputError, match="points/02: is missing though point 2 has values"):
        verify_run(read_run(run))


def test_the_schema_that_ships_is_that_of_the_records() -> None:
    shipped = json.loads(files("cmgplan.planning.report").joinpath("plan.schema.json").read_text())
    assert shipped == json_schema(), "run scripts/schemas.py"
