"""Inputs of a run: right answers, agreement with what was expected, zeros that change time, energy, traffic."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml
from tflite_file import convolution, write

from simulator.base.errors import InputError
from simulator.experiment.run import run
from simulator.experiment.values import Given, execute_on
from simulator.hw.chip import load_chip
from simulator.results.result import Result
from simulator.workload.execute import execute
from simulator.workload.graph import Graph, Node
from simulator.workload.load import load_graph
from simulator.workload.tensor import Quant, Tensor

CHIP = """
name: zeros
cores:
  array: {kind: dot, lanes: 8, cols: 8, rows: 2, clock: 1 GHz, precision: {int8: 1},
          buffers: {ifmap: sram, weight: sram, ofmap: sram, psum: acc}, energy: {mac_int8: 1 pJ, gated: 0.1 pJ}}
  lanes: {kind: vector, lanes: 16, clock: 1 GHz, buffers: {data: sram}}
memories:
  sram: {kind: sram, capacity: 16 KiB, port: unlimited, clock: 1 GHz}
  acc: {kind: sram, capacity: 16 KiB, port: unlimited, clock: 1 GHz}
  dram: {kind: bandwidth, capacity: 8 MiB, bandwidth: 8 GB/s, burst: 32 B, latency: 30 ns}
links:
  dma: {kind: dma, from: dram, to: sram, width: 64 B/cycle, clock: 1 GHz, outstanding: 4}
"""
LAYERS = """
name: maps
precision: {weights: int8, activations: int8}
layers:
  - {op: Conv, input: [1, 32, 32, 32], filters: 64, kernel: [3, 3], pad: 1}
  - {op: Conv, filters: 32, kernel: [1, 1]}
