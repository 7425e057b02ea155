"""Kernels do what plain numpy says, to the last bit; windows join; nothing depends on how a file is ordered."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spiking_cases import PARAMETERS, arrays, load

from simulator.workload.spiking.drive import poisson
from simulator.workload.spiking.execute import SpikeActivity, execute_spikes
from simulator.workload.spiking.network import SpikingNetwork

MODELS = sorted(PARAMETERS)


def drawn(model: str, seed: int, n: int, delays: int) -> SpikingNetwork:
    with tempfile.TemporaryDirectory() as folder:
        return load(arrays(model, np.random.default_rng(seed), n, delays), Path(folder))


def same(first: SpikeActivity, second: SpikeActivity) -> None:
    """Equal to the last bit."""
    for name in ("spike_steps", "spike_neurons", "counts", "updated"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name
    for name, values in first.traces.items():
        assert np.array_equal(values, second.traces[name]), name
    for name, values in first.state.variables.items():
        assert np.array_equal(values, second.state.variables[name]), name
    assert np.array_equal(first.state.rest, second.state.rest)
    assert np.array_equal(first.state.inbox, second.state.inbox)


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    n=st.sampled_from([1, 7, 40, 300]),
    delays=st.sampled_from([1, 2, 6]),
    rate=st.sampled_from([0.0, 0.05]),
    single=st.booleans(),
    grouped=st.booleans(),
)
def test_kernels_equal_plain_numpy(model, seed, n, delays, rate, single, grouped):
    network = drawn(model, seed, n, delays)
    inputs = poisson(network, 40, rate, seed) if rate else None
    options = {
        "steps": 40,
        "traced": np.arange(0, n, 3),
        "groups": np.arange(n) % 5 - 1 if grouped else None,
        "precision": "float32" if single else "float64",
    }
    same(
        execute_spikes(network, inputs, **options), execute_spikes(network, inputs, readable=True, **options)
    )


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**16), delays=st.sampled_from([1, 6]), cut=st.integers(1, 59))
def test_two_windows_are_one_run(model, seed, delays, cut):
    network = drawn(model, seed, 40, delays)
    forced = poisson(network, 60, 0.03, seed)["spikes"]
    groups = np.arange(40) % 3
    whole = execute_spikes(network, {"spikes": forced}, groups=groups)
    first = execute_spikes(network, {"spikes": forced[:cut]}, groups=groups)
    second = execute_spikes(network, {"spikes": forced[cut:]}, groups=groups, state=first.state)
    for name in ("spike_steps", "spike_neurons", "updated"):
        joined = np.concatenate([getattr(first, name), getattr(second, name)])
        assert np.array_equal(getattr(whole, name), joined)
    assert np.array_equal(whole.counts, first.counts + second.counts)
    for name, values in whole.state.variables.items():
        assert np.array_equal(values, second.state.variables[name])


@pytest.mark.parametrize("model", ["cuba_int", "loihi", "sanafe_lif"])
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_sums_of_integers_do_not_depend_on_the_order_of_synapses(model, seed):
    made = arrays(model, np.random.default_rng(seed))
    order = np.random.default_rng(seed + 1).permutation(len(made["pre"]))
    other = made | {name: made[name][order] for name in ("pre", "post", "w", "delay")}
    with tempfile.TemporaryDirectory() as folder:
        first, second = (execute_spikes(load(each, Path(folder))) for each in (made, other))
    assert np.array_equal(first.spike_steps, second.spike_steps)
    assert np.array_equal(first.spike_neurons, second.spike_neurons)


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**16), delays=st.sampled_from([1, 6]))
def test_every_spike_arrives_once_at_every_target(model, seed, delays):
    """Without decay and threshold, what a neuron holds is the sum of the weights that came to it in time."""
    network = drawn("if", seed, 40, delays)
    quiet = network.parameters | {
        "threshold": np.full(40, 1e9), "leak": np.ones(40), "bias": np.zeros(40), "soft": np.ones(40, bool),
        "refractory": np.zeros(40, int),
    }  # fmt: skip
    object.__setattr__(network, "parameters", quiet)
    forced = poisson(network, 30, 0.1, seed)["spikes"]
    ran = execute_spikes(network, {"spikes": forced})
    came = np.zeros(40)
    synapses = network.synapses
    for source, target, weight, delay in zip(
        synapses.sources, synapses.targets, synapses.weights, synapses.delays, strict=True
    ):
        came[target] += weight * forced[: 30 - delay, source].sum()
    came -= 1e9 * forced.sum(axis=0)
    assert np.allclose(ran.state.variables["v"], came, rtol=0, atol=1e-3)
