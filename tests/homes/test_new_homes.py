"""A case of example homes that can be run as it is, with weather drawn from measured hours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cmgplan
from cmgplan import cli
from cmgplan.errors import CaseError, InputError
from cmgplan.homes.starter import new_homes
from cmgplan.homes.starter.weather import wind_share


def month(path: Path, days: int = 30, seed: int = 3) -> Path:
    """Write a month of wind and sun by the hour."""
    rng = np.random.default_rng(seed)
    hours = np.arange(24)
    noon = 600.0 * np.clip(np.sin(np.pi * (hours - 6) / 12), 0.0, None)
    rows = ["hour,irradiance_w_per_m2,wind_m_per_s"]
    for day in range(days):
        sun = np.maximum(noon * (1.0 + 0.2 * rng.standard_normal(24)), 0.0)
        wind = 7.0 * rng.weibull(2.0, 24)
        rows += [f"{24 * day + h},{sun[h]:.2f},{wind[h]:.3f}" for h in hours]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("homes", [1, 2, 3, 7])
def test_a_new_case_is_sound(tmp_path: Path, homes: int) -> None:
    made = new_homes(tmp_path / 'my "homes"', homes)
    assert made.homes == tuple("ABCDEFG"[:homes])
    assert cmgplan.check_case(made.folder) == []  # nothing unused either
    case = cmgplan.load_case(made.folder, system="homes")
    assert case.ids == made.homes and case.name == 'my "homes"'


def test_a_new_case_runs_as_it_is(tmp_path: Path) -> None:
    case = cmgplan.load_case(new_homes(tmp_path / "mine").folder, system="homes")
    optimum = cmgplan.find_optimum(case, cmgplan.OptimumOptions())
    assert optimum.point.status == "optimal"
    options = cmgplan.BuildingOptions(priced=False, optimal_values=False)
    building = cmgplan.run_building(case, options)
    assert building.totals["coalition"]["heat_unserved_kwh"] == pytest.approx(0.0, abs=1e-6)
    assert optimum.point.cost <= sum(c["coalition"] for c in building.units.values()) + 1e-6


def test_wind_and_sun_are_drawn_from_measured_hours(tmp_path: Path) -> None:
    file = month(tmp_path / "month.csv")
    made = new_homes(tmp_path / "mine", weather=file, seed=11)
    assert made.weather is not None
    assert made.weather.shape == pytest.approx(2.0, rel=0.1)
    assert made.weather.scale_m_per_s == pytest.approx(7.0, rel=0.1)
    drawn = cmgplan.load_case(made.folder, system="homes").profiles
    wind, irradiance = made.weather.draw(np.random.default_rng(11))
    assert drawn["wind"] == pytest.approx(wind_share(wind), abs=5e-5)
    assert drawn["sun"] == pytest.approx(np.minimum(irradiance / 1000.0, 1.0), abs=5e-5)
    again = new_homes(tmp_path / "again", weather=file, seed=11)
    other = new_homes(tmp_path / "other", weather=file, seed=12)
    texts = [(m.folder / "profiles.csv").read_text("utf-8") for m in (made, again, other)]
    assert texts[0] == texts[1] != texts[2]
    assert "month.csv" in (made.folder / "SOURCES.md").read_text("utf-8")


def test_what_is_no_weather_names_its_place(tmp_path: Path) -> None:
    file = month(tmp_path / "month.csv")
    text = file.read_text("utf-8")
    cases = [
        (text.replace("wind_m_per_s", "wind"), "the column wind_m_per_s is missing"),
        ("\n".join(text.splitlines()[:40]) + "\n", "39 rows, no whole days"),
        ("\n".join(text.splitlines()[:25]) + "\n", "at least two whole days"),
        (text.replace("\n5,", "\n5,x", 1), "month.csv row 7: irradiance_w_per_m2 x"),
    ]
    for content, told in cases:
        assert content != text
        file.write_text(content, encoding="utf-8")
        with pytest.raises((InputError, CaseError), match=told):
            new_homes(tmp_path / "mine", weather=file)
        assert not (tmp_path / "mine").exists()
    with pytest.raises(CaseError, match="no such file"):
        new_homes(tmp_path / "mine", weather=tmp_path / "none.csv")


def run(*arguments: object) -> int:
    """Run a command and return its exit code."""
    with pytest.raises(SystemExit) as stop:
        cli.main([str(argument) for argument in arguments])
    return int(stop.value.code or 0)


def test_the_command_says_what_it_made_and_what_does_not_go_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine"
    assert run("new", mine, "--homes", 2) == 0
    assert "2 homes, A, B" in capsys.readouterr().out
    assert run("new", mine, "--homes", 2) == 2
    assert "is there already" in capsys.readouterr().err
    other = tmp_path / "other"
    for options, told in (
        ([], "either --network FILE"),
        (["--homes", 2, "--network", "x.m"], "either --network FILE"),
        (["--homes", 0], "1 to 26 homes"),
        (["--homes", 27], "1 to 26 homes"),
        (["--homes", 2, "--seed", 1], "--seed belongs to --weather"),
        (["--homes", 2, "--seed", -1, "--weather", "w.csv"], "give 0 or more"),
        (["--homes", 2, "--slack-bus", "1"], "--slack-bus belongs to --network"),
        (["--network", "x.m", "--weather", "w.csv"], "belong to --homes"),
    ):
        assert run("new", other, *options) == 2
        assert told in capsys.readouterr().err
        assert not other.exists()
