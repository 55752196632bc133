"""The block of one device as arrays: a dispatch put in, and what it breaks read off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.repn import generate_standard_repn

from cmgplan.arrays import FloatArray
from cmgplan.devices import Device, Flows, Forecasts
from cmgplan.solve.matrix_form import matrix_form

CLEAR = 2e-3
"""Excess over which every limit counts as broken; one between it and NOISE is not judged."""
NOISE = 1e-7

Broken = dict[tuple[str, int], float]
"""Excess by name of row or bound, and hour; -1 where it has none."""


class DeviceBlock:
    """A device's block with columns for its variables and weights for its expressions."""

    def __init__(self, device: Device, h: Forecasts) -> None:
        self.h = h
        self.model = pyo.ConcreteModel()
        self.model.device = pyo.Block()
        self.block = self.model.device
        device.add_to(self.block, h)
        # A variable that stands alone in the model still needs a column, and a row for Pyomo.
        self.variables = list(self.block.component_data_objects(pyo.Var))
        self.form = matrix_form(self.model, self.variables)
        self.matrix = self.form.rows.matrix.toarray()
        self._expressions: dict[str, tuple[FloatArray, FloatArray]] = {}

    def columns(self, name: str) -> list[int]:
        variable = self.block.component(name)
        return [self.form.column(variable[t]) for t in self.h.steps]

    def has(self, name: str) -> bool:
        component = self.block.component(name)
        return component is not None and component.ctype is pyo.Var

    def point(
        self, values: Mapping[str, FloatArray], follows: Mapping[str, str] | None = None
    ) -> FloatArray:
        """Return the columns for a dispatch; what ``follows`` from it solves rows of a name."""
        x = np.zeros(len(self.form.variables))
        for name, series in values.items():
            x[self.columns(name)] = series
        for name, rows in (follows or {}).items():
            columns = self.columns(name)
            at = [k for k, row in enumerate(self.form.constraints) if self._row(k)[0] == rows]
            assert len(at) == len(columns), rows
            rest = self.form.rows.lower[at] - self.matrix[at] @ np.where(
                np.isin(np.arange(len(x)), columns), 0.0, x
            )
            x[columns] = np.linalg.solve(self.matrix[np.ix_(at, columns)], rest)
        return x

    def expression(self, name: str, x: FloatArray) -> FloatArray:
        """Return the values of a component at a point, shape (T,), or (1,) of a scalar."""
        if name not in self._expressions:
            component = self.block.component(name)
            entries = [component[t] for t in self.h.steps] if component.is_indexed() else None
            self._expressions[name] = self._weights(entries or [component])
        weights, constant = self._expressions[name]
        return np.asarray(weights @ x + constant)

    def _weights(self, entries: list[Any]) -> tuple[FloatArray, FloatArray]:
        weights = np.zeros((len(entries), len(self.form.variables)))
        constant = np.zeros(len(entries))
        for k, entry in enumerate(entries):
            linear = generate_standard_repn(entry)
            assert linear.is_linear()
            constant[k] = linear.constant
            for variable, factor in zip(linear.linear_vars, linear.linear_coefs, strict=True):
                weights[k, self.form.column(variable)] += factor
        return weights, constant

    def flows(self, x: FloatArray) -> Flows:
        """Return what a point gives and takes; the block of a planning device has no heat."""
        found = (
            np.zeros(self.h.hours)
            if self.block.component(name) is None
            else self.expression(name, x)
            for name in ("p_inj", "q_inj", "heat_inj", "fuel")
        )
        return Flows(*found)

    def broken(self, x: FloatArray) -> Broken:
        """Return rows, bounds and integrality that a point breaks by more than noise."""
        found: Broken = {}
        activity = self.matrix @ x
        excess = np.maximum(self.form.rows.lower - activity, activity - self.form.rows.upper)
        for k in np.flatnonzero(excess > NOISE):
            found[self._row(int(k))] = float(excess[k])
        for side, over in (("low", self.form.lower - x), ("high", x - self.form.upper)):
            for k in np.flatnonzero(over > NOISE):
                name, t = _name(self.form.variables[k])
                found[f"{name} {side}", t] = float(over[k])
        for k in np.flatnonzero(self.form.integer):
            over = abs(float(x[k]) - round(float(x[k])))
            if over > NOISE:
                found["integer", _name(self.form.variables[k])[1]] = over
        return found

    def _row(self, k: int) -> tuple[str, int]:
        return _name(self.form.constraints[k][0])


def _name(component: Any) -> tuple[str, int]:
    index = component.index()
    return component.parent_component().local_name, -1 if index is None else int(index)
