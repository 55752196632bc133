"""What is made of every table and column of a pandapower network: honoured, noted or refused.

Every column of pandapower's own is in one of the lists, which the reader itself goes by; a test
compares them with pandapower's definitions. Columns of the user's own are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

NAMED = 5
"""Rows that a message lists."""


def _columns(*texts: str) -> frozenset[str]:
    return frozenset(name for text in texts for name in text.split())


_POWER_LIMITS = "min_p_mw max_p_mw min_q_mvar max_q_mvar"
_VOLTAGE_LIMITS = "min_vm_pu max_vm_pu"
_PHASES = "p_a_mw p_b_mw p_c_mw q_a_mvar q_b_mvar q_c_mvar"
_TAP = (
    "tap_side tap_neutral tap_step_percent tap_step_degree tap_pos tap_changer_type "
    "id_characteristic_table tap_dependency_table tap_phase_shifter"
)
_TAP2 = "tap2_side tap2_neutral tap2_step_percent tap2_step_degree tap2_pos tap2_changer_type"

HONOURED: dict[str, frozenset[str]] = {
    "bus": _columns("vn_kv in_service", _VOLTAGE_LIMITS),
    "load": _columns("bus p_mw q_mvar scaling in_service controllable", _POWER_LIMITS),
    "sgen": _columns("bus p_mw q_mvar scaling in_service controllable", _POWER_LIMITS),
    "storage": _columns("bus p_mw q_mvar scaling in_service controllable", _POWER_LIMITS),
    "gen": _columns(
        "bus p_mw vm_pu scaling slack in_service controllable", _POWER_LIMITS, _VOLTAGE_LIMITS
    ),
    "ext_grid": _columns(
        "bus vm_pu va_degree in_service controllable", _POWER_LIMITS, _VOLTAGE_LIMITS
    ),
    "motor": _columns(
        "bus pn_mech_mw loading_percent cos_phi efficiency_percent scaling in_service"
    ),
    "asymmetric_load": _columns("bus scaling in_service", _PHASES),
    "asymmetric_sgen": _columns("bus scaling in_service", _PHASES),
    "shunt": _columns(
        "bus q_mvar p_mw vn_kv step id_characteristic_table step_dependency_table in_service"
    ),
    "ward": _columns("bus ps_mw qs_mvar qz_mvar pz_mw in_service"),
    "xward": _columns("bus ps_mw qs_mvar qz_mvar pz_mw r_ohm x_ohm vm_pu in_service"),
    "line": _columns(
        "from_bus to_bus length_km r_ohm_per_km x_ohm_per_km c_nf_per_km g_us_per_km max_i_ka df "
        "parallel in_service max_loading_percent"
    ),
    "trafo": _columns(
        "hv_bus lv_bus sn_mva vn_hv_kv vn_lv_kv vk_percent vkr_percent pfe_kw i0_percent "
        "shift_degree parallel df in_service max_loading_percent",
        *(_TAP, _TAP2),
    ),
    "trafo3w": _columns(
        "hv_bus mv_bus lv_bus sn_hv_mva sn_mv_mva sn_lv_mva vn_hv_kv vn_mv_kv vn_lv_kv "
        "vk_hv_percent vk_mv_percent vk_lv_percent vkr_hv_percent vkr_mv_percent vkr_lv_percent "
        "pfe_kw i0_percent shift_mv_degree shift_lv_degree tap_at_star_point in_service "
        "max_loading_percent",
        _TAP,
    ),
    "impedance": _columns(
        "from_bus to_bus rft_pu xft_pu rtf_pu xtf_pu gf_pu bf_pu gt_pu bt_pu sn_mva in_service"
    ),
    "switch": _columns("bus element et closed z_ohm"),
    "poly_cost": _columns(
        "element et cp0_eur cp1_eur_per_mw cp2_eur_per_mw2 cq0_eur cq1_eur_per_mvar "
        "cq2_eur_per_mvar2"
    ),
    "pwl_cost": _columns("power_type element et points"),
    "trafo_characteristic_table": _columns(
        "id_characteristic step voltage_ratio angle_deg vk_percent vkr_percent vk_hv_percent "
        "vkr_hv_percent vk_mv_percent vkr_mv_percent vk_lv_percent vkr_lv_percent"
    ),
    "shunt_characteristic_table": _columns("id_characteristic step q_mvar p_mw"),
}
"""Columns that enter the model; single-phase powers as the sum of the three phases."""

_ANYWHERE = _columns("name std_type type zone geo")
_CURVE_COLUMNS = "id_q_capability_characteristic id_q_capability_curve_characteristic curve_style"
_SHORT_CIRCUIT_MACHINE = "sn_mva vn_kv cos_phi xdss_pu rdss_ohm pg_percent power_station_trafo"

WITHOUT_PHYSICS: dict[str, frozenset[str]] = {
    "load": _columns("sn_mva"),
    "sgen": _columns(
        "sn_mva current_source generator_type k kappa lrc_pu max_ik_ka rx",
        _CURVE_COLUMNS,
    ),
    "storage": _columns("sn_mva"),
    "gen": _columns("slack_weight", _CURVE_COLUMNS, _SHORT_CIRCUIT_MACHINE),
    "ext_grid": _columns("slack_weight s_sc_max_mva s_sc_min_mva rx_max rx_min x0x_max r0x0_max"),
    "motor": _columns("cos_phi_n efficiency_n_percent lrc_pu vn_kv rx"),
    "asymmetric_load": _columns("sn_a_mva sn_b_mva sn_c_mva sn_mva"),
    "asymmetric_sgen": _columns("sn_a_mva sn_b_mva sn_c_mva sn_mva current_source"),
    "shunt": _columns("max_step"),
    "xward": _columns("slack_weight"),
    "line": _columns(
        "r0_ohm_per_km x0_ohm_per_km c0_nf_per_km g0_us_per_km alpha temperature_degree_celsius "
        "endtemp_degree reference_temperature_degree_celsius air_temperature_degree_celsius "
        "wind_speed_m_per_s wind_angle_degree solar_radiation_w_per_sq_m solar_absorptivity "
        "emissivity r_theta_kelvin_per_mw conductor_outer_diameter_m mc_joule_per_m_k q_mm2 "
        "voltage_rating"
    ),
    "trafo": _columns(
        "tap_min tap_max tap2_min tap2_max vector_group vk0_percent vkr0_percent mag0_percent "
        "mag0_rx si0_hv_partial pt_percent oltc power_station_unit xn_ohm rn_ohm "
        "leakage_resistance_ratio_hv leakage_reactance_ratio_hv trafo_characteristic_table"
    ),
    "trafo3w": _columns(
        "tap_min tap_max vector_group vk0_hv_percent vk0_mv_percent vk0_lv_percent "
        "vkr0_hv_percent vkr0_mv_percent vkr0_lv_percent vk0_x vkr0_x trafo_characteristic_table"
    ),
    "impedance": _columns(
        "rft0_pu xft0_pu rtf0_pu xtf0_pu gf0_pu bf0_pu gt0_pu bt0_pu r0_ohm x0_ohm"
    ),
}
"""Names, pictures, zero sequence, short circuit, ranges of taps that stay where they stand.

