"""Planning of distribution networks with clustered microgrids, with an AC-OPF core.

The way through the package:

- ``load_case`` reads a case by its folder or bundled name, ``check_case`` lists its faults, and
  ``new_case`` starts one from a network file; a case is of planning (``Case``) or of home
  microgrids (``HomesCase``);
- ``plan`` takes it through all six levels; ``PlanOptions`` says how;
- ``PlanResult.tables`` are pandas tables, ``PlanResult.summary`` is plan.json by attributes
  (``summary.upper.gc_usd``), and ``figures`` draws both with Plotly;
- ``write_run`` keeps a plan as a folder with its page, ``read_run`` reads it back;
- ``read_network`` and ``solve_opf`` answer an AC optimal power flow by itself;
- ``read_switched_network`` and ``reconfigure`` find the radial configuration of least loss,
  ``reconfigure_day`` that of all hours or of blocks of them, and ``read_reliable_feeder`` and
  ``reliability`` the reliability indices of a feeder, ``additions`` what one more device saves;
- ``find_optimum``, ``run_market``, ``run_building`` and ``run_response`` run a case of homes,
  ``write_optimum``, ``write_market``, ``write_building`` and ``write_response`` keep their runs;
- ``run_study`` runs any of these over days, scenarios, options and cases.

``examples/plan_a_feeder.py`` walks through it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cmgplan.version import __version__

if TYPE_CHECKING:
    from cmgplan.building.pipeline import run_building
    from cmgplan.building.report.run_folder import write_building
    from cmgplan.building.result import BuildingOptions, BuildingResult
    from cmgplan.homes.case.records import HomesCase
    from cmgplan.homes.optimum.front import find_optimum
    from cmgplan.homes.optimum.result import OptimumOptions, OptimumResult
    from cmgplan.homes.optimum.run_folder import write_optimum
    from cmgplan.market.pipeline import run_market
    from cmgplan.market.report.run_folder import write_market
    from cmgplan.market.result import MarketOptions, MarketResult
    from cmgplan.network.opf.problem import OpfProblem, solve_opf
    from cmgplan.network.opf.result import OpfResult
    from cmgplan.network.reconfiguration.day.loads import HourlyLoads
    from cmgplan.network.reconfiguration.day.search import DayReconfiguration, reconfigure_day
    from cmgplan.network.reconfiguration.search import (
        Reconfiguration,
        ReconfigureOptions,
        reconfigure,
    )
    from cmgplan.network.reliability.additions import additions
    from cmgplan.network.reliability.indices import Reliability, reliability
    from cmgplan.network.reliability.read import read_reliable_feeder
    from cmgplan.planning.case import Case
    from cmgplan.planning.case.network import read_network, read_switched_network
    from cmgplan.planning.case.records import PlanOptions
    from cmgplan.planning.pipeline import plan
    from cmgplan.planning.report.compare.write import compare_runs
    from cmgplan.planning.report.drawing import figures
    from cmgplan.planning.report.export import export_run
    from cmgplan.planning.report.run_folder import Run, read_run, write_run
    from cmgplan.planning.result import PlanResult
    from cmgplan.planning.starter import new_case
    from cmgplan.progress import ProgressEvent
    from cmgplan.response.pipeline import run_response
    from cmgplan.response.report.run_folder import write_response
    from cmgplan.response.result import ResponseOptions, ResponseResult
    from cmgplan.run_kinds import to_xarray
    from cmgplan.study.run import StudyResult, run_study
    from cmgplan.systems import check_case, load_case

__all__ = [
    "BuildingOptions",
    "BuildingResult",
    "Case",
    "DayReconfiguration",
    "HomesCase",
    "HourlyLoads",
    "MarketOptions",
    "MarketResult",
    "OpfProblem",
    "OpfResult",
    "OptimumOptions",
    "OptimumResult",
    "PlanOptions",
    "PlanResult",
    "ProgressEvent",
    "Reconfiguration",
    "ReconfigureOptions",
    "Reliability",
    "ResponseOptions",
    "ResponseResult",
    "Run",
    "StudyResult",
    "__version__",
    "additions",
    "check_case",
    "compare_runs",
    "export_run",
    "figures",
    "find_optimum",
    "load_case",
    "new_case",
    "new_homes",
    "plan",
    "read_network",
    "read_reliable_feeder",
    "read_run",
    "read_switched_network",
    "reconfigure",
    "reconfigure_day",
    "reliability",
    "run_building",
    "run_market",
    "run_response",
    "run_study",
    "solve_opf",
    "to_xarray",
    "write_building",
    "write_market",
    "write_optimum",
    "write_response",
    "write_run",
]

_HOMES = {
    "new_homes": "cmgplan.homes.starter.new",
    "find_optimum": "cmgplan.homes.optimum.front",
    "OptimumOptions": "cmgplan.homes.optimum.result",
    "OptimumResult": "cmgplan.homes.optimum.result",
    "write_optimum": "cmgplan.homes.optimum.run_folder",
    "run_market": "cmgplan.market.pipeline",
    "MarketOptions": "cmgplan.market.result",
    "MarketResult": "cmgplan.market.result",
    "write_market": "cmgplan.market.report.run_folder",
    "run_building": "cmgplan.building.pipeline",
    "BuildingOptions": "cmgplan.building.result",
    "BuildingResult": "cmgplan.building.result",
    "write_building": "cmgplan.building.report.run_folder",
    "run_response": "cmgplan.response.pipeline",
    "ResponseOptions": "cmgplan.response.result",
    "ResponseResult": "cmgplan.response.result",
    "write_response": "cmgplan.response.report.run_folder",
    "Case": "cmgplan.planning.case",
    "HomesCase": "cmgplan.homes.case.records",
    "check_case": "cmgplan.systems",
    "load_case": "cmgplan.systems",
    "PlanOptions": "cmgplan.planning.case.records",
    "OpfProblem": "cmgplan.network.opf.problem",
    "OpfResult": "cmgplan.network.opf.result",
    "read_network": "cmgplan.planning.case.network",
    "solve_opf": "cmgplan.network.opf.problem",
    "Reconfiguration": "cmgplan.network.reconfiguration.search",
    "ReconfigureOptions": "cmgplan.network.reconfiguration.search",
    "reconfigure": "cmgplan.network.reconfiguration.search",
    "DayReconfiguration": "cmgplan.network.reconfiguration.day.search",
    "HourlyLoads": "cmgplan.network.reconfiguration.day.loads",
    "reconfigure_day": "cmgplan.network.reconfiguration.day.search",
    "additions": "cmgplan.network.reliability.additions",
    "read_switched_network": "cmgplan.planning.case.network",
    "Reliability": "cmgplan.network.reliability.indices",
    "reliability": "cmgplan.network.reliability.indices",
    "read_reliable_feeder": "cmgplan.network.reliability.read",
    "plan": "cmgplan.planning.pipeline",
    "PlanResult": "cmgplan.planning.result",
    "StudyResult": "cmgplan.study.run",
    "run_study": "cmgplan.study.run",
    "ProgressEvent": "cmgplan.progress",
    "Run": "cmgplan.planning.report.run_folder",
    "read_run": "cmgplan.planning.report.run_folder",
    "write_run": "cmgplan.planning.report.run_folder",
    "figures": "cmgplan.planning.report.drawing",
    "new_case": "cmgplan.planning.starter",
    "export_run": "cmgplan.planning.report.export",
    "to_xarray": "cmgplan.run_kinds",
    "compare_runs": "cmgplan.planning.report.compare.write",
}


def __dir__() -> list[str]:
    """Return the public names, those not imported yet too."""
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    """Import public names when they are first used, so that the command line starts quickly."""
    if name not in _HOMES:
        raise AttributeError(f"module 'cmgplan' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
