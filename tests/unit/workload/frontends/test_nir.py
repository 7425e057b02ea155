"""NIR networks: every primitive, subgraphs, loops, and what is said of what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from simulator.base.errors import InputError
from simulator.workload.load import load_spiking
from simulator.workload.spiking.execute import SpikeActivity, execute_spikes
from simulator.workload.spiking.network import SpikingNetwork

DT = 1e-4
Nodes = dict[str, tuple[str, dict[str, Any]]]


def put(group: h5py.Group, kind: str, fields: dict[str, Any]) -> None:
    group.create_dataset("type", data=kind, dtype=h5py.string_dtype())
    for name, value in fields.items():
        if name == "nodes":
            nodes = group.create_group("nodes")
            for each, (inner, of) in value.items():
                put(nodes.create_group(each), inner, of)
        elif name == "edges":
            group.create_dataset("edges", data=np.array(value, dtype=object), dtype=h5py.string_dtype())
        elif isinstance(value, str):
            group.create_dataset(name, data=value, dtype=h5py.string_dtype())
        else:
            group.create_dataset(name, data=np.asarray(value))


def write(folder: Path, nodes: Nodes, edges: list[tuple[str, str]]) -> Path:
    """A file as the package writes them."""
    path = folder / "net.nir"
    with h5py.File(path, "w") as file:
        put(file.create_group("node"), "NIRGraph", {"nodes": nodes, "edges": edges})
    return path


def chain(
    folder: Path, shape: tuple[int, ...], *nodes: tuple[str, dict[str, Any]], **options
) -> SpikingNetwork:
    """Nodes in a row between an input of a shape and an output."""
    named: Nodes = {"in": ("Input", {"shape": shape}), **{f"n{i}": node for i, node in enumerate(nodes)}}
    names = [*named, "out"]
    named["out"] = ("Output", {})
    return load_spiking(write(folder, named, list(zip(names, names[1:], strict=False))), **options)


def ones(n: int, value: float = 1.0) -> np.ndarray:
    return np.full(n, value)


def lif(n: int, tau: float = 1e-3, threshold: float = 0.5, **more) -> tuple[str, dict[str, Any]]:
    return "LIF", {
        "tau": ones(n, tau),
        "r": ones(n),
        "v_leak": ones(n, 0),
        "v_threshold": ones(n, threshold),
        **more,
    }


def run(network: SpikingNetwork, x: np.ndarray, **options) -> SpikeActivity:
    return execute_spikes(network, {network.inputs[0].name: np.asarray(x, float)}, **options)


def out_of(network: SpikingNetwork, x: np.ndarray) -> np.ndarray:
    """Values of the one output for an input that lasts one step."""
    (made,) = run(network, np.asarray(x)[None]).outputs.values()
    return made[0]


@pytest.mark.parametrize(
    ("node", "shape", "meaning"),
    [
        (("Affine", {"weight": [[1.0, 2.0], [3.0, 4.0], [0.0, 5.0]], "bias": [1.0, 0.0, -1.0]}), (2,), lambda x: np.array([[1, 2], [3, 4], [0, 5]]) @ x + [1, 0, -1]),
        (("Linear", {"weight": np.arange(12.0).reshape(2, 2, 3)}), (2, 3), lambda x: np.einsum("bmn,bn->bm", np.arange(12).reshape(2, 2, 3), x)),
        (("Scale", {"scale": [[2.0, 3.0]]}), (1, 2), lambda x: x * [[2, 3]]),
        (("Flatten", {"start_dim": 0, "end_dim": -1, "input_type": [2, 3]}), (2, 3), lambda x: x.ravel()),
        (("Flatten", {"start_dim": 1, "end_dim": -1}), (2, 3, 2), lambda x: x.reshape(2, 6)),
        (("SumPool2d", {"kernel_size": [2, 2], "stride": [2, 2], "padding": [0, 0]}), (1, 4, 4), lambda x: x.reshape(1, 2, 2, 2, 2).sum((2, 4))),
        (("AvgPool2d", {"kernel_size": 2, "stride": 2, "padding": 0}), (1, 4, 4), lambda x: x.reshape(1, 2, 2, 2, 2).mean((2, 4))),
        (("Conv1d", {"weight": np.ones((1, 1, 3)), "bias": [0.5], "stride": 1, "padding": "same", "dilation": 1, "groups": 1}), (1, 5), lambda x: np.convolve(x[0], np.ones(3), "same")[None] + 0.5),
        (("Conv1d", {"weight": np.ones((2, 1, 2)), "bias": [0.0, 0.0], "stride": 2, "padding": "valid", "dilation": 1, "groups": 2, "input_shape": 6}), (2, 6), lambda x: x.reshape(2, 3, 2).sum(2)),
        (("Conv2d", {"weight": np.ones((1, 2, 3, 2)), "bias": [0.0], "stride": [1, 1], "padding": [0, 0], "dilation": [1, 1], "groups": 1}), (2, 3, 4), lambda x: np.array([[[x[:, :, i : i + 2].sum() for i in range(3)]]])),
    ],
    ids=["Affine", "Linear, batched", "Scale", "Flatten", "Flatten, part", "SumPool2d", "AvgPool2d", "Conv1d same", "Conv1d groups", "Conv2d, not square"],
)  # fmt: skip
def test_primitives_without_state(tmp_path, rng, node, shape, meaning):
    x = rng.integers(-3, 4, shape).astype(float)
    made, wanted = out_of(chain(tmp_path, shape, node), x), np.asarray(meaning(x))
    assert made.shape == wanted.shape
    assert np.allclose(made, wanted)


def test_padding_of_a_convolution(tmp_path, rng):
    fields = {
        "weight": np.ones((1, 1, 3, 3)),
        "bias": [0.0],
        "stride": 2,
        "padding": [1, 0],
        "dilation": 1,
        "groups": 1,
    }
    x = rng.integers(0, 5, (1, 4, 5)).astype(float)
    wide = np.pad(x, [(0, 0), (1, 1), (0, 0)])
    wanted = [[wide[0, i : i + 3, j : j + 3].sum() for j in (0, 2)] for i in (0, 2)]
    assert out_of(chain(tmp_path, (1, 4, 5), ("Conv2d", fields)), x)[0].tolist() == wanted


def values(network: SpikingNetwork, x: np.ndarray) -> np.ndarray:
    (made,) = run(network, x).outputs.values()
    return made[:, 0]


def test_integrators_follow_euler(tmp_path):
    """tau = 1 ms, dt = 0.1 ms: a tenth of the way to v_leak + R·I in a step."""
    x = np.array([[1.0], [0.0], [2.0], [0.0]])
    li = ("LI", {"tau": [1e-3], "r": [2.0], "v_leak": [0.5]})
    v, wanted = 0.0, []
    for current in x[:, 0]:
        v += 0.1 * ((0.5 - v) + 2 * current)
        wanted.append(v)
    assert values(chain(tmp_path, (1,), li), x) == pytest.approx(wanted)
    assert values(chain(tmp_path, (1,), ("I", {"r": [2.0]})), x).tolist() == [2, 2, 6, 6]


def test_the_synaptic_current_moves_first(tmp_path):
    """I += dt/tau_syn·(-I + w_in·S), then v with that I."""
    cuba = ("CubaLI", {"tau_syn": [2e-4], "tau_mem": [1e-3], "r": [3.0], "v_leak": [0.0], "w_in": [4.0]})
    x = np.array([[1.0], [0.0], [0.0]])
    i, v, wanted = 0.0, 0.0, []
    for spike in x[:, 0]:
        i += 0.5 * (-i + 4 * spike)
        v += 0.1 * (-v + 3 * i)
        wanted.append(v)
    assert values(chain(tmp_path, (1,), cuba), x) == pytest.approx(wanted)
    del cuba[1]["w_in"]
    assert values(chain(tmp_path, (1,), cuba), x) == pytest.approx(np.array(wanted) / 4)


def spike_steps(network: SpikingNetwork, x: np.ndarray, population: str = "n0") -> list[int]:
    ran = run(network, x)
    first = network.population(population).first
    return ran.spike_steps[ran.spike_neurons == first].tolist()


def test_neurons_spike_above_their_threshold(tmp_path):
    """IF counts in steps: 1 per step, above 2.5 in the third; to -1, so four steps later again."""
    fields = {"r": [1.0], "v_threshold": [2.5], "v_reset": [-1.0]}
    assert spike_steps(chain(tmp_path, (1,), ("IF", fields)), ones(8)[:, None]) == [2, 6]
    del fields["v_reset"]
    assert spike_steps(chain(tmp_path, (1,), ("IF", fields)), ones(8)[:, None]) == [2, 5]
    assert spike_steps(chain(tmp_path, (1,), ("IF", fields), soft_reset=True), ones(8)[:, None]) == [2, 5, 7]
    equal = {"r": [1.0], "v_threshold": [2.0]}
    assert spike_steps(chain(tmp_path, (1,), ("IF", equal)), ones(8)[:, None]) == [2, 5]
    threshold = chain(tmp_path, (1,), ("Threshold", {"threshold": [0.5]}))
    assert spike_steps(threshold, np.array([[1], [0.5], [0], [2]])) == [0, 3]


def test_the_time_step(tmp_path):
    """With tau = 1 ms and dt = 0.5 ms a current of 1 comes above 0.5 in the second step, with 0.1 ms in the seventh."""
    assert spike_steps(chain(tmp_path, (1,), lif(1), dt_s=5e-4), ones(3)[:, None]) == [1]
    network = chain(tmp_path, (1,), lif(1))
    assert spike_steps(network, ones(8)[:, None]) == [6]
    assert network.assumptions == ("time steps of 0.0001 s",)
    with pytest.raises(InputError, match="--dt: expected a time step above 0, got 0 s"):
        chain(tmp_path, (1,), lif(1), dt_s=0.0)


def test_layers_act_within_a_step_and_delays_in_theirs(tmp_path):
    step = ("Threshold", {"threshold": [0.5, 0.5]})
    delayed = ("Delay", {"delay": [0.0, 3 * DT]})
    network = chain(tmp_path, (2,), step, delayed, step)
    x = np.zeros((6, 2))
    x[1] = 1
    ran = run(network, x)
    last = network.population("n2").first
    found = list(zip(ran.spike_steps.tolist(), (ran.spike_neurons - last).tolist(), strict=True))
    assert [each for each in found if each[1] >= 0] == [(1, 0), (4, 1)]
    odd = chain(tmp_path, (1,), ("Delay", {"delay": [1.4 * DT]}), lif(1))
    assert odd.synapses.delays.tolist() == [1]
    assert "delays of 'n0' are rounded to whole steps" in odd.assumptions


def loop(folder: Path, weight: float, extra: tuple[tuple[str, str], ...] = ()) -> SpikingNetwork:
    nodes: Nodes = {
        "in": ("Input", {"shape": [1]}),
        "back": ("Linear", {"weight": [[weight]]}),
        "a": ("Threshold", {"threshold": [0.5]}),
        "out": ("Output", {"shape": [1]}),
    }
    return load_spiking(
        write(folder, nodes, [("in", "a"), ("a", "back"), ("back", "a"), ("a", "out"), *extra])
    )


def test_a_loop_takes_a_step(tmp_path):
    """Once started, it goes on by itself; with a weight below the threshold it ends."""
    x = np.zeros((5, 1))
    x[1] = 1
    assert spike_steps(loop(tmp_path, 1.0), x, "a") == [1, 2, 3, 4]
    assert spike_steps(loop(tmp_path, 0.4), x, "a") == [1]


def test_a_loop_of_two_layers_begins_near_the_input(tmp_path):
    """b is later than a, so a -> b is within a step and b -> a takes one; c hears both and is last."""
    step = {"threshold": [0.5]}
    nodes: Nodes = {
        "b": ("Threshold", step), "c": ("Threshold", {"threshold": [1.5]}), "a": ("Threshold", step),
        "in": ("Input", {"shape": [1]}), "out": ("Output", {"shape": [1]}),
    }  # fmt: skip
    edges = [("in", "c"), ("in", "a"), ("a", "b"), ("b", "a"), ("b", "c"), ("c", "out")]
    network = load_spiking(write(tmp_path, nodes, edges))
    assert [each.name for each in network.populations] == ["in", "a", "b", "c"]
    delays = dict(
        zip(
            zip(network.synapses.sources.tolist(), network.synapses.targets.tolist(), strict=True),
            network.synapses.delays.tolist(),
            strict=True,
        )
    )
    assert delays == {(0, 1): 0, (0, 3): 0, (1, 2): 0, (2, 1): 1, (2, 3): 0}


def test_subgraphs_are_dissolved(tmp_path):
    inner: Nodes = {
        "input": ("Input", {"shape": [2]}), "w": ("Linear", {"weight": [[1.0, 1.0]]}),
        "deep": ("NIRGraph", {
            "nodes": {"i": ("Input", {"shape": [1]}), "s": ("Scale", {"scale": [3.0]}), "o": ("Output", {"shape": [1]})},
            "edges": [("i", "s"), ("s", "o")],
        }),
        "output": ("Output", {"shape": [1]}),
    }  # fmt: skip
    edges = [("input", "w"), ("w", "deep"), ("deep", "output")]
    network = chain(tmp_path, (2,), ("NIRGraph", {"nodes": inner, "edges": edges}), lif(1))
    assert [each.name for each in network.populations] == ["in", "n1"]
    assert network.synapses.weights.tolist() == [3, 3]


def test_values_pass_through_layers_that_do_not_spike(tmp_path):
    """A leaky integrator's value goes on as a current, in the same step."""
    network = chain(tmp_path, (1,), ("I", {"r": [1.0]}), ("Linear", {"weight": [[2.0]]}), ("I", {"r": [1.0]}))
    assert values(network, ones(4)[:, None]).tolist() == [2, 6, 12, 20]
    assert run(network, ones(4)[:, None]).counts.tolist() == [4, 0, 0]