"""


@pytest.fixture
def made(tmp_path):
    """Results of the layers on the chip under overrides."""
    (tmp_path / "zeros.yaml").write_text(CHIP)
    (tmp_path / "maps.yaml").write_text(LAYERS)
    return lambda **overrides: run(
        tmp_path / "zeros.yaml",
        tmp_path / "maps.yaml",
        overrides={name.replace("__", "."): value for name, value in overrides.items()},
    )


def of_dram(result: Result) -> int:
    return sum(result.metrics.traffic_bytes["dram"].values())


class TestDeclaredDensities:
    def test_a_chip_that_makes_nothing_of_zeros(self, made):
        assert made(workload__density=0.3).to_dict()["metrics"] == made().to_dict()["metrics"]
        (said,) = set(made(workload__density=0.3).assumptions) - set(made().assumptions)
        assert said == "zeros makes nothing of zeros: declared densities change nothing"

    def test_skipping_takes_less_time_the_more_zeros_there_are(self, made):
        times = [
            sum(row.busy_fs["array"] for row in made(cores__array__skips="[ifmap]", workload__density=d).rows)
            for d in (0.0, 0.3, 0.6, 1.0)
        ]
        assert times == sorted(times)
        assert times[-1] == sum(row.busy_fs["array"] for row in made().rows)
        assert times[-1] / 4 <= times[0] < times[-1] / 3, "no faster than it fetches"

    def test_gated_products_cost_what_they_cost(self, made):
        result = made(
            cores__array__gates="[ifmap, weight]", workload__density=0.5, workload__weight_density=0.5
        )
        total = {(c, a): count for c, a, count in result.ledger.totals()}
        assert total["array", "gated"] == pytest.approx(
            0.75 * result.metrics.macs, abs=result.ledger.counts.shape[0] * 99
        )
        assert total["array", "gated"] + total["array", "mac_int8"] == result.metrics.macs
        saved = made().metrics.latency_s - result.metrics.latency_s
        assert saved == 0, "gating saves no time"
        row = result.layers()[0]
        assert (row["ifmap_density_pct"], row["weight_density_pct"]) == (50, 50)

    def test_compressed_traffic(self, made):
        plain = made()
        packed = made(
            links__dma__compression="zero_value", workload__density=0.25, workload__weight_density=1.0
        )
        first, second = (
            packed.layers()
        )  # maps of 65536 and 32768 B pass once; weights, which have no zeros, whole
        assert first["dram_write_B"] == 65536 * (0.25 + 1 / 8)
        assert second["dram_read_B"] == 65536 * (0.25 + 1 / 8) + 64 * 32
        assert second["dram_write_B"] == 32768 * (0.25 + 1 / 8)
        near = {name: plain.metrics.traffic_bytes[name] for name in ("sram", "acc")}
        assert near == {name: packed.metrics.traffic_bytes[name] for name in ("sram", "acc")}
        assert packed.metrics.latency_s < plain.metrics.latency_s
        total = {(c, a): count for c, a, count in packed.ledger.totals()}
        assert total["dma", "codec"] == of_dram(plain), "the codec sees all data once"
        assert total["dma", "byte"] < total["dma", "codec"]
        assert not packed.metrics.energy_complete
        assert "energy of dma.codec is unknown" in packed.not_modelled

    def test_what_has_no_zeros_is_not_compressed(self, made):
        packed = made(
            links__dma__compression="zero_value", workload__density=1.0, workload__weight_density=1.0
        )
        assert packed.metrics.latency_s == made().metrics.latency_s
        assert of_dram(packed) == of_dram(made())

    def test_they_are_assumptions(self, made):
        said = made(cores__array__skips="[ifmap]", workload__density=0.25).assumptions
        assert "0.25 of the elements of every feature map are not zero, as declared" in said
        assert "weights have no values: all are taken as not zero" in said

    @pytest.mark.parametrize("value", ["1.5", "many", "-0.1"])
    def test_what_is_no_share(self, made, value):
        with pytest.raises(
            InputError, match=rf"workload.density: expected a share between 0 and 1, got {value}"
        ):
            made(workload__density=value)

    def test_zeros_choose_the_core(self, made, tmp_path):
        """Of two arrays the one is taken that is faster on this many zeros."""
        chip = yaml.safe_load(CHIP)
        other = {**chip["cores"]["array"], "skips": ["ifmap"], "lanes": 5}
        chip["cores"]["skipper"] = {key: value for key, value in other.items() if key != "energy"}
        (tmp_path / "zeros.yaml").write_text(yaml.safe_dump(chip))
        dense, sparse = made(workload__density=1.0), made(workload__density=0.2)
        assert {row.core for row in dense.rows if row.macs} == {"array"}
        assert {row.core for row in sparse.rows if row.macs} == {"skipper"}


@pytest.fixture
def network(tmp_path):
    return write(tmp_path / "conv.tflite", *convolution())


@pytest.fixture
def chip(tmp_path):
    path = tmp_path / "zeros.yaml"
    path.write_text(CHIP)
    return path


@pytest.fixture
def feeds(rng):
    return {"x": rng.integers(-128, 128, (3, 5, 5, 4)).astype(np.int8)}


def quantizing(quantized=True):
    """A network of one conversion, or of one function of reals."""
    quant = Quant((0.1,), (0,)) if quantized else None
    tensors = {"x": Tensor("x", (2, 2)), "y": Tensor("y", (2, 2), "int8" if quantized else "fp32", quant)}
    node = Node("only", "QuantizeLinear" if quantized else "Relu", ("x",), ("y",))
    return Graph("one", (node,), tensors, ("x",), ("y",))


class TestExecuted:
    def test_the_chips_arithmetic(self, chip, network, feeds):
        graph = load_graph(network)
        for profile in ("truncate", "gemmini"):
            right = execute(graph, feeds, profile).outputs
            overrides = {"requant.profile": profile}
            result = run(chip, network, inputs=feeds, golden=right, overrides=overrides)
            assert result.values.profile == profile
            assert [each.differing for each in result.values.agreement] == [0]
        assert run(chip, network, inputs=feeds).values.profile == "tflite_ref", "that of the format"
        assert run(chip, network, inputs=feeds, profile="half_up").values.profile == "half_up"

    def test_narrow_sums(self, chip, network, feeds):
        narrow = {"requant.profile": "half_up", "requant.accumulator": "9 b"}
        wrapped = run(chip, network, inputs=feeds, overrides=narrow)
        assert wrapped.values.profile == "half_up, sums of 8-bit products in 9 bits"
        assert (
            load_chip(chip, {**narrow, "requant.overflow": "saturate"}).requant.numerics("x").overflow
            == "saturate"
        )

    def test_agreement_counts_elements_and_decisions(self, chip, network, feeds):
        right = execute(load_graph(network), feeds, "tflite_ref").outputs["y"].copy()
        flat = right.reshape(3, -1)
        flat[0, 0] += 4
        flat[2, 1] -= 7
        (each,) = run(chip, network, inputs=feeds, golden={"y": right}).values.agreement
        assert (each.output, each.elements, each.differing, each.largest) == ("y", right.size, 2, 7.0)

    def test_labels(self, chip, network, feeds):
        outputs = execute(load_graph(network), feeds, "tflite_ref").outputs["y"].reshape(3, -1)
        labels = outputs.argmax(axis=1)
        labels[1] = (labels[1] + 1) % outputs.shape[1]
        result = run(chip, network, inputs={**feeds, "labels": labels})
        assert result.metrics.accuracy == pytest.approx(2 / 3)
        assert (result.values.correct, result.values.labelled) == (2, 3)
        assert result.to_dict()["metrics"]["accuracy"] == result.metrics.accuracy
        assert "accuracy" not in run(chip, network, inputs=feeds).to_dict()["metrics"]

    def test_measured_zeros_shape_the_time(self, chip, network, feeds):
        graph, skips = load_graph(network), {"cores.array.skips": "[ifmap]", "mapping.nodes.*.core": "array"}
        zero = graph.tensors["x"].quant.zero_point[0]
        silent = {"x": np.full_like(feeds["x"], zero)}
        busy, idle = (run(chip, network, inputs=each, overrides=skips) for each in (feeds, silent))
        assert idle.rows[0].ifmap_density == 0
        assert busy.rows[0].ifmap_density == np.count_nonzero(feeds["x"] != zero) / feeds["x"].size
        assert idle.rows[0].busy_fs["array"] < busy.rows[0].busy_fs["array"]

    def test_byte_order_is_no_matter(self, tmp_path, chip):
        x = np.array([[0.5, -1], [0.25, 3]], np.float32)
        mine, theirs = (run(chip, quantizing(), inputs={"x": each}).values for each in (x, x.astype(">f4")))
        assert mine == theirs

    def test_json_both_ways(self, chip, network, feeds, tmp_path):
        outputs = execute(load_graph(network), feeds, "tflite_ref").outputs
        result = run(chip, network, inputs={**feeds, "labels": np.zeros(3, int)}, golden=outputs)
        result.to_json(tmp_path / "result.json")
        assert Result.from_json(tmp_path / "result.json").to_dict() == result.to_dict()

    @pytest.mark.parametrize(
        ("inputs", "golden", "message"),
        [
            ({"z": np.zeros((1, 5, 5, 4), np.int8)}, None, "inputs: expected inputs 'x', got 'z'"),
            ({"labels": np.array([0])}, None, "inputs: input 'x' is missing"),
            ({"labels": np.array([0, 1])}, None, "inputs: input 'x' is missing"),
            (None, {"y": np.zeros(3)}, "--golden: only inputs can be executed; give --inputs as well"),
            ("feeds", {"w": np.zeros(3)}, "golden: expected outputs 'y', got 'w'"),
            ("feeds", {"y": np.zeros(3)}, r"golden: output 'y': expected shape \[3, 3, 3, 2\], got \[3\]"),
            ("feeds", {}, "golden: expected an array for an output of the network, got none"),
            (
                "feeds",
                {"y": np.zeros((3, 3, 2, 3))},
                r"golden: output 'y': expected shape \[3, 3, 3, 2\], got",
            ),
            (
                "feeds",
                {"y": np.full((3, 3, 3, 2), "a")},
                "golden: output 'y': expected numbers such as int8, got <U1",
            ),
            ({"labels": [0, 1, 2], "x": "feeds"}, None, None),
            (
                {"labels": [0, 1, np.inf], "x": "feeds"},
                None,
                "inputs: expected labels as whole numbers, got float64",
            ),
            ({"labels": np.eye(3), "x": "feeds"}, None, r"got 9, of shape \[3, 3\]: the number of its class"),
            ({"labels": [0, 1], "x": "feeds"}, None, "inputs: expected a label for each of 3 samples, got 2"),
            ({"labels": [0, 1, 99], "x": "feeds"}, None, "inputs: expected labels from 0 to 17, got 0 to 99"),
            (
                {"labels": [0, 1, 0.5], "x": "feeds"},
                None,
                "inputs: expected labels as whole numbers, got float64",
            ),
        ],
    )
    def test_bad_input(self, chip, network, feeds, inputs, golden, message):
        if inputs == "feeds":
            inputs = feeds
        elif isinstance(inputs, dict) and isinstance(inputs.get("x"), str):
            inputs = {**inputs, **feeds}
        if message is None:
            run(chip, network, inputs=inputs, golden=golden)
            return
        with pytest.raises(InputError, match=message):
            run(chip, network, inputs=inputs, golden=golden)

    def test_what_is_not_finite(self, tmp_path, chip):
        """A real input that is to be quantized; the place is named."""
        wrong = {"x": np.array([[1, 2], [np.nan, 3]], np.float32)}
        with pytest.raises(
            InputError, match=r"inputs: input 'x': expected finite numbers, got nan at \[1, 0\]"
        ):
            run(chip, quantizing(), inputs=wrong)

    def test_a_network_without_integers(self, chip):
        real = quantizing(quantized=False)
        given = {"x": np.ones((2, 2), np.float32)}
        said = run(chip, real, inputs=given, profile="truncate", overrides=None).values.profile
        assert said == "the network's real numbers (nothing in it is quantized)"

    def test_real_numbers_as_a_memory_computes_them(self, chip):
        """A Relu of 1 + 2^−9: rounded to FP16 it stays, to BF16 it is 1."""
        real, built = quantizing(quantized=False), load_chip(chip)
        inputs = {"x": np.full((2, 2), 1 + 2.0**-9, np.float32)}
        activity, values = execute_on(built, real, Given(inputs, numerics="hbm_pim"))
        assert values.profile == "hbm_pim"
        assert (activity.outputs["y"] == inputs["x"]).all()
        activity, values = execute_on(built, real, Given(inputs), pim={"only": "gddr6_aim"})
        assert values.profile == (
            "the network's real numbers (nothing in it is quantized); 1 node as gddr6_aim computes"
        )
        assert (activity.outputs["y"] == 1).all()

    def test_declared_and_measured_at_once(self, chip, network, feeds):
        with pytest.raises(InputError, match="measured from the inputs; leave one of the two out"):
            run(chip, network, inputs=feeds, overrides={"workload.density": 0.5})

    def test_an_unknown_profile_of_the_chip(self, chip, network, feeds):
        message = (
            r"requant.profile: expected one of onnxruntime, .*, got 'truncat'; did you mean 'truncate'\?"
        )
        with pytest.raises(InputError, match=message):
            run(chip, network, inputs=feeds, overrides={"requant.profile": "truncat"})


def test_the_command(chipsim, chip, network, feeds, tmp_path):
    np.savez(tmp_path / "in.npz", labels=np.array([0, 1, 2]), **feeds)
    np.savez(tmp_path / "out.npz", **execute(load_graph(network), feeds, "truncate").outputs)
    arguments = (chip, network, "--inputs", tmp_path / "in.npz", "--golden", tmp_path / "out.npz")
    outcome = chipsim("run", *arguments, "--profile", "truncate", "--out", "report")
    assert outcome.code == 0, outcome.err
    assert "Executed" in outcome.out
    assert "in the arithmetic of truncate" in outcome.out
    assert "this chip makes nothing of zeros" in outcome.out
    assert "all 54 elements equal" in outcome.out
    assert "of 3 labelled samples" in outcome.out
    document = json.loads((tmp_path / "report" / "result.json").read_text())
    assert document["values"]["agreement"][0]["differing"] == 0
    assert "--profile truncate" in document["provenance"]["command"]
    assert "Values" in (tmp_path / "report" / "report.html").read_text()


def test_the_command_names_the_file(chipsim, chip, network, feeds, files, tmp_path):
    np.savez(tmp_path / "in.npz", **{"X": feeds["x"]})
    before = files()
    outcome = chipsim("run", chip, network, "--inputs", tmp_path / "in.npz", "--out", "report")
    assert outcome.code == 2
    assert "in.npz: expected inputs 'x', got 'X'; did you mean 'x'?" in outcome.err
    assert files() == before


def test_comparing_profiles(chipsim, network, feeds, tmp_path):
    np.savez(tmp_path / "in.npz", **feeds)
    arguments = (network, "--inputs", tmp_path / "in.npz", "--out", "o.npz")
    outcome = chipsim("execute", *arguments, "--compare", "tflite_ref,truncate")
    assert "tflite_ref: no value differs from tflite_ref, 3 samples" in outcome.out
    compared = chipsim("execute", *arguments, "--compare", "half_up", "--json").json["compared"]
    assert (compared[0]["base"], compared[0]["other"], compared[0]["samples"]) == ("tflite_ref", "half_up", 3)
    outcome = chipsim("execute", *arguments, "--compare", "halfup")
    assert outcome.code == 2
    assert "got 'halfup'; did you mean 'half_up'?" in outcome.err
