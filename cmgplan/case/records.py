"""Records that cases of several systems share: time, buses and lines of a network."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from cmgplan.devices.base import (
    Finite,
    Id,
    NonNegative,
    Positive,
    Record,
    Share,
)


class Bus(Record):
    """Row of buses.csv: a bus and the load that the feeder itself serves there.

    ``profile`` and ``responsive_share`` fall back to ``[network]``'s, the voltage limits too.
    ``customers`` are those of the feeder's own load; reliability alone counts them.
    """

    bus: Id
    p_kw: NonNegative = 0.0
    q_kvar: Finite = 0.0
    vn_kv: Positive
    v_min_pu: Positive | None = None
    v_max_pu: Positive | None = None
    profile: Id | None = None
    responsive_share: Share | None = None
    customers: NonNegative | None = None


class Line(Record):
    """Row of lines.csv: a branch with series impedance, charging and rating.

    ``rating_kva`` is the apparent power at nominal voltage that the current limit of eq. (35)
    allows; an empty cell is no limit. ``in_service`` 0 leaves the line out.

    The columns from ``km`` on say how often it fails and what isolates it, as in the tables of
    ``cmgplan reliability``, which alone reads them; ``disconnector`` says at which ends one is.
    """

    line: Id
    from_bus: Id
    to_bus: Id
    r_ohm: NonNegative
    x_ohm: Finite
    b_us: NonNegative = 0.0
    rating_kva: Positive | None = None
    in_service: Literal[0, 1] = 1
    km: NonNegative | None = None
    failures_per_km_year: NonNegative | None = None
    repair_h: NonNegative | None = None
    switching_h: NonNegative | None = None
    protection: Literal["breaker", "fuse"] | None = None
    disconnector: Literal["from", "to", "both"] | None = None
    transformer_failures_per_year: NonNegative | None = None
    transformer_repair_h: NonNegative | None = None


class NetworkSection(Record):
    """``[network]`` of case.toml."""

    buses: str = "buses.csv"
    lines: str = "lines.csv"
    slack_bus: Id
    v_slack_pu: Positive
    v_min_pu: Positive
    v_max_pu: Positive
    load_profile: Id | None = None
    responsive_share: Share = 0.0


def _as_day(value: object) -> object:
    """Let a day be written as text too; what is no day stays for the record to refuse."""
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return value


Day = Annotated[date, BeforeValidator(_as_day)]


class TimeSection(Record):
    """``[time]`` of case.toml: T intervals of ``dt_h`` hours.

    ``day`` picks them out of profiles that hold more: T intervals from its midnight on. Rows of
    profiles that are only numbered begin on ``first_day``.
    """

    hours: Annotated[int, Field(gt=0)]
    dt_h: Positive = 1.0
    day: Day | None = None
    first_day: Day | None = None


SwitchKind = Literal["microgrid", "cluster", "grid"]
