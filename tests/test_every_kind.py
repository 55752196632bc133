"""Every kind of device in every way to run a day: it counts there, or it is refused by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyomo.environ as pyo
import pytest
from homes_factories import small_homes, write_homes

from cmgplan.arrays import FloatArray
from cmgplan.building.case.check import check_building
from cmgplan.building.model.plant import read_plant
from cmgplan.building.pipeline import run_building
from cmgplan.building.result import BuildingOptions
from cmgplan.devices import HOME_KINDS, Device, Flows, Forecasts, Trace
from cmgplan.devices.base import complete
from cmgplan.errors import CaseError, CmgplanError
from cmgplan.homes.accounts.ledger import Carrier
from cmgplan.homes.accounts.money import cost_of_day
from cmgplan.homes.case.read import load_homes
from cmgplan.homes.case.records import HomeBase, HomesCase
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.homes.optimum.front import find_optimum
from cmgplan.market.pipeline import run_market
from cmgplan.market.result import MarketOptions
from cmgplan.response.case.check import check_response
from cmgplan.response.heuristics.parts import Parts
from cmgplan.response.market.marginal import marginal_bids
from cmgplan.response.pipeline import run_response
from cmgplan.response.result import ResponseOptions
from cmgplan.response.rules.plant import plant_of

Days = dict[str, Dispatch]


def by_optimum(case: HomesCase) -> Days:
    return {"optimum": find_optimum(case).point.dispatch}


def by_market(case: HomesCase) -> Days:
    return {"market": run_market(case, MarketOptions(structures=("A+B",))).structures[0].dispatch}


def by_building(case: HomesCase) -> Days:
    return {"rules": run_building(case, BuildingOptions(priced=False)).dispatch["coalition"]}


def by_response(case: HomesCase) -> Days:
    options = ResponseOptions(methods=("exact", "rules", "de"), evaluations=30, compare=False)
    return {name: found.dispatch for name, found in run_response(case, options).methods.items()}


SYSTEMS: dict[str, Callable[[HomesCase], Days]] = {
    "optimum": by_optimum,
    "market": by_market,
    "building": by_building,
    "response": by_response,
}


def case_of(folder: Path, without: str | None = None) -> HomesCase:
    """Return the small case on a cold day, with a kind of device left out of every home.

    In hour 2 homes want more heat than all that make it can give, and the battery may end the day
    emptier than it began, so that no device is idle.
    """
    document = small_homes({"home.1.load.1.p_kw": 70.0, "home.0.storage.0.soc_end": 0.1})
    for home in document["home"]:
        home.pop(without, None)
    return load_homes(write_homes(folder, case=document))


@pytest.fixture(scope="module", params=sorted(SYSTEMS))
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> object:
    """Return a system's name, what runs it, the whole case and its days."""
    whole = case_of(tmp_path_factory.mktemp("whole"))
    run = SYSTEMS[request.param]
    return request.param, run, whole, run(whole)


@pytest.mark.parametrize("kind", HOME_KINDS)
def test_a_kind_counts_or_is_refused(
    kind: str, system: tuple[str, Callable[[HomesCase], Days], HomesCase, Days], tmp_path: Path
) -> None:
    """Without its devices another day is run: what homes trade, or what the day costs, differs."""
    _, run, whole, days = system
    fewer = case_of(tmp_path, without=kind)
    try:
        others = run(fewer)
    except CmgplanError as error:
        pytest.fail(f"the case without any {kind} is refused: {error}")
    assert sorted(days) == sorted(others)
    for way, day in days.items():
        changes = [abs(cost_of_day(whole, day) - cost_of_day(fewer, others[way]))]
        changes += list(traded_otherwise(day, others[way]))
        assert max(changes) > 1e-4, f"{way}: a day with a {kind} is the day without one"


def traded_otherwise(one: Dispatch, other: Dispatch) -> Iterator[float]:
    """Yield the greatest differences of what homes exchange and dump, kW."""
    for home, mine in one.exchange.items():
        for name in ("import_kw", "export_kw", "pool_kw", "pool_heat_kw"):
            theirs = getattr(other.exchange[home], name)
            yield float(np.abs(getattr(mine, name) - theirs).max())
        yield float(np.abs(one.dumped_kw[home] - other.dumped_kw[home]).max())


class Flywheel(Device):
    """A device of a kind that nobody has heard of: it takes 2 kW in every hour."""

    kind: ClassVar[str] = "flywheel"

    def add_to(self, b: pyo.Block, h: Forecasts) -> None:
        b.p_inj = pyo.Expression(h.steps, rule=lambda b, t: -2.0)
        complete(b, h)

    def simulate_flows(self, h: Forecasts, flows: Flows) -> Trace:
        return Trace(breaches=[])


@pytest.fixture
def of_unknown_kind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> HomesCase:
    """Return the small case, each of whose homes has a flywheel too."""
    devices = HomeBase.devices

    def with_one_more(home: HomeBase) -> Iterator[Device]:
        yield from devices(home)
        yield Flywheel(id="wheel")

    case = case_of(tmp_path)
    monkeypatch.setattr(HomeBase, "devices", with_one_more)
    return case


TOLD = r"cannot run wheel, a device of the kind flywheel; leave it out, or run the optimum or the"


@pytest.mark.parametrize("name", ["building", "response"])
def test_a_kind_without_a_rule_is_refused_by_name(name: str, of_unknown_kind: HomesCase) -> None:
    check = {"building": check_building, "response": check_response}[name]
    faults = [fault for fault in check(of_unknown_kind) if fault.severity == "error"]
    assert [fault.where for fault in faults] == ["home[0].flywheel[0]", "home[1].flywheel[0]"]
    with pytest.raises(CaseError, match=TOLD):
        SYSTEMS[name](of_unknown_kind)


@pytest.mark.parametrize("name", ["optimum", "market"])
def test_an_optimiser_takes_any_kind(
    name: str, of_unknown_kind: HomesCase, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (day,) = SYSTEMS[name](of_unknown_kind).values()
    bought = sum(float((e.import_kw - e.export_kw).sum()) for e in day.exchange.values())
    made = sum(float(flows.p_kw.sum()) for flows in day.flows.values())
    assert float(day.flows["A", "wheel"].p_kw.sum()) == pytest.approx(-2.0 * of_unknown_kind.hours)
    assert bought == pytest.approx(-made, abs=1e-6)


def test_what_reads_devices_by_kind_passes_over_none(of_unknown_kind: HomesCase) -> None:
    """Also where nobody asked before: the rules, the decoder, bids at marginal cost."""
    case = of_unknown_kind
    day = by_optimum(case)["optimum"]
    price = np.ones((case.hours, len(case.ids)))
    of_home: dict[Carrier, FloatArray] = {"electricity": price, "heat": price}
    for read in (
        lambda: read_plant(case),
        lambda: plant_of(case, case.homes[0]),
        lambda: Parts(case),
        lambda: marginal_bids(case, day, of_home),
    ):
        with pytest.raises(CmgplanError, match=TOLD):
            read()
