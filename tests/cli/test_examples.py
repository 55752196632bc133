"""The examples run as they stand, and what they use is public and known to help."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import plotly.graph_objects as go
import pytest
from results import make_result

import cmgplan
from cmgplan.planning.report.run_folder import read_run, write_run

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_an_example_runs(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    left = runpy.run_path(str(path))
    printed = capsys.readouterr().out
    assert left["result"].summary["replay"]["passed"]
    assert (tmp_path / "runs" / "two-bus" / "report.html").is_file()
    assert "pareto_front" in left["drawn"]
    assert (tmp_path / "pareto_front.html").is_file()
    assert "replay passed: True" in printed
    assert "the same choice: True" in printed
    least = [float(line.split()[-2]) for line in printed.splitlines() if "least emission" in line]
    assert least[1] < least[0]


def test_there_is_an_example() -> None:
    assert EXAMPLES


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
