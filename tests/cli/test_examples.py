"""The examples run as they stand, and what they use is public and known to help."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest
import two_homes
from results import make_result

import cmgplan
from cmgplan.planning.report.run_folder import read_run, write_run

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
from example_pages import Cell, cells_of, page_of, run_example  # noqa: E402


def ran(name: str, folder: Path) -> tuple[str, dict[str, Any]]:
    """Run an example, compare it with its page, and return what it printed and its names."""
    path = ROOT / "examples" / f"{name}.py"
    cells, names = run_example(path, folder)
    page = (ROOT / "docs" / "examples" / f"{name}.md").read_text(encoding="utf-8")
    fresh = page_of(path, [Cell(c.is_text, c.source, c.printed) for c in cells])
    told = "the page is old: run scripts/example_pages.py"
    assert without_numbers(page) == without_numbers(fresh), told
    return "\n".join(cell.printed for cell in cells), names


def without_numbers(text: str) -> str:
    """Return a page without its digits and blanks: another machine may round otherwise."""
    return re.sub(r"[-\d.\s]+", " ", text)


def test_text_that_names_the_mark_of_a_cell_stays_in_its_cell() -> None:
    cells = cells_of(
        "# %% [markdown]\n# # Title\n# an editor that knows\n# `# %%`.\n\n# %%\nx = 1\n"
    )
    assert [(cell.is_text, cell.source) for cell in cells] == [
        (True, "# Title\nan editor that knows\n`# %%`."),
        (False, "x = 1"),
    ]


def test_a_plan(tmp_path: Path) -> None:
    printed, left = ran("plan_a_feeder", tmp_path)
    assert left["result"].summary.replay.passed
    assert (tmp_path / "runs" / "two-bus" / "report.html").is_file()
    assert "pareto_front" in left["drawn"]
    assert (tmp_path / "pareto_front.html").is_file()
    assert "replay passed: True" in printed
    assert "the same choice: True" in printed
    least = [float(line.split()[-2]) for line in printed.splitlines() if "least emission" in line]
    assert least[1] < least[0]


def test_an_optimum(tmp_path: Path) -> None:
    _, left = ran("optimum_of_homes", tmp_path)
    best, greener, front = left["day"], left["greener"], left["front"].points
    assert best.cost == pytest.approx(two_homes.TOGETHER.cost, abs=1e-3)
    assert greener.emission_kg == pytest.approx(two_homes.WEIGHTED_TOGETHER.emission_kg, abs=1e-2)
    assert [p.cost for p in front] == sorted(p.cost for p in front)
    assert [p.emission_kg for p in front] == sorted((p.emission_kg for p in front), reverse=True)
    assert (tmp_path / "runs" / "two-homes-optimum" / "report.html").is_file()


def test_a_market(tmp_path: Path) -> None:
    _, left = ran("market_of_homes", tmp_path)
    worth = left["worth"]
    assert worth["A"] == pytest.approx(-two_homes.ALONE_A.cost, abs=1e-3)
    assert worth["B"] == pytest.approx(-two_homes.ALONE_B.cost, abs=1e-3)
    assert worth["A+B"] == pytest.approx(-two_homes.TOGETHER.cost, abs=1e-3)
    assert left["led"].income["A"] >= worth["A"]


def test_a_building(tmp_path: Path) -> None:
    _, left = ran("building_by_rules", tmp_path)
    building = left["building"]
    for way, total in building.totals.items():
        assert building.optimum[way].cost <= total["cost"]
    together = sum(pays["coalition"] for pays in building.units.values())
    assert together < sum(pays["alone"] for pays in building.units.values())


def test_a_response(tmp_path: Path) -> None:
    _, left = ran("response_of_homes", tmp_path)
    result = left["result"]
    exact, rules = (result.methods[name].profit.total for name in ("exact", "rules"))
    assert rules <= result.bound
    assert exact <= result.bound
    assert rules <= exact + 0.01 * abs(result.bound)


def test_switches_and_faults(tmp_path: Path) -> None:
    _, left = ran("switches_and_faults", tmp_path)
    found, indices = left["found"], left["indices"]
    assert found.open == (("3", "4"),)
    assert found.bound_kw <= found.loss_kw < found.given_loss_kw
    first, second = indices.load_points  # by hand: 0.2 * 4 + 0.3 * 0.5 and (0.2 + 0.3) * 4
    assert (first.hours_per_year, second.hours_per_year) == pytest.approx((0.95, 2.0))
    assert indices.saidi_h == pytest.approx((100 * 0.95 + 50 * 2.0) / 150)


def test_a_study(tmp_path: Path) -> None:
    """The first day at its own prices is solved by hand; no day is cheaper, as heat costs."""
    printed, left = ran("study_of_days", tmp_path)
    tasks = left["tasks"].set_index(["day", "scenario"])
    first = tasks.loc[("2026-01-05", "as-is")]
    assert first["cost"] == pytest.approx(two_homes.TOGETHER.cost, abs=1e-3)
    alone = two_homes.ALONE_A.cost + two_homes.ALONE_B.cost
    assert first["surplus"] == pytest.approx(alone - two_homes.TOGETHER.cost, abs=1e-3)
    as_is = tasks.xs("as-is", level="scenario")["cost"]
    assert list(as_is) == sorted(as_is)
    assert list(tasks["weight"]) == pytest.approx([0.75] * 3 + [0.25] * 3)
    assert list(tasks["state"]) == ["done"] * 6
    assert list(left["best"].groupby("group").size()) == [6, 6]
    assert "'done': 4," in printed
    assert (tmp_path / "studies" / "days" / "report.html").is_file()


def test_every_example_has_a_test() -> None:
    tested = set(re.findall(r'ran\("(\w+)"', Path(__file__).read_text(encoding="utf-8")))
    assert tested == {path.stem for path in (ROOT / "examples").glob("*.py")}


def test_figures_of_a_plan_and_of_its_run_are_the_same(tmp_path: Path) -> None:
    result = make_result(tmp_path / "case")
    drawn = cmgplan.figures(result)
    assert all(isinstance(figure, go.Figure) for figure in drawn.values())
    again = cmgplan.figures(read_run(write_run(result, tmp_path / "run")))
    assert list(again) == list(drawn)
    assert "feeder_map" in drawn


def test_every_public_name_is_there_and_documented() -> None:
    for name in cmgplan.__all__:
        thing = getattr(cmgplan, name)
        if name != "__version__":
            assert thing.__doc__, name
    assert set(cmgplan.__all__) <= set(dir(cmgplan))


@pytest.mark.parametrize("statement", ["import cmgplan", "import cmgplan.cli"])
def test_imports_wait_until_they_are_needed(statement: str) -> None:
    script = (
        f"import sys\n{statement}\n"
        "heavy = {'pandas', 'numpy', 'pyomo', 'pandapower', 'plotly', 'casadi', 'scipy'}\n"
        "sys.exit(repr(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
