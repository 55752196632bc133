"""What run.json of a run of the market holds, and its table of prices."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cmgplan.homes.report.run_record import Amount, Number, Part, RunRecord, Text
from cmgplan.run.tables import TableForm, table_form

MCP: TableForm = table_form(
    "way hour carrier",
    "price_per_kwh low_per_kwh high_per_kwh unique",
    ints="hour unique",
    texts="way carrier",
    may_lack_rows=True,
)
"""Form of ``mcp.csv``: the price at which homes settle, the prices that clear, and whether no
other does (1)."""

RULES = ("shapley", "nucleolus", "owen", "least_core")
"""Ways to share the value of all homes."""


class Options(Part):
    """How the market was run; ``MarketOptions`` says what each means."""

    structures: list[str]
    leaders: list[str]
    pricing: Literal["uniform", "bid"]
    method: Literal["milp", "nlp"]
    gap: Annotated[float | None, Field(gt=0.0, lt=1.0)]
    time_limit_s: Annotated[float, Field(gt=0.0)]


class StructureRecord(Part):
    """One structure; ``StructureResult`` says what each key means."""

    structure: Text
    leading: Annotated[list[Text], Field(min_length=1)]
    following: list[Text]
    status: Literal["optimal", "feasible"]
    stopped: Literal["gap", "time", "rounds", ""] = ""
    method: Text
    income: dict[str, Number]
    leader_income: Number
    follower_income: Number
    bound: Number
    gap: Amount
    gap_share: Amount
    pessimistic_income: Number
    optimistic_income: Number
    own_choices: dict[str, list[int]]
    before_shading_kw: dict[Literal["electricity", "heat"], list[Number]]
    wide_hours: list[int]


class EquilibriumRecord(Part):
    """Several leaders at once; ``Equilibrium`` says what each key means."""

    structure: Text
    leaders: Annotated[list[Annotated[list[Text], Field(min_length=1)]], Field(min_length=2)]
    following: Annotated[list[Text], Field(min_length=1)]
    status: Literal["equilibrium", "none found"]
    stopped: Literal["gap", "time", "rounds", "repeated", "stuck", ""] = ""
    enough: Amount
    gain: dict[str, Amount]
    bound: dict[str, Number]
    income: dict[str, Number]
    rounds: Annotated[int, Field(ge=0)]
    own_choices: dict[str, list[int]]


class ScenarioRecord(Part):
    """What homes earn in one scenario, by structure; ``ScenarioIncomes`` says what each means."""

    id: Text
    weight: Annotated[float, Field(ge=0.0, le=1.0)]
    income: dict[str, dict[str, Number]]
    gap_share: dict[str, Amount]


class MarketRecord(RunRecord):
    """run.json of ``cmgplan market``.

    ``values`` are those of coalitions on their own, by ids joined by ``+``; ``games`` what rules
    give each home, and under ``least_excess`` the least excess of any coalition by rule.
    ``fixed_gap`` is the relative gap of the optimum that ``fixed`` was taken from, where its time
    ran out.
    """

    system: Literal["market"]
    options: Options  # type: ignore[assignment]
    gap: Annotated[float, Field(gt=0.0, lt=1.0)]
    values: Annotated[dict[str, Number], Field(min_length=1)]
    structures: Annotated[list[StructureRecord], Field(min_length=1)]
    games: dict[str, dict[str, Number]]
    fixed: dict[str, list[int]]
    fixed_gap: Amount = 0.0
    backstopped: list[Text]
    scenarios: list[ScenarioRecord]
    expected: dict[str, dict[str, Number]]
    equilibrium: EquilibriumRecord | None
