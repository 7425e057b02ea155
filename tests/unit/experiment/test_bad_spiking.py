"""Wrong input for spiking chips: where it stands, what was expected, what came; exit 2, and nothing is left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

LOIHI = "neuromorphic/loihi_1"
GOOD: dict[str, Any] = {
    "model": "loihi", "N": 6, "steps": 10, "pre": [0, 1, 2], "post": [3, 4, 5], "w": [1, 2, 3], "delay": [1, 1, 1],
    "vth": 100, "du": 4096, "dv": 100,
}  # fmt: skip
REAL = {"model": "sanafe_lif", "threshold": 1.0, "vth": None, "du": None, "dv": None}
NO_SYNAPSES: dict[str, Any] = dict.fromkeys(("pre", "post", "w", "delay"), np.zeros(0, np.int64))
MANY = {key: np.zeros(6000, np.int64) + (key in ("w", "delay")) for key in ("post", "w", "delay")}

Nodes = dict[str, dict[str, Any]]
NODES: Nodes = {
    "input": {"type": "Input", "shape": [2]},
    "a": {"type": "Affine", "weight": np.ones((3, 2)), "bias": np.zeros(3)},
    "l": {
        "type": "LIF", "tau": np.full(3, 0.01), "r": np.ones(3), "v_leak": np.zeros(3), "v_threshold": np.ones(3),
        "v_reset": np.zeros(3),
    },
    "output": {"type": "Output", "shape": [3]},
}  # fmt: skip
EDGES = [("input", "a"), ("a", "l"), ("l", "output")]
PRIMITIVES = (
    "Input, Output, Affine, Linear, Scale, Conv1d, Conv2d, SumPool2d, AvgPool2d, Flatten, Delay, Threshold, I, IF, "
    "LI, LIF, CubaLI, CubaLIF, NIRGraph"
)


def npz(folder: Path, **change: Any) -> Path:
    """The good network with some keys changed, or without those that are None."""
    path = folder / "net.npz"
    np.savez(path, **{key: np.asarray(value) for key, value in (GOOD | change).items() if value is not None})
    return path


def nir(folder: Path, nodes: dict[str, dict[str, Any]], edges: list[tuple[str, str]]) -> Path:
    """The good NIR network with fields of nodes changed, nodes added, and other edges."""
    path = folder / "net.nir"
    with h5py.File(path, "w") as file:
        graph = file.create_group("node")
        graph["type"] = "NIRGraph"
        group = graph.create_group("nodes")
        for name in dict.fromkeys((*NODES, *nodes)):
            fields = NODES.get(name, {}) | nodes.get(name, {})
            for key, value in fields.items():
                if value is not None:
                    group[f"{name}/{key}"] = value
        graph.create_dataset("edges", data=np.array(edges, dtype=object), dtype=h5py.string_dtype())
    return path


def refused(chipsim, files, message: str, *arguments: object) -> None:
    """Exit 2 with the message, and no file that was not there."""
    before = files()
    outcome = chipsim("run", *arguments)
    said = [line for line in outcome.err.splitlines() if not line.startswith(("mapping ", "executing "))]
    assert outcome.code == 2, outcome.err
    assert any(line.endswith(message) for line in said), said
    assert "Traceback" not in outcome.err
    assert outcome.out == ""
    assert files() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"N": 140_000},
         "loihi_1.yaml:24:5: cores.core.neurons: 'net' does not fit: its 140000 neurons need 137 cores of 1024, "
         "the chip has 128"),
        ({"N": 6001, "pre": np.arange(1, 6001), **MANY},
         "loihi_1.yaml:25:5: cores.core.axons_in: neuron 0 of 'neurons' takes 6000 axons in (neurons that it hears); "
         "a core has 4096"),
        ({"N": 2000, "core_id": np.zeros(2000, np.int64)},
         "loihi_1.yaml:24:5: cores.core.neurons: 'net' does not fit: core 0 would take 2000 neurons, a core has 1024"),
        ({"core_id": [0, 0, 0, 0, 0, 128]}, "net.npz: core_id[5]: expected a core of loihi_1, 0 to 127, got 128"),
        ({"core_id": [0.5] * 6}, "net.npz: core_id[0]: expected a whole number, got 0.5 (and 5 more)"),
        ({"core_id": [0] * 5},
         "net.npz: core_id: expected a number or 6 of them, one per neuron, got an array of shape [5]"),
        ({**REAL, "w": [1.0, np.nan, 1.0]}, "net.npz: w[1]: expected a finite number, got nan"),
        ({**REAL, "w": [1.0, 1.0, np.inf]}, "net.npz: w[2]: expected a finite number, got inf"),
        ({"w": [1, 2, 256]}, "net.npz: w[2]: expected -256 to 255, got 256"),
        ({"w": [1.5, 2, 3]}, "net.npz: w[0]: expected a whole number, got 1.5"),
        ({"delay": [1, 1, 64]}, "net.npz: delay[2]: expected 1 to 63, got 64"),
        ({"delay": [1, 1, 0]}, "net.npz: delay[2]: expected 1 to 63, got 0"),
        ({"post": [3, 4, 6]}, "net.npz: post[2]: expected 0 to 5, got 6"),
        ({"pre": [-1, 1, 2]}, "net.npz: pre[0]: expected 0 to 5, got -1"),
        ({"w": [1, 2]}, "net.npz: w: expected 3 numbers, one per synapse as in `pre`, got an array of shape [2]"),
        ({"model": "lif"},
         "net.npz: model: expected one of cuba_int, loihi, sanafe_lif, cuba_euler, if, layered, got 'lif'; "
         "did you mean 'if'?"),
        ({"vth": None, "thresold": 5}, "net.npz: thresold: unknown key; did you mean 'threshold'?"),
        ({"N": 0, **NO_SYNAPSES}, "net.npz: N: expected at least 1, got 0"),
        ({"steps": 10**12},
         "net.npz: steps: expected at most 1000000 steps of a run on a chip, got 1000000000000"),
        ({"steps": None},
         "net.npz: nothing says how many steps: the network has no `steps`; give --set workload.steps=100"),
    ],
)  # fmt: skip
def test_arrays(chipsim, files, tmp_path, change, message):
    refused(chipsim, files, message, LOIHI, npz(tmp_path, **change).name)


@pytest.mark.parametrize(
    ("nodes", "edges", "message"),
    [
        ({"l": {"type": "HodgkinHuxley"}}, EDGES,
         f"net.nir: l: expected one of NIR's primitives ({PRIMITIVES}), got 'HodgkinHuxley'"),
        ({"l": {"type": "LIIF"}}, EDGES,
         f"net.nir: l: expected one of NIR's primitives ({PRIMITIVES}), got 'LIIF'; did you mean 'LIF'?"),
        ({"a": {"weight": [[1, np.nan], [1, 1], [1, 1]]}}, EDGES,
         "net.nir: a.weight[0, 1]: expected a finite number, got nan"),
        ({"l": {"v_threshold": [1, np.nan, 1]}}, EDGES,
         "net.nir: l.v_threshold[1]: expected a finite number, got nan"),
        ({"l": {"tau": np.zeros(3)}}, EDGES, "net.nir: l.tau: expected times above 0, got 0"),
        ({"a": {"weight": None}}, EDGES, "net.nir: a.weight: missing; Affine has it"),
        ({"a": {"weight": np.ones((4, 2)), "bias": np.zeros(4)}}, EDGES,
         "net.nir: l: expected an input of shape [3], got [4]"),
        ({}, [*EDGES, ("l", "b")], "net.nir: edges: edge l -> b: there is no node 'b'"),
        ({}, [("inputt", "a"), *EDGES[1:]],
         "net.nir: edges: edge inputt -> a: there is no node 'inputt'; did you mean 'input'?"),
        ({}, EDGES[:2], "net.nir: output: expected an edge that leads to it, got none"),
        ({"d": {"type": "Delay", "delay": np.ones(3)}}, [("input", "a"), ("a", "d"), ("d", "l"), ("l", "output")],
         "net.nir: d: expected delays of at most 1023 steps, got 10000 of 0.0001 s"),
        ({"d": {"type": "Delay", "delay": -np.ones(3)}}, [("input", "a"), ("a", "d"), ("d", "l"), ("l", "output")],
         "net.nir: d: expected delays of 0 or more, got -1 s"),
        ({"l": {"type": "LI", "v_threshold": None, "v_reset": None}, "s": {"type": "Scale", "scale": np.ones(3)},
          "t": NODES["l"]}, [("input", "a"), ("a", "l"), ("l", "s"), ("s", "t"), ("t", "output")],
         "net.nir: l: sends its potential in every step, over synapses; cores of a spiking chip send spikes"),
    ],
)  # fmt: skip
def test_nir(chipsim, files, tmp_path, nodes, edges, message):
    path = nir(tmp_path, nodes, edges)
    refused(
        chipsim, files, message, LOIHI, path.name, "--set", "workload.rate=0.1", "--set", "workload.steps=5"
    )


def test_the_good_ones_run(chipsim, tmp_path):
    assert chipsim("run", LOIHI, npz(tmp_path).name, "--json").json["metrics"]["steps"] == 10
    path = nir(tmp_path, {}, EDGES)
    given = ("--set", "workload.rate=0.1", "--set", "workload.steps=5")
    assert chipsim("run", LOIHI, path.name, *given, "--json").json["metrics"]["steps"] == 5


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("workload.rate=2", "workload.rate: expected spikes per step from 0 to 1, got 2"),
        ("workload.rate=nan", "workload.rate: expected spikes per step from 0 to 1, got nan"),
        ("workload.steps=1.5", "workload.steps: expected a whole number of at least 1, got 1.5"),
        ("workload.steps=1000001",
         "workload.steps: expected at most 1000000 steps of a run on a chip, got 1000001"),
        ("workload.seed=-1", "workload.seed: expected a whole number of at least 0, got -1"),
        ("workload.precision=int8",
         "workload.precision: is for networks without spikes; a spiking network has steps, rate, seed, dt, soft_reset"),
        ("mapping.tiles=0", "mapping.tiles: expected at least 1, got 0"),
        ("mapping.tiles=33", "mapping.tiles: expected at most 32, the tiles of loihi_1, got 33"),
        ("mapping.order=mn",
         "mapping.order: is for layers of other networks; populations have `mapping.populations`"),
        ("mapping.pins=of", "mapping.pins: expected 'network' or 'off', got 'of'; did you mean 'off'?"),
        ("mapping.populations.neurons.cores=[128]",
         "mapping.populations.neurons.cores.0: expected a core from 0 to 127, got 128"),
        ("mapping.populations.neurons.cores=[3, 3]",
         "mapping.populations.neurons.cores.1: expected each core once, got 3 again"),
        ("mapping.populations.nerons.cores=[1]",
         "mapping.populations.nerons.cores: no population of 'net' is called 'nerons'; there is neurons; "
         "did you mean 'neurons'?"),
        ("mapping.populations.neurons.synapses=dens",
         "mapping.populations.neurons.synapses: expected 'auto', 'dense', 'sparse' or 'conv', got 'dens'; "
         "did you mean 'dense'?"),
        ("links.mesh.timing=simpel",
         "links.mesh.timing: expected 'simple', 'detailed' or 'events', got 'simpel'; did you mean 'simple'?"),
        ("links.mesh.barrier={2: 1 us}", "links.mesh.barrier: expected the time of a barrier of 1 tile: `1: ...`"),
        ("links.mesh.entry=[9, 0]", "links.mesh.entry: expected [column, row] from [0, 0] to [7, 3], got [9, 0]"),
        ("memories.synapses.capacity=1 B",
         "memories.synapses.capacity: neuron 3 of 'neurons' takes 16 bits of synapse memory; a core has 8"),
    ],
)  # fmt: skip
def test_settings(chipsim, files, tmp_path, setting, message):
    message = f"--set {setting}: {message}"
    refused(chipsim, files, message, LOIHI, npz(tmp_path).name, "--set", setting)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("workload.seed=1",
         "net.nir: input 'input' is missing: give --inputs F.npz, or random spikes by --set workload.rate=0.02 "
         "--set workload.steps=100"),
        ("workload.steps=9",
         "net.nir: input 'input' is missing: give --inputs F.npz, or random spikes by --set workload.rate=0.02"),
        ("workload.rate=0.1",
         "--set workload.steps: workload.steps: missing; nothing says how many steps of random spikes"),
        ("workload.dt=soon", "--set workload.dt: expected a time such as '15 ns', got 'soon'"),
        ("workload.soft_reset=maybe",
         "--set workload.soft_reset=maybe: workload.soft_reset: expected true or false, got maybe"),
    ],
)  # fmt: skip
def test_inputs_that_are_missing(chipsim, files, tmp_path, setting, message):
    refused(chipsim, files, message, LOIHI, nir(tmp_path, {}, EDGES).name, "--set", setting)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"input": np.zeros((5, 3))},
         "in.npz: input 'input': expected shape [steps, 2] or [2], got [5, 3]"),
        ({"input": np.full((5, 2), np.nan)},
         "in.npz: input 'input': expected finite numbers, got nan at [0, 0]"),
        ({"inptu": np.zeros((5, 2))}, "in.npz: expected inputs 'input', got 'inptu'; did you mean 'input'?"),
        ({"input": np.zeros(2)},
         "in.npz: nothing says how many steps, neither the network nor an input; give their number (steps)"),
    ],
)  # fmt: skip
def test_inputs_that_do_not_fit(chipsim, files, tmp_path, arrays, message):
    np.savez(tmp_path / "in.npz", **arrays)
    refused(chipsim, files, message, LOIHI, nir(tmp_path, {}, EDGES).name, "--inputs", "in.npz")


@pytest.mark.parametrize("option", ["--stream", "--batch", "--golden", "--profile"])
def test_options_of_other_networks(chipsim, files, tmp_path, option):
    given = {"--golden": "net.npz", "--profile": "truncate"}.get(option, "3")
    refused(
        chipsim, files, f"{option}: is for networks without spikes", LOIHI, npz(tmp_path).name, option, given
    )


def test_chips_and_networks_that_do_not_match(chipsim, files, tmp_path, tiny):
    kinds = {"npu/edge_npu": "systolic, vector", "neuromorphic/nm500": "pattern_matching"}
    for chip, has in kinds.items():
        name = chip.rpartition("/")[2]
        for network in (npz(tmp_path), nir(tmp_path, {}, EDGES)):
            message = (
                f"{network.name}: is a spiking network; {name} has no cores for spikes, as neuromorphic/loihi_1 has: "
                f"it has {has}"
            )
            refused(chipsim, files, message, chip, network.name)
    message = (
        "expected a spiking network (.npz, .nir, or a workload such as spiking/keyword_spotting), which is what "
        "loihi_1 runs; `chipsim convert` makes one of a network of rectified units"
    )
    refused(chipsim, files, message, LOIHI, tiny)


@pytest.mark.parametrize("suffix", [".npz", ".nir"])
def test_files_that_are_none(chipsim, files, tmp_path, suffix):
    path = tmp_path / f"net{suffix}"
    path.write_bytes(b"hello")
    before = files()
    outcome = chipsim("run", LOIHI, path.name)
    assert outcome.code == 2
    kind = {".npz": "expected an .npz file with an array per key", ".nir": "expected a NIR file"}[suffix]
    assert f"net{suffix}: {kind}; it is no" in outcome.err, outcome.err
    assert files() == before
