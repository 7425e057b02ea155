"""The keyword spotter that was measured on Loihi, over how often its neurons spike; docs/models/spiking_chips.md.

Measured (Blouw et al., arXiv 1812.01739, table 1): 29 mW idle, 110 mW running, 296 inferences/s, 0.27 mJ each
without the idle power. Of the 81 mW between them about 70 mW stay when the network has run and rests (section on
data I/O). An inference is taken to be 10 steps.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simulator.experiment.experiment import load_experiment
from simulator.experiment.spikingrun import run_spiking
from simulator.report.runs import activity, dynamic_j

ROOT = Path(__file__).parent.parent.parent
INFERENCES = 20
#: pJ of hwconfigs/neuromorphic/loihi_1.yaml, of the actions that a run on one tile counts.
PRICES = {"synapse_dense": 35.5, "access": 51.2, "update": 21.6, "spike": 69.3, "axon_out": 111.0}
MEASURED_PER_S, MEASURED_J = 296, 0.27e-3
#: What is left of 110 mW running without 29 mW and without the 70 mW, per inference.
LEFT_J = (0.110 - 0.029 - 0.070) / MEASURED_PER_S


@pytest.fixture(scope="module")
def results():
    """Runs of the experiment, each of a fifth of its inferences."""
    shipped = load_experiment(ROOT / "reports" / "loihi_keyword_spotting" / "experiment.yaml")
    shorter = [replace(each, last={"workload.steps": 10 * INFERENCES}) for each in shipped.points]
    return list(replace(shipped, points=tuple(shorter)).results())


def table(results):
    """Activity, s, and J without static power, of one inference."""
    rows = [(activity(r), r.metrics.latency_s / INFERENCES, dynamic_j(r) / INFERENCES) for r in results]
    return np.array(rows).T


def test_more_spikes_take_longer_and_cost_more(results):
    asked = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1]
    rates, seconds, joules = table(results)
    assert rates == pytest.approx(asked, abs=0.005)
    for column in (rates, seconds, joules):
        assert (np.diff(column) > 0).all()
    rising = np.diff(joules) / np.diff(rates)
    assert rising == pytest.approx(rising.mean(), rel=0.02), "a fixed part, and one in proportion to spikes"


def test_energy_from_the_raster_by_hand(results):
    """At 5 %: a spike of a feature or of the first layer meets 256 synapses, one of the second 29."""
    result = results[2]
    spiking, steps = result.spiking, 10 * INFERENCES
    assert (spiking.steps, len(spiking.tiles)) == (steps, 1), "on one tile there are no hops"
    spikes = {each.name: each.spikes for each in spiking.populations}
    cores = {each.name: len(each.cores) for each in spiking.populations}
    synapses = 256 * (spikes["features"] + spikes["hidden_1"]) + 29 * spikes["hidden_2"]
    messages = sum(
        spikes[name] * cores[to]
        for name, to in (("features", "hidden_1"), ("hidden_1", "hidden_2"), ("hidden_2", "characters"))
    )
    counts = {
        "synapse_dense": synapses,
        "access": 931 * steps,
        "update": sum(spiking.per_step["updated"]),
        "spike": sum(spikes.values()),
        "axon_out": messages,
    }
    assert synapses == result.metrics.sops
    expected = sum(counts[name] * pj for name, pj in PRICES.items()) * 1e-12
    assert dynamic_j(result) == pytest.approx(expected, rel=1e-9)
    assert result.metrics.static_energy_j == pytest.approx(29e-3 * result.metrics.latency_s, rel=1e-6)


def test_what_the_measurement_would_mean(results):
    """No activity of 10 steps is 296/s or 0.27 mJ; what is left of the energy, 37 µJ, is every other neuron's."""
    rates, seconds, joules = table(results)
    assert seconds[-1] < 1 / MEASURED_PER_S
    assert joules[-1] < MEASURED_J / 4
    assert 0.55 < np.interp(LEFT_J, joules, rates) < 0.6
    power = joules / seconds
    assert ((power > 0.025) & (power < 0.036)).all(), "power of four cores hardly depends on activity"
    assert (power > 2 * (LEFT_J * MEASURED_PER_S)).all(), "so the chip waited for most of the time"


def test_what_power_means_depends_on_the_mapping():
    """On 12 cores power at 5 % is near the measured 81 mW: four cores' lower power alone refutes no activity."""
    settings = {
        "workload.rate": "0.05",
        "workload.steps": str(10 * INFERENCES),
        "workload.seed": "1",
        "mapping.tiles": 3,
    }
    result = run_spiking("neuromorphic/loihi_1", "spiking/keyword_spotting", overrides=settings)
    assert len(result.spiking.cores) == 12
    assert dynamic_j(result) / result.metrics.latency_s == pytest.approx(0.078, abs=0.004)
