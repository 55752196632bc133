"""Losses of the branch-flow relaxation never exceed those of AC; those at nominal voltage do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_formulations import relaxed_loss, with_limits
from test_network import network

from cmgplan.arrays import FloatArray
from cmgplan.network.feeder import Feeder, oriented
from cmgplan.network.powerflow import PowerFlow, power_flow

SLACKS_PU = (0.92, 1.0, 1.08)
SEEDS = range(8)


def random_flow(slack_pu: float, seed: int) -> tuple[Feeder, FloatArray, FloatArray, PowerFlow]:
    """Return a feeder with its limits drawn round the AC state of random injections."""
    feeder, p_kw, q_kvar = network("case15da")
    feeder = replace(feeder, v_slack_pu=slack_pu)
    rng = np.random.default_rng(seed)
    p_kw = rng.uniform(-1.2, 1.2, p_kw.shape) * p_kw
    q_kvar = rng.uniform(-0.6, 0.6, q_kvar.shape) * q_kvar
    flow = power_flow(feeder, p_kw, q_kvar)
    assert flow.converged.all()
    return oriented(with_limits(feeder, flow)), p_kw, q_kvar, flow


def loss_at_nominal_voltage_kw(feeder: Feeder, flow: PowerFlow) -> float:
    """Return the sum of r (P^2 + Q^2) / 1^2 over the branch flows of an AC state."""
    v = flow.v_pu[0] * np.exp(1j * flow.angle_rad[0])
    sending = v[feeder.from_bus]
    current = (sending - v[feeder.to_bus]) / (feeder.r_pu + 1j * feeder.x_pu)
    power = sending * np.conj(current)
    true_kw = float(feeder.r_pu @ np.abs(current) ** 2) * 1e3
    assert true_kw == pytest.approx(flow.loss_kw[0], rel=1e-5)
    return float(feeder.r_pu @ np.abs(power) ** 2) * 1e3


@pytest.mark.parametrize("slack_pu", SLACKS_PU)
@pytest.mark.parametrize("seed", SEEDS)
def test_relaxed_loss_is_at_most_the_ac_loss(slack_pu: float, seed: int) -> None:
    feeder, p_kw, q_kvar, flow = random_flow(slack_pu, seed)
    least = relaxed_loss(feeder, p_kw, q_kvar)
    assert least is not None  # the relaxation contains the AC state
    assert least <= flow.loss_kw[0] * (1.0 + 1e-6) + 1e-6
    assert least >= 0.9 * flow.loss_kw[0]


def test_loss_at_nominal_voltage_would_be_no_bound() -> None:
    """Over 1 pu it exceeds the AC loss by some V^2 - 1, and would cut off what is feasible."""
    excess = {}
    for slack_pu in SLACKS_PU:
        feeder_flows = [random_flow(slack_pu, seed) for seed in SEEDS]
        excess[slack_pu] = [
            loss_at_nominal_voltage_kw(feeder, flow) / flow.loss_kw[0] - 1.0
            for feeder, _, _, flow in feeder_flows
        ]
    assert min(excess[1.08]) > 0.1
    assert max(excess[0.92]) < 0.0
