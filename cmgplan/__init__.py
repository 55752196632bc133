"""Planning of distribution networks with clustered microgrids, with an AC-OPF core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from cmgplan.case import Case, check_case, load_case
    from cmgplan.case.records import PlanOptions
    from cmgplan.network.networks import read_network
    from cmgplan.network.opf import OpfProblem, solve_opf
    from cmgplan.network.opf_result import OpfResult
    from cmgplan.planning.pipeline import plan
    from cmgplan.planning.result import PlanResult, ProgressEvent
    from cmgplan.report.compare.write import compare_runs
    from cmgplan.report.export import export_run

__all__ = [
    "Case",
    "OpfProblem",
    "OpfResult",
    "PlanOptions",
    "PlanResult",
    "ProgressEvent",
    "__version__",
    "check_case",
    "compare_runs",
    "export_run",
    "load_case",
    "plan",
    "read_network",
    "solve_opf",
]

_HOMES = {
    "Case": "cmgplan.case",
    "check_case": "cmgplan.case",
    "load_case": "cmgplan.case",
    "PlanOptions": "cmgplan.case.records",
    "OpfProblem": "cmgplan.network.opf",
    "OpfResult": "cmgplan.network.opf_result",
    "read_network": "cmgplan.network.networks",
    "solve_opf": "cmgplan.network.opf",
    "plan": "cmgplan.planning.pipeline",
    "PlanResult": "cmgplan.planning.result",
    "ProgressEvent": "cmgplan.planning.result",
    "export_run": "cmgplan.report.export",
    "compare_runs": "cmgplan.report.compare.write",
}


def __getattr__(name: str) -> Any:
    """Import public names when they are first used, so that the command line starts quickly."""
    if name not in _HOMES:
        raise AttributeError(f"module 'cmgplan' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
