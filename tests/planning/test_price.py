"""The scripts that price the hierarchy and time the front, on small cases."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "scripts"))
price = importlib.import_module("price_of_hierarchy")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what the script writes of the two-bus case, where the hierarchy has a price."""
    out = tmp_path_factory.mktemp("price")
    given = ["--case", str(ROOT / "cases" / "two-bus"), "--points", "2", "--out", str(out)]
    assert price.main(given) == 0
    return out


@pytest.fixture(scope="module")
def table(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "price.csv")


def test_every_variant_is_asked_at_the_same_caps(table: pd.DataFrame) -> None:
    assert len(table) == 4 * 2
    for _, rows in table.groupby("point"):
        assert rows["eps_gc_usd"].nunique() == rows["eps_loss_kwh"].nunique() == 1
        assert (rows["gc_usd"] <= rows["eps_gc_usd"] + 1e-6).all()
        assert (rows["loss_kwh"] <= rows["eps_loss_kwh"] + 1e-6).all()


def test_price_lies_in_its_proven_interval(table: pd.DataFrame) -> None:
    plan = table[table["variant"] == "levels, radial"].set_index("point")
    assert plan["price_usd"].isna().all()
    others = table[table["variant"] != "levels, radial"]
    for _, row in others.iterrows():
        of_plan = plan.loc[row["point"]]
        assert row["price_usd"] == pytest.approx(of_plan["ec_usd"] - row["ec_usd"], abs=1e-9)
        assert row["price_least_usd"] - 1e-6 <= row["price_usd"] <= row["price_most_usd"] + 1e-6
        assert row["price_most_usd"] == pytest.approx(of_plan["ec_usd"] - row["bound_ec_usd"])
        if row["variant"].startswith("joint"):
            assert row["price_least_usd"] >= 0.0
    joint = others[others["variant"] == "joint, radial"]
    assert joint["price_least_usd"].min() > 1.0  # solved by hand, the hierarchy costs here


def test_table_and_figures_show_every_point(folder: Path) -> None:
    lines = (folder / "price.md").read_text().splitlines()
    assert [line.count("|") for line in lines] == [8] * 4
    drawing = ElementTree.fromstring((folder / "price.svg").read_text())  # noqa: S314, ours
    space = "{http://www.w3.org/2000/svg}"
    assert len(drawing.findall(f"{space}circle")) == 4 * 2
    assert "levels, meshed" in (folder / "price.html").read_text()


def test_unknown_case_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert price.main(["--case", str(tmp_path / "nowhere"), "--out", str(tmp_path)]) == 2
    assert "no such case folder" in capsys.readouterr().err


@pytest.mark.slow
def test_bench_prints_a_row_for_each_size() -> None:
    asked = ["growth", "--sizes", "2", "--hours", "4", "--points", "2", "--limit", "3"]
    script = str(ROOT / "scripts" / "bench_front.py")
    done = subprocess.run(
        [sys.executable, script, *asked], capture_output=True, text=True, check=True
    )
    head, _, *rows = done.stdout.strip().splitlines()
    assert head.startswith("| microgrids | hours |")
    assert [row.split(" | ")[:2] for row in rows] == [["| 2", "4"]]
    assert all("optimal" in row or "feasible" in row for row in rows)
