"""NIR's N-MNIST and Braille networks on Loihi: they fit, and what their spikes cause is counted once, everywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simulator.experiment.spikingrun import run_spiking
from simulator.results.result import Result
from simulator.workload.load import load_spiking
from simulator.workload.spiking.drive import poisson
from simulator.workload.spiking.execute import execute_spikes

STEPS, RATE, SEED = 30, 0.1, 5
#: pJ per action of hwconfigs/neuromorphic/loihi_1.yaml.
PRICES = {
    "synapse_dense": 35.5, "synapse_sparse": 33.6, "synapse_conv": 24.0, "access": 51.2, "update": 21.6,
    "spike": 69.3, "axon_in": 0.0, "axon_out": 111.0, "hop_ew": 3.0, "hop_ns": 4.2, "barrier": 0.0,
    "read": 0.0, "write": 0.0,
}  # fmt: skip
#: What one core has.
LIMITS = {"neurons": 1024, "axons_in": 4096, "axons_out": 4096, "synapse_bytes": 128 * 1024}
FILES = ("02_cnn_cnn_sinabs", "braille_noDelay_bias_zero", "braille_noDelay_noBias_subtract")


@pytest.fixture(scope="module", params=FILES)
def ran(request, reference: Path):
    """What the network itself does on the chip's delays, and the run."""
    file = reference / "spiking" / "nir" / f"{request.param}.nir"
    network = load_spiking(file).delayed(1)
    activity = execute_spikes(network, poisson(network, STEPS, RATE, SEED))
    settings = {"steps": STEPS, "rate": RATE, "seed": SEED}
    result = run_spiking(
        "neuromorphic/loihi_1",
        file,
        overrides={f"workload.{name}": value for name, value in settings.items()},
    )
    return network, activity, result


def test_it_fits(ran):
    network, _, result = ran
    assert sum(core.neurons for core in result.spiking.cores) == network.computed.sum()
    for core in result.spiking.cores:
        for name, most in LIMITS.items():
            assert 0 <= getattr(core, name) <= most, (core.core, name)
    assert result.spiking.limits == LIMITS


def test_each_synapse_of_each_spike_is_gone_over_once(ran):
    network, activity, result = ran
    synapses = network.synapses
    held = network.computed[synapses.targets]
    fan_out = np.bincount(synapses.sources[held], minlength=network.neurons)
    caused = int((activity.counts * fan_out).sum())
    spiking = result.spiking
    assert caused > 0
    assert caused == result.metrics.sops
    assert caused == sum(core.sops for core in spiking.cores)
    assert caused == sum(each.sops for each in spiking.populations)
    assert caused == sum(spiking.sops())
    fired = activity.counts[network.computed]
    assert fired.sum() == result.metrics.spikes == sum(core.spikes for core in spiking.cores) > 0
    for each, run in zip(network.populations, spiking.populations, strict=True):
        assert run.spikes == activity.counts[each.neurons].sum(), each.name


def test_messages_leave_arrive_and_pass_links(ran):
    _, _, result = ran
    spiking = result.spiking
    messages = sum(spiking.per_step["messages"])
    assert messages == sum(core.messages_in for core in spiking.cores)
    assert sum(spiking.per_step["sent"]) == sum(core.messages_out for core in spiking.cores)
    assert sum(link.messages for link in spiking.links) == sum(spiking.hops())
    assert messages == sum(each.messages for each in spiking.populations)


def test_energy_is_counts_times_constants(ran):
    _, _, result = ran
    expected = static = 0.0
    for _, action, count in result.ledger.totals():
        if action == "static":
            static += count
        else:
            expected += count * PRICES[action]
    assert result.metrics.energy_complete
    without = result.metrics.energy_j - result.metrics.static_energy_j
    assert without == pytest.approx(expected * 1e-12, rel=1e-9)
    assert result.metrics.static_energy_j == pytest.approx(29e-3 * result.metrics.latency_s, rel=1e-5)
    totals = _counted(result)
    spiking = result.spiking
    assert totals["access"] == STEPS * sum(core.neurons for core in spiking.cores)
    assert totals["barrier"] == STEPS
    for action, column in (
        ("update", "updated"),
        ("spike", "fired"),
        ("axon_in", "messages"),
        ("axon_out", "sent"),
    ):
        assert totals[action] == sum(spiking.per_step[column]), action


def _counted(result: Result) -> dict[str, int]:
    return {action: count for component, action, count in result.ledger.totals() if action in PRICES}


def test_time_is_that_of_the_steps(ran):
    _, _, result = ran
    spiking = result.spiking
    assert sum(spiking.per_step["time_fs"]) == sum(row.exposed_fs for row in result.rows)
    assert result.metrics.latency_s == pytest.approx(sum(spiking.per_step["time_fs"]) * 1e-15, rel=1e-12)
    times = np.array(spiking.per_step["time_fs"])
    assert (times >= np.array(spiking.per_step["slowest_fs"]) + spiking.barrier_fs).all()
    barriers = {1: 600, 2: 1000, 3: 1000, 4: 1400}
    assert spiking.barrier_fs == barriers[len(spiking.tiles)] * 10**6


def test_without_shared_weights_the_convolutions_take_more_cores(reference: Path):
    """Each tap of each pixel a synapse of its own: 2.1 MiB on 28 cores in place of 176 KiB on 12; it fits as well."""
    file = reference / "spiking" / "nir" / f"{FILES[0]}.nir"
    given = {"workload.steps": 5, "workload.rate": RATE}
    shared = run_spiking("neuromorphic/loihi_1", file, overrides=given)
    sparse = run_spiking(
        "neuromorphic/loihi_1", file, overrides={**given, "mapping.populations.*.synapses": "sparse"}
    )
    assert sparse.metrics.sops == shared.metrics.sops > 0
    assert sparse.metrics.spikes == shared.metrics.spikes > 0
    bytes_of = [sum(core.synapse_bytes for core in each.spiking.cores) for each in (shared, sparse)]
    assert bytes_of[1] == 2 * 1_122_848, "16 bits each"
    assert bytes_of[0] < bytes_of[1] / 10
    assert len(sparse.spiking.cores) > 2 * len(shared.spiking.cores)
    assert max(core.synapse_bytes for core in sparse.spiking.cores) <= LIMITS["synapse_bytes"]
