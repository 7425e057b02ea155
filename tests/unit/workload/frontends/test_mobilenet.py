"""MobileNets from their tables: counts as published."""

from __future__ import annotations

from math import prod

import pytest

from simulator.base.errors import InputError
from simulator.workload.frontends.mobilenet import MobileNet, build
from simulator.workload.graph import Graph
from simulator.workload.load import load_graph
from simulator.workload.op import work_of
from simulator.workload.work import Contraction


def macs(graph: Graph) -> int:
    works = [work for node in graph for work in work_of(node, graph)]
    return sum(work.macs for work in works if isinstance(work, Contraction))


def weights(graph: Graph) -> int:
    return sum(t.elements for t in graph.tensors.values() if t.constant is not None and t.dtype == "int8")


def test_version_1_is_as_published():
    """Table 8 of arXiv:1704.04861: 569 M multiply-adds and 4.2 M parameters. Exactly 568 740 352."""
    graph = load_graph("mobilenet_v1")
    assert macs(graph) == 568_740_352
    assert round(macs(graph) / 1e6) == 569
    assert round(weights(graph) / 1e6, 1) == 4.2
    assert graph.tensors["pw13.out"].shape == (1, 1024, 7, 7)


def test_version_2_is_as_published():
    """Table 4 of arXiv:1801.04381: 300 M multiply-adds and 3.4 M parameters. Exactly 300 774 272."""
    graph = load_graph("mobilenet_v2")
    assert macs(graph) == 300_774_272
    assert 300 <= macs(graph) / 1e6 < 301
    assert 3.4 <= weights(graph) / 1e6 < 3.5
    assert sum(node.op == "Add" for node in graph) == 10
    assert graph.tensors["head.out"].shape == (1, 1280, 7, 7)


@pytest.mark.parametrize(
    ("width", "resolution", "millions"), [(0.75, 224, 325), (0.5, 224, 149), (1.0, 192, 418), (1.0, 128, 186)]
)
def test_narrower_and_smaller_ones_of_version_1(width: float, resolution: int, millions: int):
    """Tables 6 and 7 of arXiv:1704.04861."""
    graph = build(MobileNet(version=1, width=width, resolution=resolution), "net")
    assert round(macs(graph) / 1e6) == millions


def test_channels_of_version_2_are_multiples_of_eight():
    graph = build(MobileNet(version=2, width=0.35), "net")
    channels = [
        t.shape[1] for name, t in graph.tensors.items() if name.endswith(".out") and len(t.shape) == 4
    ]
    assert all(count % 8 == 0 for count in channels)
    assert graph.tensors["head.out"].shape[1] == 1280
    assert round(macs(graph) / 1e6) == 59  # as the networks published with that width


def test_batch_and_classes(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text("builder: mobilenet\nargs: {version: 2, resolution: 96, batch: 2, classes: 10}\n")
    graph = load_graph(path)
    assert graph.name == "net"
    assert graph.tensors[graph.outputs[0]].shape == (2, 10)
    three = load_graph(path, batch=3)
    assert three.tensors["image"].shape == (3, 3, 96, 96)
    assert graph.digest != three.digest
    assert prod(three.tensors[three.outputs[0]].shape) == 30


def test_wrong_arguments_are_located(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text("builder: mobilenet\nargs: {version: 2, widht: 0.5}\n")
    with pytest.raises(InputError, match=r"net.yaml:2:.*widht: unknown key; did you mean 'width'\?"):
        load_graph(path)
    path.write_text("builder: mobilnet\n")
    with pytest.raises(InputError, match=r"net.yaml:1:.*got 'mobilnet'; did you mean 'mobilenet'\?"):
        load_graph(path)
    path.write_text("builder: mobilenet\n")
    with pytest.raises(InputError, match="a built network has no free dimensions"):
        load_graph(path, dims={"n": 2})
