"""Units: kW, kvar, kWh, h and $/MWh outside, per unit inside the network formulations.

Every conversion of the package stands here.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, pi
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Quantity = TypeVar("Quantity", float, npt.NDArray[np.float64])

S_BASE_KVA = 1000.0
"""Three-phase apparent-power base of every per-unit network model, kVA."""

KWH_PER_MWH = 1000.0

KWH_PER_M3_K = 1.163
"""Heat that warms a cubic metre of water by one kelvin, kWh."""


def usd_per_kwh(price_usd_per_mwh: float) -> float:
    """Return a price in $/kWh from one in $/MWh."""
    return price_usd_per_mwh / KWH_PER_MWH


def mw_from_pu(power_pu: Quantity, s_base_mva: float) -> Quantity:
    """Return MW (Mvar) from a per-unit power on the base of its network."""
    return power_pu * s_base_mva


def ka_from_pu(current_pu: float, vn_kv: float, s_base_mva: float) -> float:
    """Return kA from a per-unit current at a nominal voltage."""
    return float(current_pu * s_base_mva / (3.0**0.5 * vn_kv))


def usd_per_puh(price_usd_per_mwh: Quantity, s_base_mva: float) -> Quantity:
    """Return a price in $ per per-unit power and hour from one in $/MWh."""
    return price_usd_per_mwh * s_base_mva


def kw_from_mw(power_mw: Quantity) -> Quantity:
    """Return kW (kvar) from MW (Mvar)."""
    return power_mw * 1000.0


def mw_from_kw(power_kw: Quantity) -> Quantity:
    """Return MW (Mvar) from kW (kvar)."""
    return power_kw / 1000.0


def ohm_base(vn_kv: float, s_base_kva: float) -> float:
    """Return the impedance base in ohm of a voltage and a three-phase power base."""
    return PerUnit(vn_kv, s_base_kva).z_base_ohm


def tie_loss_per_kva2(r_ohm: float, vn_kv: float) -> float:
    """Return the loss of a tie in kW per (kVA)^2 carried at nominal voltage, eq. (3).

    ``loss_kw = 3 R I^2`` with ``I = S / (sqrt(3) V)``, hence ``R S^2 / V^2``; kVA^2 / kV^2 * ohm
    is W * 1e0 / 1e0 in units of 1e6 / 1e6 V, leaving W, and 1e-3 turns it into kW.
    """
    return r_ohm / (vn_kv**2) * 1e-3


def branch_loss_per_kva2(z_ohm: float, v_kv: float) -> float:
    """Return what a branch takes in kW (kvar) per (kVA)^2 that it carries at a voltage in kV."""
    return tie_loss_per_kva2(z_ohm, v_kv)


def charging_kvar(b_us: float, v_kv: float) -> float:
    """Return what a line's susceptance delivers at a voltage: microsiemens times kV^2 is var."""
    return b_us * v_kv**2 * 1e-3


@dataclass(frozen=True)
class PerUnit:
    """Per-unit base of one voltage level."""

    vn_kv: float
    s_base_kva: float = S_BASE_KVA

    @property
    def z_base_ohm(self) -> float:
        """Impedance base, ohm."""
        return self.vn_kv**2 * 1000.0 / self.s_base_kva

    @property
    def i_base_a(self) -> float:
        """Current base, A."""
        return float(self.s_base_kva / (3.0**0.5 * self.vn_kv))

    def impedance_pu(self, z_ohm: float) -> float:
        """Return a per-unit impedance from ohm."""
        return z_ohm / self.z_base_ohm

    def susceptance_pu(self, b_us: float) -> float:
        """Return a per-unit susceptance from microsiemens."""
        return b_us * 1e-6 * self.z_base_ohm

    def susceptance_us(self, b_pu: float) -> float:
        """Return a susceptance in microsiemens from per unit."""
        return b_pu / self.z_base_ohm * 1e6

    def power_pu(self, power_kva: float) -> float:
        """Return a per-unit power from kVA (kW, kvar); also a current limit at nominal voltage."""
        return power_kva / self.s_base_kva

    def impedance_ohm(self, z_pu: Quantity) -> Quantity:
        """Return an impedance in ohm from per unit."""
        return z_pu * self.z_base_ohm

    def capacitance_nf(self, b_pu: Quantity, f_hz: float) -> Quantity:
        """Return the capacitance in nF whose susceptance at ``f_hz`` is given in per unit."""
        return b_pu / self.z_base_ohm / (2.0 * pi * f_hz) * 1e9

    def current_pu(self, i_ka: Quantity) -> Quantity:
        """Return a per-unit current from kA."""
        return i_ka * 1000.0 / self.i_base_a


_UNITS = {
    "_usd_per_mwh": "$/MWh",
    "_kw": "kW",
    "_kvar": "kvar",
    "_kwh": "kWh",
    "_kva": "kVA",
    "_kv": "kV",
    "_pu": "pu",
    "_ohm": "ohm",
    "_us": "microsiemens",
    "_usd": "$",
    "_h": "h",
    "_s": "s",
}

