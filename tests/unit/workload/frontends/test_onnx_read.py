"""Files that are no networks, and constants that stay where they are."""

import hashlib

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.helper import make_node

from simulator.base.errors import InputError
from simulator.workload.frontends.onnx import load
from simulator.workload.frontends.onnx.read import read


def message(path, **bindings):
    with pytest.raises(InputError) as error:
        load(path, **bindings)
    text = str(error.value)
    assert text.startswith(str(path)), "every message begins with the file"
    return text.removeprefix(f"{path}: ")


def dense(make, rng, size=40, **more):
    arrays = {"w": rng.standard_normal((size, size)).astype(np.float32)}
    return make([make_node("MatMul", ["x", "w"], ["y"], "mm")], {"x": [2, size]}, ["y"], arrays, **more)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "not an ONNX file, or a truncated one: it parses but has no operator set"),
        (b"hello, world, this is no network", "not an ONNX file: its 32 bytes do not parse as one"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n",
            "`git lfs pull` fetches the file itself",
        ),
        (b"<!DOCTYPE html><html></html>", "this is a web page: was the download link right?"),
    ],
)
def test_what_is_no_network(tmp_path, content, expected):
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    assert expected in message(path)


def test_a_missing_file(tmp_path):
    assert message(tmp_path / "none.onnx") == "cannot read the network: No such file or directory"


def test_a_truncated_file_says_so_wherever_it_ends(make, rng):
    path = dense(make, rng)
    data = path.read_bytes()
    for end in range(0, len(data) - 1, 211):
        path.write_bytes(data[:end])
        assert "truncated" in message(path) or "not an ONNX file" in message(path)


def test_a_constant_of_the_wrong_length(make, rng):
    path = dense(make, rng)
    model = onnx.load(path)
    model.graph.initializer[0].raw_data = b"abcd"
    onnx.save(model, path)
    assert (
        message(path)
        == "constant 'w': expected 6400 bytes for shape [40, 40] of fp32, got 4; is the file truncated?"
    )


def test_an_operator_set_that_is_too_old(make, rng):
    expected = "expected an operator set of version 7 or later, got 6; onnx.version_converter can raise it"
    assert message(dense(make, rng, opset=6)) == expected


def test_element_types_that_are_no_numbers(make):
    path = make([make_node("Identity", ["c"], ["y"])], {"x": [1]}, ["y"])
    model = onnx.load(path)
    model.graph.initializer.append(helper.make_tensor("c", TensorProto.STRING, [1], [b"text"]))
    onnx.save(model, path)
    assert message(path) == "constant 'c': element type STRING is not supported"


def external(path, **change):
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    model = onnx.load(path, load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        entry.value = change.get(entry.key, entry.value)
    onnx.save(model, path)


def test_external_data_is_read_when_asked_for(make, rng):
    path = dense(make, rng)
    expected = numpy_helper.to_array(onnx.load(path).graph.initializer[0])
    external(path)
    graph = load(path)
    assert (graph.tensors["w"].constant.array() == expected).all()
    (path.parent / "weights.bin").write_bytes(b"\0" * 6400)
    assert not load(path).tensors["w"].constant.array().any()


@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.uint8, np.float64])
def test_external_data_of_other_types(make, rng, dtype):
    value = (rng.standard_normal((5, 7)) * 50).astype(dtype)
    path = make(
        [make_node("Cast", ["w"], ["a"], to=1), make_node("MatMul", ["x", "a"], ["y"])],
        {"x": [2, 5]},
        ["y"],
        {"w": value},
    )
    external(path)
    assert (read(path).constants["w"].constant.array() == value).all()


def test_external_data_that_is_absent_short_or_elsewhere(make, rng):
    path = dense(make, rng)
    external(path)
    (path.parent / "weights.bin").write_bytes(b"\0" * 100)
    expected = (
        "external data of constant 'w': expected 6400 bytes from byte 0 of 'weights.bin', which holds 100"
    )
    assert message(path) == expected
    (path.parent / "weights.bin").unlink()
    assert message(path) == "external data of constant 'w': there is no file 'weights.bin' beside the network"
    path = dense(make, rng, file="elsewhere")
    external(path, location="../../secret")
    assert (
        message(path)
        == "external data of constant 'w': '../../secret' lies outside the folder of the network"
    )


def test_the_digest_names_file_binding_and_size_of_external_data(make, rng):
    path = dense(make, rng)
    assert read(path).digest == hashlib.sha256(path.read_bytes()).hexdigest()
    one = load(path).digest
    assert load(path).digest == one
    assert load(path, batch=3).digest != one
    external(path)
    whole = load(path).digest
    with (path.parent / "weights.bin").open("ab") as stream:
        stream.write(b"\0")
    assert load(path).digest != whole


def test_four_bit_weights_are_held_one_per_byte(make):
    proto = helper.make_tensor("w", TensorProto.INT4, [3, 3], [1, -2, 3, -4, 5, -6, 7, -8, 0])
    scale = numpy_helper.from_array(np.float32(1), "s")
    nodes = [make_node("DequantizeLinear", ["w", "s"], ["d"]), make_node("MatMul", ["x", "d"], ["y"])]
    path = make(nodes, {"x": [2, 3]}, ["y"])
    model = onnx.load(path)
    model.graph.initializer.extend([proto, scale])
    onnx.save(model, path)
    weight = load(path).tensors["d"]
    assert (weight.dtype, weight.bytes) == ("int4", 5)
    assert weight.constant.array().tolist() == [[1, -2, 3], [-4, 5, -6], [7, -8, 0]]


def test_sparse_constants(make):
    values = numpy_helper.from_array(np.float32([5, 6]), "w")
    indices = numpy_helper.from_array(np.array([1, 5]), "i")
    path = make([make_node("MatMul", ["x", "w"], ["y"])], {"x": [2, 3]}, ["y"])
    model = onnx.load(path)
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [3, 2]))
    onnx.save(model, path)
    assert load(path).tensors["w"].constant.array().tolist() == [[0, 5], [0, 0], [0, 6]]


def test_large_constant_nodes_are_constants_like_others(make, rng):
    value = rng.standard_normal((64, 64)).astype(np.float32)
    nodes = [
        make_node("Constant", [], ["w"], value=numpy_helper.from_array(value)),
        make_node("MatMul", ["x", "w"], ["y"]),
    ]
    graph = load(make(nodes, {"x": [2, 64]}, ["y"]))
    assert [node.op for node in graph] == ["MatMul"]
    assert (graph.tensors["w"].constant.array() == value).all()


def test_nodes_get_names_of_their_own(make):
    nodes = [
        make_node("Exp", ["x"], ["a"], "same"),
        make_node("Log", ["a"], ["b"], "same"),
        make_node("Neg", ["b"], ["c"]),
    ]
    assert [node.name for node in load(make(nodes, {"x": [2]}, ["c"]))] == ["same", "same_2", "c"]
