"""One entry for all network files; nothing heavy is imported before a file needs it."""

import subprocess
import sys

import pytest

from simulator.base.errors import InputError
from simulator.workload.load import READERS, load_graph


def test_the_suffix_names_the_format(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text("layers: [{op: Gemm, m: 4, n: 4, k: 4}]")
    assert load_graph(path).name == "net"
    assert load_graph(str(path)).nodes == load_graph(path).nodes
    assert set(READERS) >= {".onnx", ".yaml", ".yml"}


def test_other_files(tmp_path):
    (tmp_path / "net.txt").write_text("a network")
    with pytest.raises(InputError, match=r"expected a network file \(.*\.onnx.*\), got suffix '.txt'"):
        load_graph(tmp_path / "net.txt")
    with pytest.raises(InputError, match="no such network"):
        load_graph(tmp_path / "net.onnx")


def test_precision_is_applied(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text("precision: {weights: fp32, activations: fp32}\nlayers: [{op: Gemm, m: 4, n: 4, k: 4}]")
    graph = load_graph(path, precision="int8")
    assert {tensor.dtype for tensor in graph.tensors.values()} == {"int8"}
    assert "costed as if quantized to int8" in graph.assumptions[0]


def test_importing_and_listing_load_nothing_heavy():
    code = (
        "import sys, simulator.workload.load; from simulator.workload.op import OPS; "
        "assert len(OPS.names()) > 150; "
        "print([m for m in ('onnx', 'numba', 'simpy', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