_FOREIGN_UNITS = {
    "_usd_per_kwh": ("_usd_per_mwh", "multiply by 1000"),
    "_eur_per_mwh": ("_usd_per_mwh", "convert EUR to $"),
    "_mwh": ("_kwh", "multiply by 1000"),
    "_wh": ("_kwh", "multiply by 0.001"),
    "_mw": ("_kw", "multiply by 1000"),
    "_w": ("_kw", "multiply by 0.001"),
    "_mvar": ("_kvar", "multiply by 1000"),
    "_var": ("_kvar", "multiply by 0.001"),
    "_mva": ("_kva", "multiply by 1000"),
    "_va": ("_kva", "multiply by 0.001"),
    "_v": ("_kv", "multiply by 0.001"),
    "_mohm": ("_ohm", "multiply by 0.001"),
    "_ohm_per_km": ("_ohm", "multiply by the length in km"),
    "_us_per_km": ("_us", "multiply by the length in km"),
    "_percent": ("", "multiply by 0.01"),
    "_pct": ("", "multiply by 0.01"),
    "_min": ("_h", "divide by 60"),
    "_minutes": ("_h", "divide by 60"),
}


@dataclass(frozen=True)
class ColumnUnit:
    """What a column of profiles holds, told by the end of its name.

    Attributes
    ----------
    suffix
        End of the name, empty for shares and factors, which have no unit.
    quantity
        What the values are, in words and in the plural.
    unit
        Their unit.
    least, most
        Range of values that are not nonsense, both ends included; every value is finite.
    """

    suffix: str
    quantity: str
    unit: str
    least: float
    most: float

    @property
    def span(self) -> str:
        """The range in words, such as ``0..1``."""
        return f"{self.least:g}..{self.most:g}"

    def holds(self, value: float) -> bool:
        """Return whether a finite value is within the range."""
        return self.least <= value <= self.most


PRICE = ColumnUnit("_usd_per_mwh", "prices", "$/MWh", -inf, inf)
"""Prices of a planning case; its check of magnitudes limits them."""

SHARE = ColumnUnit("", "shares of the rating", "", 0.0, 1.0)
"""Columns whose name ends in no unit."""

FACTOR = ColumnUnit("", "factors", "", 0.0, 1000.0)
"""Columns without a unit that a system knows by name and multiplies prices or powers with."""

COLUMN_UNITS = (
    PRICE,
    ColumnUnit("_kw", "powers", "kW", 0.0, 1e9),
    ColumnUnit("_per_kwh", "prices", "money per kWh", -1e4, 1e4),
    ColumnUnit("_kg_per_kwh", "intensities of emission", "kg/kWh", 0.0, 10.0),
    ColumnUnit("_c", "temperatures", "degrees Celsius", -90.0, 150.0),
    ColumnUnit("_m_per_s", "wind speeds", "m/s", 0.0, 120.0),
    ColumnUnit("_w_per_m2", "irradiances", "W/m2", 0.0, 2000.0),
)
"""Units of the columns of profiles. The ranges refuse what cannot be, often another unit:

- power: a terawatt, the limit of every key of a case in kW;
- price per kWh: ten million per MWh either way; prices of markets do fall below 0;
- intensity of emission: the dirtiest power plants emit about 1.5 kg/kWh; values in g are refused;
- temperature: the coldest air on record had -89.2 (Vostok, WMO archive of extremes), water of
  district heating may have 150; values in kelvin are refused;
- wind speed: the strongest gust on record had 113 m/s (Barrow Island, WMO archive of extremes);
- irradiance: 1361 W/m2 reach the atmosphere, and edges of clouds add up to a half for seconds.
"""


def column_unit(column: str) -> ColumnUnit:
    """Return what a column of profiles holds: the unit of the longest suffix, or shares."""
    fitting = [unit for unit in COLUMN_UNITS if column.endswith(unit.suffix)]
    return max(fitting, key=lambda unit: len(unit.suffix), default=SHARE)


def unit_of(name: str) -> str | None:
    """Return the unit that a data name ends in, ``kW`` for ``p_max_kw``."""
    units = {**_UNITS, **{unit.suffix: unit.unit for unit in COLUMN_UNITS}}
    suffix = max((end for end in units if name.endswith(end)), key=len, default="")
    return units.get(suffix)


def in_known_unit(name: str) -> tuple[str, str] | None:
    """Return a data name in the package's unit and how its values convert.

    ``p_max_mw`` gives ``("p_max_kw", "multiply by 1000")``; None where the unit is not a foreign
    one.
    """
    fitting = [suffix for suffix in (*_UNITS, *_FOREIGN_UNITS) if name.endswith(suffix)]
    suffix = max(fitting, key=len, default="")
    if suffix not in _FOREIGN_UNITS:
        return None
    known, how = _FOREIGN_UNITS[suffix]
    return name.removesuffix(suffix) + known, how
