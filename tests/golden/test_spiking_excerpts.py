"""Excerpts of the reference runs of spiking networks, as facts, so that a clone alone checks something."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spiking_cases import load

from simulator.workload.spiking.execute import execute_spikes
from simulator.workload.spiking.layers import RELAY, Layer, Link, assemble
from simulator.workload.spiking.linear import identity

FACTS: dict[str, Any] = json.loads((Path(__file__).parent / "spiking.json").read_text())


def network(name: str, folder: Path):
    """The network of a reference: its file has a source per synapse, the excerpt a number per source."""
    made = dict(FACTS[name]["net"])
    fan_out = made.pop("fan_out")
    return load({"pre": np.repeat(np.arange(len(fan_out)), fan_out), **made}, folder)


@pytest.fixture(params=["compiled", "readable"])
def readable(request) -> bool:
    return request.param == "readable"


def test_integers(tmp_path, readable):
    facts = FACTS["lif_int_200"]
    ran = execute_spikes(network("lif_int_200", tmp_path), steps=100, traced=range(16), readable=readable)
    assert np.diff(ran.offsets).tolist() == facts["spikes_per_step"]
    assert ran.spike_neurons.tolist() == facts["spike_n"]
    assert ran.traces["v"][-1].tolist() == facts["v_99"]


def test_brian2(tmp_path, readable):
    facts = FACTS["brian2_cuba_euler_200"]
    ran = execute_spikes(network("brian2_cuba_euler_200", tmp_path), steps=2000, readable=readable)
    assert ran.spike_steps.tolist() == facts["spike_step"]
    assert ran.spike_neurons.tolist() == facts["spike_n"]


def test_sanafe(tmp_path, readable):
    facts, net = FACTS["sanafe_random200"], network("sanafe_random200", tmp_path)
    ran = execute_spikes(net, steps=200, groups=np.zeros(200), readable=readable)
    assert np.diff(ran.offsets).tolist() == facts["fired"]
    assert ran.updated[:, 0].tolist() == facts["updated"]
    events = np.bincount(ran.spike_steps, net.synapses.fan_out[ran.spike_neurons], 200)
    assert events.tolist() == facts["spikes"]


def test_one_neuron_by_euler_and_on_silicon(tmp_path, readable):
    """Steps of 0.1 ms, and Loihi's integers, in which a spike arrives one step later."""
    facts = FACTS["one_lif"]
    x = np.zeros((1000, 1))
    x[facts["input"]] = 1
    share = 1e-4 / facts["tau"]
    lif = {"keep": 1 - share, "gain": share, "threshold": facts["threshold"]}
    layers = [Layer("x", (1,), "input", False, RELAY), Layer("lif", (1,), parameters=lif)]
    euler = assemble("one", layers, [Link("x", "lif", identity((1,)))], {"y": "lif"})
    ran = execute_spikes(euler, {"x": x}, readable=readable)
    assert ran.spike_steps[ran.spike_neurons == 1].tolist() == facts["exact"]
    made = {
        "model": "loihi", "N": 2, "pre": [0], "post": [1], "w": [10], "du": 4096, "dv": int(share * 4096), "vth": 25,
    }  # fmt: skip
    ran = execute_spikes(
        load(made, tmp_path), {"spikes": np.hstack([x, x * 0])}, traced=[1], readable=readable
    )
    assert ran.spike_steps[ran.spike_neurons == 1].tolist() == facts["silicon"]
    assert ran.traces["v"][60:130, 0].tolist() == facts["silicon_v"]