``leakage_..._ratio_hv`` divides a T model of transformers; here they are pi models.
"""


@dataclass(frozen=True)
class Rule:
    """What a value other than the usual one means, in a row that is in service.

    Attributes
    ----------
    usual
        Values beside "not given" that say nothing.
    told
        What becomes of it, or what to change; a sentence's end after table, row and value.
    """

    usual: tuple[object, ...]
    told: str


_NO = (False, 0)
_CURVE = Rule(
    _NO,
    "curves of reactive power are not modelled; set it to False and give min_q_mvar and "
    "max_q_mvar that hold at every output",
)
_SPLINE = Rule(
    _NO,
    "splines of tap-dependent impedance are not read; save the network with pandapower 3 and "
    "give id_characteristic_table with tap_dependency_table, or set it to False",
)
_VOLTAGE_DEPENDENT = Rule(
    (0,),
    "loads are of constant power here; set it to 0 to take this one so, or replace its share of "
    "constant impedance by a shunt",
)

REFUSED: dict[str, dict[str, Rule]] = {
    "load": dict.fromkeys(
        (
            *("const_z_p_percent", "const_i_p_percent", "const_z_q_percent", "const_i_q_percent"),
            *("const_z_percent", "const_i_percent"),
        ),
        _VOLTAGE_DEPENDENT,
    ),
    "sgen": {"reactive_capability_curve": _CURVE},
    "gen": {"reactive_capability_curve": _CURVE},
    "trafo": {"tap_dependent_impedance": _SPLINE},
    "trafo3w": {"tap_dependent_impedance": _SPLINE},
}
"""Columns without which the answer would be another network's."""

