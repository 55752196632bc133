"""A day picked out of profiles that hold more: the rows taken, and what keeps them from it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from plans import quick

from cmgplan import cli
from cmgplan.errors import CaseError, InputError
from cmgplan.planning.case import check_case, load_case
from cmgplan.planning.pipeline import plan
from cmgplan.planning.report.run_folder import read_run, write_run
from cmgplan.planning.report.verify import verify_run

TWO_BUS = Path(__file__).parents[2] / "cases" / "two-bus"
HOURS = 24

Write = Callable[..., Path]


def stamped(
    first: str, count: int, step_h: float = 1.0, zone: str = ""
) -> list[tuple[str, datetime]]:
    """Return stamps as text, with the time that their clock shows."""
    start = datetime.fromisoformat(first)
    times = [start + timedelta(hours=k * step_h) for k in range(count)]
    return [(f"{time.isoformat(sep=' ')}{zone}", time) for time in times]


def rows(stamps: Iterable[tuple[str, datetime]]) -> list[str]:
    """Return rows whose price is the day of the year and whose share is the hour of the day."""
    return [
        f"{text},{time.timetuple().tm_yday},{time.hour / 24:.4f},0.5,0.5,0.5"
        for text, time in stamps
    ]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the two-bus case with other profiles and another ``[time]``."""

    def put(lines: list[str], time: str = f"hours = {HOURS}", first: str = "time") -> Path:
        folder = tmp_path / "case"
        shutil.copytree(TWO_BUS, folder, dirs_exist_ok=True)
        header = (TWO_BUS / "profiles.csv").read_text(encoding="utf-8").splitlines()[0]
        names = header.split(",")[1:]
        assert names[0] == "price_usd_per_mwh"
        assert len(names) == 5
        text = "\n".join([",".join([first, *names]), *lines])
        (folder / "profiles.csv").write_text(text + "\n", encoding="utf-8")
        toml = (TWO_BUS / "case.toml").read_text(encoding="utf-8")
        before, found, after = toml.partition("[time]\n")
        assert found
        rest = after[after.index("\n[") :]
        (folder / "case.toml").write_text(f"{before}[time]\n{time}\n{rest}", encoding="utf-8")
        return folder

    return put


def faults(folder: Path, day: str | None = None) -> list[str]:
    return [str(fault) for fault in check_case(folder, day=day) if fault.severity == "error"]


@pytest.mark.parametrize("zone", ["", "Z", "+02:00"])
def test_two_days_give_their_own_rows(write: Write, zone: str) -> None:
    folder = write(rows(stamped("2016-07-13 00:00", 72, zone=zone)))
    for day, number in (("2016-07-13", 195), ("2016-07-14", 196), ("2016-07-15", 197)):
        case = load_case(folder, day=day)
        assert case.file.time.day == date.fromisoformat(day)
        assert case.price_usd_per_mwh == pytest.approx(np.full(HOURS, number))
        other = next(name for name in case.profiles if name != "price_usd_per_mwh")
        assert case.profiles[other] == pytest.approx(np.arange(HOURS) / 24, abs=1e-4)


def test_the_case_may_name_the_day_and_the_option_goes_first(write: Write) -> None:
    lines = rows(stamped("2016-07-13 00:00", 72))
    for named in ("day = 2016-07-14", 'day = "2016-07-14"'):
        folder = write(lines, f"hours = 24\n{named}")
        assert load_case(folder).price_usd_per_mwh[0] == 196
        assert load_case(folder, day="2016-07-15").price_usd_per_mwh[0] == 197
        assert load_case(folder, day=date(2016, 7, 13)).price_usd_per_mwh[0] == 195


def test_quarters_of_an_hour_and_two_days(write: Write) -> None:
    lines = rows(stamped("2016-07-13 00:00", 4 * 96, step_h=0.25))
    quarter = load_case(write(lines, "hours = 96\ndt_h = 0.25"), day="2016-07-14")
    assert quarter.price_usd_per_mwh == pytest.approx(np.full(96, 196))
    two = load_case(write(lines, "hours = 192\ndt_h = 0.25"), day="2016-07-14")
    assert two.price_usd_per_mwh.tolist() == [196.0] * 96 + [197.0] * 96


def test_numbered_rows_count_from_their_first_day(write: Write) -> None:
    lines = [f"{k},{k // 24},0.5,0.5,0.5,0.5" for k in range(72)]
    folder = write(lines, "hours = 24\nfirst_day = 2016-01-01", "hour")
    assert load_case(folder, day="2016-01-03").price_usd_per_mwh == pytest.approx(np.full(24, 2))
    (told,) = faults(folder, "2016-01-04")
    assert "days from 2016-01-01 to 2016-01-03 are" in told
    assert len(faults(folder, "2015-12-31")) == 1
    (told,) = faults(write(lines, "hours = 24", "hour"), "2016-01-02")
    assert "first_day" in told
    (told,) = faults(write(lines, "hours = 24", "hour"))
    assert "it has 72 hours where time.hours is 24" in told
    assert "--day" in told


def test_long_profiles_ask_for_the_day_and_name_the_range(write: Write) -> None:
    (told,) = faults(write(rows(stamped("2016-07-13 00:00", 72))))
    assert "72 rows from 2016-07-13 to 2016-07-15 where time.hours is 24" in told
    assert "--day 2016-07-13" in told


