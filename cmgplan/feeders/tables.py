"""Tables of a configured network and of a study of reliability."""

from __future__ import annotations

from cmgplan.run.tables import table_form

CONFIGURATION_TABLES = {
    "buses": table_form(
        "bus",
        "source v_source_pu vn_kv v_min_pu v_max_pu g_shunt_pu b_shunt_pu",
        ints="source",
        texts="bus",
    ),
    "branches": table_form(
        "row branch",
        "from_bus to_bus switchable closed_before r_pu x_pu g_pu b_pu s_max_pu i_max_pu",
        ints="row switchable closed_before",
        texts="branch from_bus to_bus",
        empty="s_max_pu i_max_pu",
    ),
    "states": table_form(
        "block row branch", "from_hour to_hour closed", ints="block row from_hour to_hour closed",
        texts="branch",
    ),
    "hours": table_form(
        "hour", "block loss_kw loss_before_kw v_min_pu", ints="hour block",
        empty="loss_before_kw",
    ),
    "loads": table_form(
        "hour bus", "p_kw q_kvar served v_before_pu v_pu", ints="hour", texts="bus",
        empty="v_before_pu v_pu",
    ),
    "course": table_form("wall_s", "value bound", empty="value"),
}  # fmt: skip
"""Voltages are empty at buses that nothing feeds; branches without a rating have an empty one."""

RELIABILITY_TABLES = {
    "load_points": table_form(
        "bus",
        "customers failures_per_year hours_per_failure hours_per_year eens_mwh",
        texts="bus",
    ),
    "faults": table_form("line", "failures_per_year saifi saidi_h eens_mwh", texts="line"),
    "additions": table_form(
        "kind line end from_bus to_bus",
        "saidi_saved_h saifi_saved eens_saved_mwh",
        texts="kind line end from_bus to_bus",
        may_lack_rows=True,
    ),
}

ISLANDS_TABLE = table_form(
    "bus hours from_hour", "wanted_kw served_kw", ints="from_hour", texts="bus", may_lack_rows=True
)
"""Mean powers over interruptions of so many hours that begin at an hour of the clock; a run has
the table only where homes serve while cut off."""
