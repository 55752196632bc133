"""Several leaders at once: nobody earns what is not there, and who would gain is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from homes_cases import homes_case, random_case
from homes_factories import write_homes
from test_market_report import command, held

from cmgplan.errors import InputError
from cmgplan.market.case.structures import parse_leaders
from cmgplan.market.pipeline import run_market
from cmgplan.market.report.overview import overview
from cmgplan.market.report.read_run import read_market
from cmgplan.market.result import Equilibrium, MarketOptions, MarketResult

SEEDS = [seed for seed in range(20) if len(random_case(seed).homes) == 3][1:3]


def three_homes(folder: Path) -> Path:
    """Return a case of two homes with sun, and one with a load."""
    homes = [
        {"id": "A", "pv": [{"id": "roof", "p_max_kw": 9.0, "forecast": "sun"}]},
        {"id": "B", "pv": [{"id": "roof", "p_max_kw": 3.0, "forecast": "sun"}]},
        {"id": "C", "load": [{"id": "flats", "carrier": "electricity", "p_kw": 8.0}]},
    ]
    return write_homes(
        folder,
        {
            "home": homes,
            "time": {"hours": 2},
            "retailer": {"buy_per_kwh": 0.3, "sell_per_kwh": 0.1},
        },
        case={"format": 1, "system": "homes", "name": "three", "currency": "EUR"},
        profiles="hour,sun\n0,0.5\n1,1.0\n",
    )


def several(seed: int) -> tuple[MarketResult, Equilibrium]:
    options = MarketOptions(structures=("A",), leaders=("A", "B"), time_limit_s=10.0)
    result = run_market(random_case(seed), options)
    assert result.equilibrium is not None
    return result, result.equilibrium


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_earns_what_is_not_there(seed: int) -> None:
    result, point = several(seed)
    values = result.values
    # With a limit of all trade together nobody is sure of what it would have alone.
    assert sum(point.income.values()) <= values["A+B+C"] + 1e-4
    assert set(point.gain) == {"A", "B"}
    assert min(point.gain.values()) >= 0.0
    settled = max(point.gain.values()) <= point.enough
    assert point.status == ("equilibrium" if settled else "none found")
    total = sum(exchange.pool_kw for exchange in point.dispatch.exchange.values())
    assert total == pytest.approx(np.zeros(6), abs=1e-6)
    price, low, high = point.prices.price, point.prices.low, point.prices.high
    assert (low <= price + 1e-9).all()
    assert (price <= high + 1e-9).all()


def test_leaders_with_nothing_to_trade_are_at_rest() -> None:
    """Two homes without plant, both led by the retailer's price: nobody can gain anything."""
    load = {"id": "flats", "carrier": "electricity", "p_kw": 2.0}
    homes = [{"id": name, "load": [load]} for name in "ABC"]
    retailer = {"buy_per_kwh": 0.3, "sell_per_kwh": 0.1}
    case = homes_case(homes, hours=2, retailer=retailer)
    options = MarketOptions(structures=("A",), leaders=("A", "B"))
    point = run_market(case, options).equilibrium
    assert point is not None
    assert point.status == "equilibrium"
    assert max(point.gain.values()) <= point.enough
    assert sum(point.income.values()) == pytest.approx(-3 * 2 * 2.0 * 0.3, abs=1e-3)


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["A"], "two or more groups"),
        (["A", "X"], "X is no home"),
        (["A", "A+B"], "two groups"),
        (["A+A", "B"], "named twice"),
        (["A", "B+C"], "nobody follows"),
    ],
)
def test_wrong_leaders_are_refused(texts: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_leaders(texts, ("A", "B", "C"))


def test_leaders_are_named_sorted_and_the_rest_follows() -> None:
    leaders, following = parse_leaders(["C+B", "A"], ("A", "B", "C", "D"))
    assert leaders == (("B", "C"), ("A",))
    assert following == ("D",)


def test_only_what_the_leaders_need_is_solved_beside_them() -> None:
    """No split is searched where none is named: all homes together, which is a linear program."""
    case, asked = random_case(SEEDS[0]), MarketOptions(leaders=("A", "B"), time_limit_s=10.0)
    result = run_market(case, asked)
    assert [s.name for s in result.structures] == ["A+B+C"]
    named = run_market(case, asked.model_copy(update={"structures": ("A", "A+B+C")}))
    assert [s.name for s in named.structures] == ["A", "A+B+C"]
    assert result.games["owen"] == pytest.approx(named.games["owen"])
    assert result.equilibrium is not None
    assert named.equilibrium is not None
    assert result.equilibrium.income == pytest.approx(named.equilibrium.income)
    total = sum(result.equilibrium.income.values())
    assert total <= result.structures[0].leader_income + 1e-4


def test_the_first_screen_of_leaders_alone_is_about_them(tmp_path: Path) -> None:
    """No structure leads: what is proven is what somebody would gain, and why no more was tried."""
    case, run = three_homes(tmp_path / "case"), tmp_path / "run"
    arguments = ["--leaders", "A", "--leaders", "B", "--out", run, "--quiet"]
    assert command("market", case, *arguments) == 0
    market = read_market(run)
    told = market.record.equilibrium
    assert told is not None
    assert [s.structure for s in market.record.structures] == ["A+B+C"]
    first = overview(market.record, market.tables)
    assert first.good == (told.status == "equilibrium")
    assert first.verdict.startswith("A,B|C: ")
    assert first.against.startswith("In A,B|C all homes earn")
    assert "Gain from deviating, at most" in [box.name for box in first.boxes]
    open_ = told.model_copy(update={"status": "none found", "stopped": "rounds"})
    other = overview(market.record.model_copy(update={"equilibrium": open_}), market.tables)
    assert "the search ended because no more responses are taken" in other.verdict
    assert not other.good
    changed = json.loads((run / "run.json").read_text(encoding="utf-8"))
    changed["equilibrium"]["stopped"] = "time" if told.stopped == "gap" else "gap"
    (run / "run.json").write_text(json.dumps(changed), encoding="utf-8")
    assert not held(run)


def test_a_run_with_several_leaders_is_verified(tmp_path: Path) -> None:
    case = three_homes(tmp_path / "case")
    out = tmp_path / "run"
    arguments = ["--structure", "A|B+C", "--leaders", "A", "--leaders", "B"]
    assert command("market", case, *arguments, "--out", out, "--quiet") == 0
    record = read_market(out).record
    assert record.equilibrium is not None
    assert record.equilibrium.structure == "A,B|C"
    assert held(out)
    for key in ("income", "gain", "bound"):
        copy = tmp_path / key
        shutil.copytree(out, copy)
        changed = json.loads((copy / "run.json").read_text(encoding="utf-8"))
        found = changed["equilibrium"][key]
        found["A"] = found["A"] + 5.0
        (copy / "run.json").write_text(json.dumps(changed), encoding="utf-8")
        assert not held(copy), key
    changed = json.loads((out / "run.json").read_text(encoding="utf-8"))
    changed["equilibrium"]["enough"] += 0.001
    (out / "run.json").write_text(json.dumps(changed), encoding="utf-8")
    assert not held(out)