_REDISPATCH = Rule((0,), "is not a cost of output; it is left out")
NOTED: dict[str, dict[str, Rule]] = {
    "switch": {"in_ka": Rule((), "does not limit the current; rate the line or transformer")},
    "line": {"tdpf": Rule(_NO, "is not followed: resistances are those of the table")},
    "storage": {
        "soc_percent": Rule((), "does not limit the power; give min_p_mw and max_p_mw"),
        "min_e_mwh": Rule((0,), "does not limit the power; give min_p_mw and max_p_mw"),
        "max_e_mwh": Rule((), "does not limit the power; give min_p_mw and max_p_mw"),
    },
    "poly_cost": {
        "redispatch_up_eur_per_mw": _REDISPATCH,
        "redispatch_down_eur_per_mw": _REDISPATCH,
    },
}
"""Columns that are told of and not followed; of stores where they are controllable."""

_DIRECT = "direct-current networks are not modelled; take them out of service to leave them out"
_CONTROLLED = "is not modelled; take it out of service and give its power as sgen, load or shunt"

REFUSED_TABLES: dict[str, str] = {
    "dcline": "direct-current lines are not modelled; take them out of service to leave them out, "
    "and give what they carry as a load at from_bus and an sgen at to_bus",
    **dict.fromkeys(("vsc", "vsc_stacked", "vsc_bipolar", "b2b_vsc", "bi_vsc"), _DIRECT),
    **dict.fromkeys(("bus_dc", "line_dc", "source_dc", "load_dc"), _DIRECT),
    "svc": "a static var compensator " + _CONTROLLED,
    "ssc": "a static synchronous compensator " + _CONTROLLED,
    "tcsc": "a thyristor-controlled series capacitor is not modelled; take it out of service and "
    "give an impedance in its place",
}
"""Tables that are refused where a row of them is in service."""

WITHOUT_PHYSICS_TABLES = frozenset(
    ["controller", "measurement", "group", "characteristic", "bus_geodata", "line_geodata"]
    + [
        f"{of}_{kind}"
        for of in ("trafo", "shunt", "q_capability")
        for kind in ("characteristic_spline", "characteristic", "curve_table")
    ]
)
"""Tables that change nothing here: controllers are not run, curves need a column to call them."""

TABLES = frozenset([*HONOURED, *REFUSED_TABLES])
"""Tables that are read."""


def treatment(table: str, column: str) -> str | None:
    """Return the list that a column stands in, None if it is in none."""
    if table in REFUSED_TABLES:
        return "refused"
    if table in WITHOUT_PHYSICS_TABLES:
        return "without physics"
    if column in HONOURED.get(table, ()):
        return "honoured"
    if column in REFUSED.get(table, ()):
        return "refused"
    if column in NOTED.get(table, ()):
        return "noted"
    if table in HONOURED and column in _ANYWHERE | WITHOUT_PHYSICS.get(table, frozenset()):
        return "without physics"
    return None


def refusals(net: Any) -> Iterator[str]:
    """Yield what of a network cannot be honoured, by table, row and column, with the mend."""
    for name, told in REFUSED_TABLES.items():
        rows = _in_service(net, name)
        if len(rows):
            yield f"table {name}, row {_listed(rows.index)}: {told}"
    for name, rules in REFUSED.items():
        for column, rows in _unusual(net, name, rules):
            first = rows[column].iloc[0]
            shown = f"{name} {_listed(rows.index)}: {column} is {first}"
            yield f"{shown}; {rules[column].told}"


def remarks(net: Any) -> Iterator[str]:
    """Yield notes on what of a network is not followed."""
    for name, rules in NOTED.items():
        for column, rows in _unusual(net, name, rules):
            if name == "storage":
                rows = rows[rows.controllable] if "controllable" in rows else rows[:0]
            if len(rows):
                yield f"{name} {_listed(rows.index)}: {column} {rules[column].told}"


def _unusual(net: Any, name: str, rules: dict[str, Rule]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield columns of rules with the rows in service whose value is another than the usual."""
    table = _in_service(net, name)
    for column, rule in rules.items():
        if column in table:
            values = table[column]
            rows = table[values.notna() & ~values.isin(rule.usual)]
            if len(rows):
                yield column, rows


def _in_service(net: Any, name: str) -> pd.DataFrame:
    """Return the rows of a table that are in service; all where it does not say."""
    table = net.get(name)
    if not isinstance(table, pd.DataFrame):
        return pd.DataFrame()
    if "in_service" not in table:
        return table
    off = table["in_service"].isin((False, 0))
    return table[~off]


def _listed(index: Any) -> str:
    """Return the first of some rows, and that there are more."""
    rest = len(index) - NAMED
    return ", ".join(map(str, index[:NAMED])) + (f" and {rest} more" if rest > 0 else "")