def test_stamps_of_one_day_need_no_option(write: Write) -> None:
    case = load_case(write(rows(stamped("2016-07-13 06:00", 24))))
    assert case.price_usd_per_mwh.tolist() == [195.0] * 18 + [196.0] * 6


def without(lines: list[str], start: str) -> list[str]:
    return [line for line in lines if not line.startswith(start)]


YEAR_2016 = rows(stamped("2016-03-26 00:00", 72))


@pytest.mark.parametrize(
    ("lines", "day", "told"),
    [
        (YEAR_2016, "2016-03-29", "there is no row of 2016-03-29; name another day; it runs from"),
        (
            without(YEAR_2016, "2016-03-27 02:00"),
            "2016-03-27",
            "2016-03-27 02:00:00 is missing, one of 24 intervals of 1 h",
        ),
        (without(YEAR_2016, "2016-03-27 1"), "2016-03-27", "10:00:00 is missing (and 9 more)"),
        (
            [*YEAR_2016[:27], YEAR_2016[26], *YEAR_2016[27:]],
            "2016-03-27",
            "row 29: 2016-03-27 02:00:00 stands there twice, first in row 28; leave one; where "
            "clocks change",
        ),
        (
            [*YEAR_2016[:25], YEAR_2016[26], YEAR_2016[25], *YEAR_2016[27:]],
            "2016-03-27",
            "row 27: 2016-03-27 02:00:00 stands where 2016-03-27 01:00:00 belongs",
        ),
        (
            rows(stamped("2016-03-27 00:00", 96, 0.5)),
            "2016-03-27",
            "stands where 2016-03-27 01:00:00 belongs",
        ),
        (["27.03.2016 00:00,1,0,0,0,0"], "2016-03-27", 'row 2: time "27.03.2016 00:00" is not a'),
        ([",1,0,0,0,0"], "2016-03-27", "row 2: time is empty"),
        (
            ["2016-03-27 00:00,1,0,0,0,0", "2016-03-27 01:00Z,1,0,0,0,0"],
            "2016-03-27",
            "has a zone, unlike the rows above",
        ),
        (
            [*YEAR_2016[:30], YEAR_2016[30].replace("0.5", "x", 1), *YEAR_2016[31:]],
            "2016-03-27",
            "row 32",
        ),
    ],
)
def test_a_day_that_is_not_whole_is_refused(
    write: Write, lines: list[str], day: str, told: str
) -> None:
    folder = write(lines)
    found = faults(folder, day)
    assert len(found) == 1
    assert told in found[0]
    with pytest.raises(CaseError):
        load_case(folder, day=day)


def test_faults_of_other_days_do_not_matter(write: Write) -> None:
    lines = without(YEAR_2016, "2016-03-27 02:00")
    assert faults(write([*lines[:3], lines[3].replace("0.5", "7"), *lines[4:]]), "2016-03-28") == []


@pytest.mark.parametrize("named", ['day = "soon"', "day = 14", "day = 2016-07-14T01:00:00"])
def test_what_is_no_day_is_refused(write: Write, named: str) -> None:
    folder = write(rows(stamped("2016-07-13 00:00", 72)), f"hours = 24\n{named}")
    assert any("time.day" in told for told in faults(folder))


def test_what_is_no_day_on_the_command_line(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(rows(stamped("2016-07-13 00:00", 72)))
    with pytest.raises(InputError, match=r"14\.7\.2016: is not a day; write it as 2016-07-14"):
        load_case(folder, day="14.7.2016")
    for day, code in (("2016-07-14", 0), ("2016-08-14", 2), ("14.7.2016", 2)):
        with pytest.raises(SystemExit) as stop:
            cli.main(["check", str(folder), "--day", day])
        assert stop.value.code == code
    assert "Traceback" not in capsys.readouterr().err


def test_a_day_is_planned_kept_and_verified(write: Write, tmp_path: Path) -> None:
    """The copy of the case in a run holds all days; plan.json says which was planned."""
    lines = rows(stamped("2016-07-13 00:00", 15))
    late = [line.replace("2016-07-13", "2016-07-14") for line in lines]
    folder = write([*lines, *[line.replace(",0.5", ",0.6") for line in late]], "hours = 5")
    case = load_case(folder, day="2016-07-14")
    run = read_run(write_run(plan(case, quick(case, points=2)), tmp_path / "run"))
    assert run.summary.case.day == "2016-07-14"
    assert run.load_case().file.time.day == date(2016, 7, 14)
    assert len(check_case(run.case_folder)) == 1  # alone, the copy asks for the day
    report = verify_run(run)
    assert report.passed, [check.name for check in report.failed]
    text = (run.folder / "plan.json").read_text()
    assert text.count('"day": "2016-07-14"') == 1
    for day, told in (("2016-07-13", None), (7, r"plan\.json: is damaged \(case\.day")):
        changed = text.replace('"day": "2016-07-14"', f'"day": {json.dumps(day)}')
        (run.folder / "plan.json").write_text(changed)
        if told is None:
            assert not verify_run(read_run(run.folder)).passed
        else:
            with pytest.raises(InputError, match=told):
                read_run(run.folder)
