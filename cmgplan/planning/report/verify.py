"""A finished run checked again from its files alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cmgplan.network.feeder import build_feeder
from cmgplan.planning.report.checks_feeder import check_feeder, replayed_injections
from cmgplan.planning.report.checks_front import check_front
from cmgplan.planning.report.checks_headroom import check_headroom, error_injection
from cmgplan.planning.report.checks_levels import check_levels
from cmgplan.planning.report.checks_microgrid import check_microgrids
from cmgplan.planning.report.checks_objectives import solve_all
from cmgplan.planning.report.checks_points import check_points, point_injections, read_points
from cmgplan.planning.report.checks_proof import check_proof
from cmgplan.planning.report.checks_switches import check_switches
from cmgplan.planning.report.checks_text import check_texts
from cmgplan.planning.report.checks_upper import check_upper, upper_injections
from cmgplan.planning.report.run_folder import Run
from cmgplan.planning.report.subject import Subject
from cmgplan.run.findings import CheckResult, Finding
from cmgplan.run.folder import case_sha256


@dataclass(frozen=True)
class VerifyReport:
    """Every check of a run, and how far the run is from the independent power flow."""

    checks: tuple[CheckResult, ...]
    max_dv_pu: float
    max_dloss_kw: float

    @property
    def passed(self) -> bool:
        """Whether every check holds."""
        return all(check.passed for check in self.checks)

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        """The checks that do not hold."""
        return tuple(check for check in self.checks if not check.passed)


def verify_run(run: Run) -> VerifyReport:
    """Check a run against its copy of the case, device by device and hour by hour.

    The feeder's power flow is solved again by pandapower, for the chosen point and for every other
    point of the front; every device is stepped through its dispatch; balances, switches, losses,
    masks, objectives, memberships, gaps, headroom and totals are worked out from the tables.

    Raises
    ------
    CaseError
        If the copy of the case cannot be used any more.
    InputError
        If the options in plan.json cannot be read, or a table of a point.
    """
    case = run.load_case()
    subject = Subject(case, run.load_options(), run.tables, summary=run.summary)
    feeder = build_feeder(case)
    points = read_points(subject, run.folder)
    asked = {
        **replayed_injections(subject, feeder),
        **upper_injections(subject, feeder),
        "error": error_injection(subject, feeder),
        **point_injections(points, feeder),
    }
    flows = solve_all(feeder, asked)
    on_feeder, replays = check_feeder(subject, feeder, flows)
    return VerifyReport(
        checks=(
            _copy_is_unchanged(run),
            *check_texts(subject),
            *on_feeder,
            *check_switches(subject),
            *check_microgrids(subject),
            *check_levels(subject),
            *check_front(subject),
            *check_proof(subject),
            *check_points(subject, points, feeder, flows),
            *check_upper(subject, flows, replays),
            *check_headroom(subject, feeder, flows),
        ),
        max_dv_pu=max((float(np.max(r.dv_pu)) for r in replays), default=float("nan")),
        max_dloss_kw=max((float(np.max(r.dloss_kw)) for r in replays), default=float("nan")),
    )


def _copy_is_unchanged(run: Run) -> CheckResult:
    """Compare the copy of the case with the hash in plan.json."""
    same = run.summary.case.sha256 == case_sha256(run.case_folder)
    found = () if same else (Finding("case/ differs from the hash in plan.json", np.nan, ""),)
    return CheckResult("copy of the case is unchanged", found)