def test_several_ways_to_a_node_add_up(tmp_path):
    nodes: Nodes = {
        "in": ("Input", {"shape": [2]}), "a": ("Affine", {"weight": [[1.0, 0.0]], "bias": [0.25]}),
        "b": ("Affine", {"weight": [[2.0, 4.0]], "bias": [0.5]}), "n": lif(1), "out": ("Output", {"shape": [1]}),
    }  # fmt: skip
    edges = [("in", "a"), ("in", "b"), ("a", "n"), ("b", "n"), ("n", "out")]
    network = load_spiking(write(tmp_path, nodes, edges))
    assert network.synapses.weights.tolist() == [3, 4]
    assert network.parameters["bias"].tolist() == [0, 0, 0.75]


def test_missing_ends_are_added_and_one_number_holds_for_all(tmp_path):
    single = lif(1)
    network = load_spiking(
        write(tmp_path, {"w": ("Linear", {"weight": np.ones((3, 2))}), "n": single}, [("w", "n")])
    )
    assert [(each.name, each.count) for each in network.populations] == [("input_w", 2), ("n", 3)]
    assert list(network.outputs) == ["output_n"]
    path = tmp_path / "one.nir"
    with h5py.File(path, "w") as file:
        put(file.create_group("node"), *lif(4))
    assert [each.count for each in load_spiking(path).populations] == [4, 4]


