"""Fully connected networks from text: the shipped classifier, what it carries, and files that are wrong."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

from simulator.base.errors import InputError
from simulator.workload.arrays import read_table
from simulator.workload.execute import execute
from simulator.workload.frontends import built
from simulator.workload.frontends.dense.weights import read_layers
from simulator.workload.load import load_graph

ROOT = Path(__file__).parents[4]
DIGITS = ROOT / "workloads" / "digits_mlp.yaml"
TWO = """# y = x · w + b
layer a 2 3 relu
1 2 3
4 5 6   # of input 1
-1 0 -20
layer b 3 1
1
-1
0.5
2
"""


@pytest.fixture
def files(tmp_path):
    """Write weights, three samples, and the network's file; its path."""

    def write(weights: str = TWO, data: str | None = "p,labels,q\n2,0,4\n1,1,0\n0,0,0\n", **args) -> Path:
        (tmp_path / "w.txt").write_text(weights)
        if data is not None:
            (tmp_path / "d.csv").write_text(data)
        stated = {"weights": "w.txt", **({"data": "d.csv"} if data is not None else {}), **args}
        lines = "".join(f"  {name}: {value}\n" for name, value in stated.items())
        (tmp_path / "net.yaml").write_text(f"builder: dense\nargs:\n{lines}")
        return tmp_path / "net.yaml"

    return write


def refused(make, *given) -> list[str]:
    with pytest.raises(InputError) as error:
        make(*given)
    return str(error.value).splitlines()


def test_layers_as_by_hand(files):
    graph = load_graph(files())
    assert [(node.op, node.epilogue) for node in graph] == [("Gemm", ("bias", "relu")), ("Gemm", ("bias",))]
    x = np.array([[[2, 4]], [[0, 0]]], np.float32)
    found = execute(graph, {"x": x}, graph.native).outputs["y"]
    # 2·(1 2 3) + 4·(4 5 6) + (-1 0 -20) = 17 24 10; 17 - 24 + 5 + 2 = 0. Of zeros: 0 0 0, so 2
    np.testing.assert_array_equal(found.ravel(), [0, 2])


def test_samples_are_split_and_scaled(files):
    samples, source = built.carried(files(train=2, scale=0.5))
    assert source.endswith("d.csv")
    assert samples.train["x"].dtype == np.float32
    np.testing.assert_array_equal(samples.train["x"], [[[1, 2]], [[0.5, 0]]])
    np.testing.assert_array_equal(samples.train["labels"], [0, 1])
    np.testing.assert_array_equal(samples.test["x"], [[[0, 0]]])


def test_a_network_may_carry_none(files):
    assert built.carried(files(data=None)) is None
    assert built.carried(ROOT / "workloads" / "digits_nm500.yaml") is None


def test_the_digest_follows_the_weights(files):
    before = load_graph(files()).digest
    assert load_graph(files()).digest == before
    assert load_graph(files(TWO.replace("0.5", "0.25"))).digest != before


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("layer a 2 3 relu", "layer a 2 relu", "w.txt:2: expected a header `layer NAME INPUTS OUTPUTS [relu]`, got 'layer a 2 relu'"),
        ("layer a 2 3 relu", "layer a 2 3 tanh", "w.txt:2: expected a header `layer NAME INPUTS OUTPUTS [relu]`, got 'layer a 2 3 tanh'"),
        ("layer b", "layer a", "w.txt:6: there is a layer 'a' already"),
        ("layer b 3 1", "layer b 2 1", "w.txt:6: layer 'b' has 2 inputs, the layer before it 3 outputs"),
        ("4 5 6 ", "4 5 ", "w.txt:4: layer 'a': expected 3 weights of input 1, got 2"),
        ("-1 0 -20", "-1 0", "w.txt:5: layer 'a': expected 3 biases, got 2"),
        ("0.5\n2\n", "0.5\n", "w.txt:6: layer 'b': expected 1 biases, got 0"),
        ("1 2 3", "1 two 3", "w.txt:3: layer 'a', weights of input 0: expected numbers; could not convert"),
        ("1 2 3", "1 inf 3", "w.txt:3: layer 'a', weights of input 0: expected finite numbers"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named(files, old, new, text):
    assert old in TWO
    (line,) = refused(read_layers, files(TWO.replace(old, new)).parent / "w.txt")
    assert text in line


def test_files_that_are_none(files, tmp_path):
    path = files(weights="# nothing\n")
    assert refused(load_graph, path) == [
        f"{tmp_path / 'w.txt'}: expected layers, each with a header `layer NAME INPUTS OUTPUTS [relu]`"
    ]
    (tmp_path / "w.txt").unlink()
    assert refused(load_graph, path) == ["w.txt: cannot read the weights: No such file or directory"]


def test_samples_that_are_not_there(files, tmp_path):
    assert refused(built.carried, files(train=3)) == [
        f"{tmp_path / 'net.yaml'}:5:3: args.train: 3 rows to train on, the data have 3: none is left to test on"
    ]
    assert refused(built.carried, files(labels="kind")) == [
        f"{tmp_path / 'd.csv'}: no array 'kind' among the samples; there is 'vectors'"
    ]


def test_a_batch_is_refused(files):
    (line,) = refused(lambda path: load_graph(path, batch=4), files())
    assert line.endswith("a network of the builder dense has no batch to bind")


class TestDigits:
    def test_the_weights_are_what_the_script_makes(self):
        """Bit for bit: the script adds in an order of its own, so no BLAS has a say."""
        script = runpy.run_path(str(ROOT / "workloads" / "digits" / "train.py"))
        assert script["text"](*script["train"]()) == (ROOT / "workloads" / "digits" / "mlp.txt").read_text()

    def test_right_on_194_of_200(self):
        graph = load_graph(DIGITS)
        samples, _ = built.carried(DIGITS)
        assert [len(part["labels"]) for part in (samples.train, samples.test)] == [300, 200]
        found = execute(graph, {"x": samples.test["x"]}, graph.native).outputs["y"].reshape(200, -1)
        assert int((found.argmax(axis=1) == samples.test["labels"]).sum()) == 194

    def test_the_samples_are_those_of_the_pattern_matching_workload(self):
        """Rows 301 to 500 of the file: what digits_nm500 recognizes, too."""
        rows = read_table(str(ROOT / "workloads" / "digits" / "optical_digits.csv"), "labels", "vectors")
        samples, _ = built.carried(DIGITS)
        np.testing.assert_array_equal(samples.test["x"][:, 0] * 16, rows["vectors"][300:])
        np.testing.assert_array_equal(samples.test["labels"], rows["labels"][300:])
        stated = built.read(ROOT / "workloads" / "digits_nm500.yaml").args
        assert (stated.learn, stated.recognize) == (300, 200)
