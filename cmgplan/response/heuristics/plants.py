"""Engines and plants of heat: how much of what they may deliver, under Emax and their ratings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.devices import CombinedHeatPower, Flows, Forecasts, GasBoiler
from cmgplan.devices.base import OFF_KW
from cmgplan.devices.electric_boiler import ElectricHeat
from cmgplan.homes.case.records import HomesCase
from cmgplan.response.case.emission import ALLOWED_KG, Burner, curve_of, output_range_kw
from cmgplan.response.heuristics.genes import Slot, gene_of, share_between, share_of
from cmgplan.response.model.penalty import Penalties


@dataclass(frozen=True)
class Curves:
    """Emission of a plant by hour: ``square P^2 + linear P + fixed`` kg/h while it is on.

    Arrays of shape (T, 1). Response eqs. (57) and (65).
    """

    square: FloatArray
    linear: FloatArray
    fixed: FloatArray

    @classmethod
    def of(cls, case: HomesCase, device: Burner) -> Curves:
        """Return the curves of a plant, those of its gas where it has none of its own."""
        curves = [curve_of(case, device, t) for t in range(case.hours)]
        square, linear, fixed = (
            np.array([[getattr(curve, name)] for curve in curves])
            for name in ("square", "linear", "fixed")
        )
        return cls(square, linear, fixed)

    def at(self, t: int) -> Curves:
        """Return the curve of hour t, arrays of shape (1,)."""
        return Curves(self.square[t], self.linear[t], self.fixed[t])

    def kg_per_h(self, output_kw: FloatArray, on: BoolArray) -> FloatArray:
        """Return emissions of outputs, shape (T, points) or of one hour (points,)."""
        output = np.maximum(output_kw, 0.0)
        return np.asarray((self.square * output + self.linear) * output + self.fixed * on)

    def most_kw(
        self, limit_kg_per_h: FloatArray, least_kw: float, most_kw: float
    ) -> tuple[BoolArray, FloatArray]:
        """Return whether a plant may be on under limits, and its greatest output then.

        Broadcasts limits of shape (T, points) or (points,).
        """
        everywhere = np.ones(np.shape(limit_kg_per_h), dtype=np.bool_)
        may = self.kg_per_h(np.array(least_kw), everywhere) <= limit_kg_per_h + ALLOWED_KG
        free = self.kg_per_h(np.array(most_kw), everywhere) <= limit_kg_per_h
        room = np.maximum(limit_kg_per_h - self.fixed, 0.0)
        slope = self.linear + np.sqrt(self.linear**2 + 4.0 * self.square * room)
        root = 2.0 * room / np.maximum(slope, 1e-300)
        return may, np.where(free, most_kw, np.clip(root, least_kw, most_kw))


class EnginePart:
    """A CHP: off below a threshold, from there between its least and its greatest output.

    One that may run at any output from zero has no threshold. Response eqs. (50)-(59).
    """

    def __init__(self, case: HomesCase, device: CombinedHeatPower, slot: Slot) -> None:
        self.device, self.slot, self._curves = device, slot, Curves.of(case, device)
        self._range = output_range_kw(device)
        gas = case.file.gas
        self._gas_kg = case.series(0.0 if gas is None else gas.emission_kg_per_kwh)

    def run(
        self, genes: FloatArray, limit_kg_per_h: FloatArray | None
    ) -> tuple[FloatArray, FloatArray]:
        """Return gas in kW and emission in kg/h, each of shape (T, points).

        ``limit_kg_per_h`` is what of Emax is left, shape (T, points).
        """
        device, gene = self.device, self.slot.of(genes)
        least, most = np.array(device.fuel_min_kw), np.array(device.fuel_max_kw)
        on = np.ones(gene.shape, dtype=np.bool_)
        if limit_kg_per_h is not None:
            on, output = self._curves.most_kw(limit_kg_per_h, *self._range)
            fuel = (output - device.offset_kw) / device.efficiency_electric
            most = np.clip(fuel, least, most)
        share = gene
        if device.on_or_off:
            wanted, share = share_of(gene)
            on = on & wanted
        fuel = np.where(on, least + share * (most - least), 0.0)
        fuel = np.where(fuel > device.off_kw, fuel, 0.0)
        return fuel, self.kg_per_h(fuel)

    def kg_per_h(self, fuel_kw: FloatArray) -> FloatArray:
        """Return the emission of gas in kW, kg/h, each of shape (T, points)."""
        if self.device.emission is None:
            return np.asarray(self._gas_kg[:, None] * fuel_kw)
        return self._curves.kg_per_h(self.p_kw(fuel_kw), fuel_kw > 0.0)

    def p_kw(self, fuel_kw: FloatArray) -> FloatArray:
        """Return electricity of gas, kW."""
        device = self.device
        return np.where(fuel_kw > 0.0, device.efficiency_electric * fuel_kw + device.offset_kw, 0.0)

    def encode(self, flows: Flows, limit_kg_per_h: FloatArray | None) -> FloatArray:
        """Return the coordinates of a dispatch, shape (T,); the limit is of shape (T,)."""
        device, fuel = self.device, flows.fuel_kw
        least, most = np.full_like(fuel, device.fuel_min_kw), np.full_like(fuel, device.fuel_max_kw)
        if limit_kg_per_h is not None:
            _, output = self._curves.most_kw(limit_kg_per_h[:, None], *self._range)
            cap = (output[:, 0] - device.offset_kw) / device.efficiency_electric
            most = np.clip(cap, least, most)
        if not device.on_or_off:
            return np.where(fuel > 0.0, share_between(fuel, least, most), 0.0)
        return gene_of(fuel > device.off_kw, share_between(fuel, least, most))


class HeatPart:
    """A boiler or a heat pump, which fills what heat is short.

    Where several could, each has coordinates for the share of its rating that it delivers first.
    ``per_heat`` is by hour what a kWh of its heat costs, shape (T,): the cheapest fill first.
    """

    def __init__(
        self,
        case: HomesCase,
        device: GasBoiler | ElectricHeat,
        home: int,
        slot: Slot | None,
        penalties: Penalties,
    ) -> None:
        self.device, self.home, self.slot = device, home, slot
        self.key = (case.ids[home], device.id)
        h = case.forecasts()
        self.ratio = device.heat_per_power(h) if isinstance(device, ElectricHeat) else None
        self.curves = None if isinstance(device, ElectricHeat) else Curves.of(case, device)
        self.per_kg = case.file.response.emission_weight * penalties.of_device(*self.key)
        self.per_heat = self._per_heat(case, h)
        self.heat_kw: list[FloatArray] = []
        self.cap_kw: FloatArray = np.zeros((case.hours, 0))

    def _per_heat(self, case: HomesCase, h: Forecasts) -> FloatArray:
        """Return what heat costs by hour, currency/kWh, shape (T,), emission at half output."""
        if self.ratio is not None:
            retailer = case.file.retailer
            buy = case.series(0.0 if retailer is None else retailer.buy_per_kwh)
            return np.asarray(buy / self.ratio)
        gas, most = case.file.gas, self.device.heat_max_kw
        price = h.series(0.0 if gas is None else gas.price_per_kwh)
        efficiency = self.device.efficiency if isinstance(self.device, GasBoiler) else 1.0
        c = self.curves
        emission = 0.0 if c is None else (c.square * most / 2 + c.linear)[:, 0]
        return np.asarray(price / efficiency + self.per_kg * emission)

    def begin(self, emission_left: FloatArray | None, points: int) -> None:
        """Begin a day; ``emission_left`` is what engines leave of Emax, kg/h, (T, points)."""
        self.heat_kw = []
        rating = self.device.heat_max_kw
        self.cap_kw = np.full((len(self.per_heat), points), rating)
        if emission_left is not None and self.curves is not None:
            may, most = self.curves.most_kw(emission_left, 0.0, rating)
            self.cap_kw = np.where(may, most, 0.0)

    def most_kw(self, t: int, limit_kg_per_h: FloatArray | None) -> FloatArray:
        """Return the most heat in hour t under what of Emax is left, shape (points,)."""
        if limit_kg_per_h is None or self.curves is None:
            return np.asarray(self.cap_kw[t])
        may, most = self.curves.at(t).most_kw(limit_kg_per_h, 0.0, self.device.heat_max_kw)
        return np.where(may, most, 0.0)

    def kg_per_h(self, t: int, heat_kw: FloatArray) -> FloatArray:
        """Return the emission in hour t, kg/h, shape (points,)."""
        if self.curves is None:
            return np.zeros_like(heat_kw)
        return self.curves.at(t).kg_per_h(heat_kw, heat_kw > OFF_KW)

    def drawn_kw(self, t: int, heat_kw: FloatArray) -> FloatArray | float:
        """Return the electricity drawn in hour t, kW."""
        return 0.0 if self.ratio is None else heat_kw / float(self.ratio[t])

    def fuel_kw(self, heat_kw: FloatArray) -> FloatArray:
        """Return the gas burnt, kW."""
        if isinstance(self.device, GasBoiler):
            return np.asarray(heat_kw / self.device.efficiency)
        return np.zeros_like(heat_kw)

    def encode(self, flows: Flows) -> FloatArray:
        """Return the coordinates of a dispatch, shape (T,)."""
        return np.clip(flows.heat_kw / max(self.device.heat_max_kw, 1e-12), 0.0, 1.0)