def test_a_single_neuron_that_hears_itself_first(tmp_path):
    nodes: Nodes = {
        "in": ("Input", {"shape": [1]}), "n": lif(1), "w": ("Linear", {"weight": [[1.0]]}), "out": ("Output", {"shape": [1]}),
    }  # fmt: skip
    network = load_spiking(write(tmp_path, nodes, [("w", "n"), ("n", "w"), ("in", "n"), ("n", "out")]))
    assert network.synapses.delays.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("nodes", "edges", "message"),
    [
        ({"n": ("Izhikevich", {})}, [], "n: expected one of NIR's primitives (Input, Output, Affine, "),
        ({"n": ("Lif", {})}, [], "got 'Lif'; did you mean 'LIF'?"),
        ({"n": ("LIF", {"tau": [1.0], "r": [1.0], "v_leek": [0.0], "v_threshold": [1.0]})}, [], "n.v_leak: missing; LIF has it; did you mean 'v_leek'?"),
        ({"n": lif(1, reset=[0.0])}, [], "n.reset: unknown field of LIF; did you mean 'v_reset'?"),
        ({"n": lif(2)}, [("n", "m")], "edges: edge n -> m: there is no node 'm'"),
        ({"layer": lif(2)}, [("layre", "layer")], "there is no node 'layre'; did you mean 'layer'?"),
        ({"n": ("LIF", lif(2)[1] | {"tau": [1.0, np.nan]})}, [], "n.tau[1]: expected a finite number, got nan"),
        ({"n": ("LIF", lif(2)[1] | {"tau": [1.0, 0.0]})}, [], "n.tau: expected times above 0, got 0"),
        ({"n": ("LIF", lif(2)[1] | {"r": np.ones(3)})}, [], "n.tau: expected shape [3], got [2]"),
        ({"in": ("Input", {"shape": [3]}), "w": ("Linear", {"weight": np.ones((2, 4))})}, [("in", "w")], "w: expected an input of shape [4], got [3]"),
        ({"in": ("Input", {"shape": [3]}), "n": lif(2)}, [("in", "n")], "n: expected an input of shape [2], got [3]"),
        ({"in": ("Input", {"shape": [2]}), "c": ("Conv1d", {"weight": np.ones((2, 2, 3)), "bias": [0, 0], "stride": 1, "padding": "same", "dilation": 1, "groups": 1})}, [("in", "c")], "c: expected an input of shape [2, any], got [2]"),
        ({"in": ("Input", {"shape": [2, 9]}), "c": ("Conv1d", {"weight": np.ones((2, 2, 3)), "bias": [0, 0], "stride": 1, "padding": "full", "dilation": 1, "groups": 1})}, [("in", "c")], "c: expected 'same', 'valid' or numbers as padding, got 'full'"),
        ({"in": ("Input", {"shape": [2]}), "p": ("SumPool2d", {"kernel_size": 2, "stride": 2, "padding": 0})}, [("in", "p")], "p: expected an input of channels, height, width, got shape [2]"),
        ({"d": ("Delay", {"delay": [-1.0]})}, [], "d: expected delays of 0 or more, got -1 s"),
        ({"d": ("Delay", {"delay": [1.0]})}, [], "d: expected delays of at most 1023 steps, got 10000 of 0.0001 s"),
        ({"in": ("Input", {"shape": [2]}), "a": ("Scale", {"scale": [1.0, 1.0]}), "b": ("Scale", {"scale": [1.0, 1.0]})}, [("in", "a"), ("a", "b"), ("b", "a")], "is part of a loop in which nothing has state"),
        ({"p": ("SumPool2d", {"kernel_size": 2, "stride": 2, "padding": 0})}, [], "p: hears nothing, and a SumPool2d does not say the shape of its input"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_node(tmp_path, nodes, edges, message):
    with pytest.raises(InputError) as caught:
        load_spiking(write(tmp_path, nodes, edges))
    assert message in str(caught.value)
    assert all(str(each).startswith(f"{tmp_path}/net.nir: ") for each in caught.value.problems)


def test_everything_is_said_at_once(tmp_path):
    nodes: Nodes = {
        "a": ("LIF", lif(2)[1] | {"tau": [0.0, 1.0]}),
        "b": ("LIF", lif(2)[1] | {"r": [np.inf, 1.0]}),
    }
    with pytest.raises(InputError) as caught:
        load_spiking(write(tmp_path, nodes, [("a", "b")]))
    assert [each.path for each in caught.value.problems] == ["a.tau", "b.r[0]"]


def test_files_that_are_none(tmp_path):
    path = write(tmp_path, {"n": lif(50)}, [])
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(
        InputError, match=r"net\.nir: expected a NIR file; it is no HDF5 file, or a damaged one"
    ):
        load_spiking(path)
    path.write_text("text")
    with pytest.raises(InputError, match="it is no HDF5 file, or a damaged one"):
        load_spiking(path)
    with h5py.File(path, "w") as file:
        file.create_dataset("data", data=1)
    with pytest.raises(InputError, match="expected a NIR file: an HDF5 group `node`"):
        load_spiking(path)


def test_files_of_the_nir_package(tmp_path):
    """What its own writer makes, every primitive among it."""
    nir = pytest.importorskip("nir", reason="the package nir is not installed (extra dev)")
    one = np.ones
    inner = nir.NIRGraph(
        {"input": nir.Input(np.array([4])), "l": nir.Linear(one((3, 4))), "d": nir.Delay(np.full(3, 2 * DT)),
         "n": nir.LIF(one(3) * 0.01, one(3), one(3) * 0, one(3)), "output": nir.Output(np.array([3]))},
        [("input", "l"), ("l", "d"), ("d", "n"), ("n", "output")],
    )  # fmt: skip
    nodes = {
        "input": nir.Input(np.array([2, 8, 8])),
        "sum": nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "conv": nir.Conv2d(None, one((3, 2, 3, 3)), 1, "same", (1, 1), 1, one(3)),
        "mean": nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "flat": nir.Flatten(np.array([3, 2, 2]), 0, -1),
        "fc": nir.Affine(one((4, 12)), one(4)), "t": nir.Threshold(one(4)), "sub": inner,
        "scale": nir.Scale(one(3)), "li": nir.LI(one(3), one(3), one(3)),
        "cuba": nir.CubaLIF(one(3), one(3), one(3), one(3), one(3)), "cubali": nir.CubaLI(one(3), one(3), one(3), one(3)),
        "if": nir.IF(one(3), one(3)), "i": nir.I(one(3)), "output": nir.Output(np.array([3])),
    }  # fmt: skip
    names = list(nodes)
    path = tmp_path / "net.nir"
    nir.write(str(path), nir.NIRGraph(nodes, list(zip(names, names[1:], strict=False))))
    network = load_spiking(path)
    kinds = [(each.name, each.count, each.values) for each in network.populations]
    assert kinds == [
        ("input", 128, False), ("t", 4, False), ("sub.n", 3, False), ("li", 3, True), ("cuba", 3, False),
        ("cubali", 3, True), ("if", 3, False), ("i", 3, True),
    ]  # fmt: skip
    assert set(network.synapses.delays) == {0, 2}
    made = run(network, np.random.default_rng(1).integers(0, 2, (5, 2, 8, 8)))
    assert made.outputs["output"].shape == (5, 3)
