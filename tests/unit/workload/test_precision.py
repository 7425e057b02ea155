"""What a float network would cost at another precision."""

from dataclasses import replace

import numpy as np
import pytest

from simulator.base.errors import InputError
from simulator.workload.graph import Graph, Node
from simulator.workload.op import work_of
from simulator.workload.precision import assume, parse
from simulator.workload.tensor import Constant, Tensor
from simulator.workload.work import Contraction


def tensor(name, shape, dtype="fp32", constant=False):
    return Tensor(name, shape, dtype, constant=Constant(lambda: np.zeros(shape)) if constant else None)


@pytest.fixture
def graph():
    tensors = [
        tensor("ids", (1, 4), "int64"),
        tensor("table", (100, 8), constant=True),
        tensor("e", (1, 4, 8)),
        tensor("w", (8, 6), constant=True),
        tensor("b", (6,), constant=True),
        tensor("y", (1, 4, 6)),
        tensor("gamma", (6,), constant=True),
        tensor("n", (1, 4, 6)),
        tensor("half", (1, 4, 6), "fp16"),
        tensor("t", (1, 6, 4), "fp16"),
        tensor("m", (1, 4, 4), "fp16"),
    ]
    nodes = (
        Node("embed", "Gather", ("table", "ids"), ("e",)),
        Node("fc", "MatMul", ("e", "w", "b"), ("y",), epilogue=("bias", "relu")),
        Node("norm", "RMSNormalization", ("y", "gamma"), ("n",)),
        Node("cast", "Cast", ("n",), ("half",), {"to": 10}),
        Node("turn", "Transpose", ("half",), ("t",), {"perm": (0, 2, 1)}),
        Node("scores", "MatMul", ("half", "t"), ("m",)),
    )
    return Graph("g", nodes, {t.name: t for t in tensors}, ("ids",), ("m",), digest="d")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("int8", ("int8", "int8")),
        ("fp16", ("fp16", "fp16")),
        ("w4a8", ("int4", "int8")),
        ("w8a8", ("int8", "int8")),
        ("int4/fp16", ("int4", "fp16")),
        ("int8/int16", ("int8", "int16")),
    ],
)
def test_parse(text, expected):
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("w8a16", "precision: 'w8a16' may mean 'int8/int16' or 'int8/fp16': write which"),
        ("in8", "got 'in8'; did you mean 'int8'?"),
        ("int8/", "expected an element type"),
        ("w3a8", "got 'w3a8'; did you mean"),
        ("", "expected an element type"),
    ],
)
def test_what_is_no_precision(text, message):
    with pytest.raises(InputError) as error:
        parse(text)
    assert message in str(error.value)


def test_integers(graph):
    made = assume(graph, "w4a8")
    assert {name: t.dtype for name, t in made.tensors.items()} == {
        "ids": "int64", "table": "int4", "e": "int8", "w": "int4", "b": "int32", "y": "int8", "gamma": "int8",
        "n": "int8", "half": "int8", "t": "int8", "m": "int8",
    }  # fmt: skip
    assert [(node.op, node.epilogue) for node in made] == [
        ("Gather", ()),
        ("MatMul", ("bias", "relu", "requant")),
        ("RMSNormalization", ("requant",)),
        ("Identity", ()),
        ("Transpose", ()),
        ("MatMul", ("requant",)),
    ]
    assert {w.precision for node in made for w in work_of(node, made) if isinstance(w, Contraction)} == {
        "int8"
    }
    assert made.assumptions == (
        "the network file is fp32; it is costed as if quantized to int4 weights and int8 activations "
        "(no accuracy implied)",
    )
    assert made.digest != graph.digest


def test_floats(graph):
    made = assume(graph, "int4/fp16")
    assert {made.tensors[name].dtype for name in ("e", "b", "y", "n", "half", "m")} == {"fp16"}
    assert {made.tensors[name].dtype for name in ("w", "table")} == {"int4"}
    assert not any("requant" in node.epilogue for node in made)
    assert {w.precision for node in made for w in work_of(node, made) if isinstance(w, Contraction)} == {
        "fp16"
    }
    assert "converted to fp16 (no" in assume(graph, "fp16").assumptions[0]


def test_each_precision_is_another_network(graph):
    digests = {assume(graph, text).digest for text in ("int8", "w4a8", "fp16", "int8/int16")}
    assert len(digests) == 4
    assert assume(graph, "int8").digest == assume(graph, "int8").digest


def test_a_quantized_network_is_what_its_file_says(graph):
    quantized = assume(graph, "int8")
    assert assume(quantized, "int8") is quantized
    unsigned = {n: replace(t, dtype="uint8") if n == "e" else t for n, t in quantized.tensors.items()}
    assert assume(replace(quantized, tensors=unsigned), "int8").tensors == unsigned
    with pytest.raises(
        InputError, match="precision: the network file is quantized already, to int8; fp16 cannot be"
    ):
        assume(quantized, "fp16")


def test_a_quantized_network_is_asked_for_by_both_its_types(graph):
    """Weights of int8 are none of int4, though the activations are those asked for; and the other way round."""
    even, mixed = assume(graph, "int8"), assume(graph, "w4a8")
    assert assume(mixed, "w4a8") is mixed
    for quantized, asked in ((even, "w4a8"), (mixed, "int8"), (mixed, "int4"), (mixed, "int8/int4")):
        with pytest.raises(InputError, match=f"quantized already, .*; {asked} cannot be assumed"):
            assume(quantized, asked)


def test_values_of_weights_are_not_touched(graph):
    assert assume(graph, "int8").tensors["w"].constant is graph.tensors["w"].constant
