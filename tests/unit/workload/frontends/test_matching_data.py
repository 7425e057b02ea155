"""Data of pattern matching: what becomes a component or a category, what is refused, what a graph is of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simulator.base.errors import InputError
from simulator.workload import neurons
from simulator.workload.arrays import read_table
from simulator.workload.execute import execute
from simulator.workload.frontends.matching.args import Matching
from simulator.workload.frontends.matching.build import Size, build_sized, size_of
from simulator.workload.frontends.matching.data import make_samples, read_knowledge
from simulator.workload.load import load_graph

VECTORS = np.array([[0, 255, 7], [1, 2, 3]])


def refused(make, *given, **named) -> list[str]:
    with pytest.raises(InputError) as error:
        make(*given, **named)
    return str(error.value).splitlines()


def samples(args=None, file="d.npz", **arrays):
    return make_samples(args or Matching(learn=1), arrays, file)


class TestSamples:
    @pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.float16, np.float64, np.bool_])
    def test_any_numbers_that_are_whole(self, dtype):
        array = VECTORS.astype(dtype)
        found = samples(vectors=array, labels=np.array([1, 0]))
        assert found.vectors.dtype == np.uint8
        assert found.vectors.tolist() == array.astype(int).tolist()
        assert found.categories.tolist() == [1, 0]

    def test_scale_and_shift(self):
        args = Matching(learn=1, scale=16, shift=1)
        found = samples(args, vectors=np.array([[0.0, 0.0625, 1.0]], np.float32), labels=np.array([0]))
        assert found.vectors.tolist() == [[0, 1, 16]]
        assert found.categories.tolist() == [1]

    def test_images_are_rows_of_components(self):
        assert samples(vectors=np.zeros((4, 2, 3)), labels=np.ones(4)).vectors.shape == (4, 6)

    def test_labels_are_needed_to_teach_alone(self):
        assert samples(Matching(learn=0), vectors=VECTORS).categories is None
        message = "d.npz: no array 'labels' with labels; there is 'vectors'; name it with --set workload.labels=NAME"
        assert refused(samples, vectors=VECTORS) == [message]

    def test_a_misspelt_name(self):
        message = (
            "d.npz: no array 'vectors' with vectors; there is 'vector', 'y'; did you mean 'vector'?; "
            "name it with --set workload.vectors=NAME"
        )
        assert refused(samples, vector=VECTORS, y=np.ones(2)) == [message]

    @pytest.mark.parametrize(
        ("value", "got"),
        [(256, "256.0"), (-1, "-1.0"), (0.5, "0.5"), (np.nan, "nan"), (np.inf, "inf")],
    )
    def test_what_is_no_component(self, value, got):
        array = np.full((3, 4), 9.0)
        array[1, 2] = value
        message = f"d.npz: 'vectors': expected components as whole numbers from 0 to 255, got {got} at [1, 2]"
        found = refused(samples, vectors=array, labels=np.ones(3))
        assert found == [message + ("; times 2 all are whole: --set workload.scale=2" if value == 0.5 else "")]

    @pytest.mark.parametrize("value", [32767, 65535, -1, 1.5, np.nan])
    def test_what_is_no_category(self, value):
        labels = np.array([1, value])
        message = "d.npz: 'labels': expected categories as whole numbers from 0 to 32766 (0: a counterexample), got "
        (found,) = refused(samples, vectors=VECTORS, labels=labels)
        assert found == f"{message}{labels[1]} at [1]"

    def test_what_scale_and_shift_made_of_it_is_said(self):
        args = Matching(learn=1, scale=100, shift=-2)
        found = refused(samples, args, vectors=np.array([[3.0]]), labels=np.array([1]))
        assert found == [
            "d.npz: 'vectors': expected components as whole numbers from 0 to 255, got 3.0 x 100 = 300 at [0, 0]",
            "d.npz: 'labels': expected categories as whole numbers from 0 to 32766 (0: a counterexample), "
            "got 1 -2 = -1 at [0]",
        ]

    def test_shapes(self):
        assert refused(samples, vectors=np.zeros(3), labels=np.ones(3)) == [
            "d.npz: 'vectors': expected a row of components per vector, got shape [3]"
        ]
        assert refused(samples, vectors=VECTORS, labels=np.ones(3)) == [
            "d.npz: 'labels': expected one per vector, 2, got shape [3]"
        ]

    def test_text_is_no_number(self):
        assert refused(samples, vectors=VECTORS.astype(str), labels=np.ones(2)) == [
            "d.npz: 'vectors': expected numbers, got <U21"
        ]


class TestTables:
    def test_a_header_and_rows(self, tmp_path):
        file = tmp_path / "t.csv"
        file.write_text("# where from\na,kind,b\n1,7,2\n\n3,8,4\n")
        found = read_table(str(file), "kind", "vectors")
        assert found["vectors"].tolist() == [[1, 2], [3, 4]]
        assert found["kind"].tolist() == [7, 8]

    def test_every_wrong_cell_has_its_place(self, tmp_path):
        file = tmp_path / "t.csv"
        file.write_text("a,b\n1,x\n2\n3,4\n,5\n")
        assert refused(read_table, str(file), "b", "vectors") == [
            f"{file}:2:2: b: expected a number, got 'x'",
            f"{file}:3: expected 2 numbers, got 1",
            f"{file}:5:1: a: expected a number, got ''",
        ]

    def test_a_file_without_rows_or_none_at_all(self, tmp_path):
        file = tmp_path / "t.csv"
        file.write_text("a,b\n")
        text = f"{file}: expected a header of names and at least one row of numbers"
        assert refused(read_table, str(file), "b", "vectors") == [text]
        (found,) = refused(read_table, str(tmp_path / "u.csv"), "b", "vectors")
        assert found.startswith(f"{tmp_path / 'u.csv'}: cannot read the data: ")


class TestSizes:
    def make(self, most=256, **args):
        given = samples(Matching(**args), vectors=np.zeros((10, 4)), labels=np.ones(10))
        return size_of(Matching(**args), given, 8, most)

    def test_what_is_left_is_recognized(self):
        assert self.make(learn=6) == Size(6, 4, 4, 8)
        assert self.make(learn=6, recognize=3) == Size(6, 3, 4, 8)
        assert self.make(learn=10) == Size(10, 0, 4, 8)

    def test_sizes_alone(self):
        args = Matching(learn=0, recognize=5, length=7)
        assert size_of(args, None, 8, 256) == Size(0, 5, 7, 8)
        assert refused(size_of, Matching(learn=1), None, 8, 256) == [
            "args.data: expected a file of vectors here or with --inputs, or `length` for sizes alone",
            "args.recognize: expected a number of vectors where there are no data",
        ]

    @pytest.mark.parametrize(
        ("named", "message"),
        [
            ({"learn": 11}, "args.learn: 11 rows to learn, the data have 10"),
            ({"learn": 6, "recognize": 5}, "args.recognize: 5 rows to recognize, 4 are left after those to learn"),
            ({"learn": 1, "length": 5}, "args.length: 5 stated, the vectors have 4 components"),
            (
                {"learn": 1, "most": 3},
                "d.npz: a neuron stores at most 3 components, the vectors have 4",
            ),
            (
                {"learn": 0},
                "args.learn: no neuron would hold anything: teach some rows, or name the file of a `knowledge`",
            ),
        ],
    )
    def test_what_does_not_fit(self, named, message):
        assert refused(self.make, **named) == [message]

    def test_vectors_of_257_components(self):
        text = "d.npz: a neuron stores at most 256 components, the vectors have 257"
        given = samples(Matching(learn=1), vectors=np.zeros((2, 257)), labels=np.ones(2))
        assert refused(size_of, Matching(learn=1), given, 576, 256) == [text]
        given = samples(Matching(learn=1), vectors=np.zeros((2, 256)), labels=np.ones(2))
        assert size_of(Matching(learn=1), given, 576, 256).components == 256


class TestKnowledge:
    @pytest.fixture
    def saved(self, tmp_path) -> Path:
        """Three neurons with one that is not committed between them."""
        registers = np.array([[1, 5, 30, 2], [0, 0, 0, 0], [1, 6 | 0x8000, 2, 2]], np.int32)
        np.savez(tmp_path / "k.npz", prototypes=np.array([[1, 2], [9, 9], [3, 4]], np.uint8), registers=registers)
        return tmp_path / "k.npz"

    def test_committed_neurons_come_first(self, saved):
        prototypes, registers = read_knowledge(str(saved), 4, 2)
        assert prototypes.tolist() == [[1, 2], [3, 4], [0, 0], [0, 0]]
        assert registers.tolist() == [[1, 5, 30, 2], [1, 6 | 0x8000, 2, 2], [0] * 4, [0] * 4]

    def test_what_is_none(self, saved, tmp_path):
        assert refused(read_knowledge, str(saved), 1, 2) == [
            f"{saved}: it holds 2 neurons, there are 1 to restore to"
        ]
        assert refused(read_knowledge, str(saved), 4, 3) == [
            f"{saved}: its prototypes have 2 components, the vectors have 3"
        ]
        other = tmp_path / "o.npz"
        np.savez(other, x=np.zeros(1))
        assert refused(read_knowledge, str(other), 4, 3) == [
            f"{other}: expected arrays 'prototypes' and 'registers' as `execute` writes them, there is 'x'"
        ]
        np.savez(other, prototypes=np.zeros((1, 3)), registers=np.zeros((1, 4), int))
        assert refused(read_knowledge, str(other), 4, 3) == [
            f"{other}: 'prototypes': expected uint8 in rows, got float64 [1, 3]"
        ]
        np.savez(other, prototypes=np.zeros((1, 3), np.uint8), registers=np.array([[1, 3, 70000, 2]]))
        assert refused(read_knowledge, str(other), 4, 3) == [
            f"{other}: neuron 1: expected its influence field from 0 to 65535, got 70000"
        ]


class TestGraphs:
    def test_learning_then_recognizing(self):
        graph = build_sized(Matching(learn=3, k=2), "g", Size(3, 5, 4, 8))
        assert [(node.name, node.op) for node in graph] == [("learn", "MatchLearn"), ("recognize", "Match")]
        shapes = {name: graph.tensors[name].shape for name in graph.outputs}
        assert shapes == {
            "prototypes": (8, 4), "registers": (8, 4), "learning": (1, 3, 6), "categories": (5, 2),
            "distances": (5, 2), "identifiers": (5, 2), "degenerate": (5, 2), "status": (5,),
        }  # fmt: skip

    def test_the_status_alone(self):
        graph = build_sized(Matching(learn=3, k=0), "g", Size(3, 5, 4, 8))
        assert graph.outputs[-1] == "status"
        assert "categories" not in graph.outputs

    def test_readable_and_compiled_execution_agree(self, rng):
        graph = build_sized(Matching(learn=20, k=3, epochs=2, save=True), "g", Size(20, 9, 4, 8))
        inputs = {
            "taught": rng.integers(0, 9, (20, 4), np.uint8),
            "categories_taught": rng.integers(0, 4, 20, np.uint16),
            "vectors": rng.integers(0, 9, (9, 4), np.uint8),
        }
        slow, quick = (execute(graph, inputs, "onnxruntime", readable=way) for way in (True, False))
        for name in graph.outputs:
            np.testing.assert_array_equal(slow.outputs[name], quick.outputs[name], name)
        np.testing.assert_array_equal(quick.outputs["saved"], quick.outputs["prototypes"])

    def test_a_degenerate_answer_is_told_apart_from_its_category(self):
        graph = build_sized(Matching(learn=2, k=2), "g", Size(2, 1, 1, 4))
        inputs = {
            "taught": np.array([[10], [11]], np.uint8),
            "categories_taught": np.array([3, 4], np.uint16),
            "vectors": np.array([[10]], np.uint8),
        }
        found = execute(graph, inputs, "onnxruntime").outputs
        assert found["categories"].tolist() == [[3, 4]]
        assert found["degenerate"].tolist() == [[True, True]]
        assert found["distances"].tolist() == [[0, 1]]

    def test_the_digits_by_name(self):
        graph = load_graph("digits_nm500")
        assert {name: graph.tensors[name].shape for name in graph.inputs} == {
            "taught": (300, 64), "categories_taught": (300,), "vectors": (200, 64),
        }  # fmt: skip

    def test_arguments_that_contradict_each_other_are_placed(self, tmp_path):
        file = tmp_path / "m.yaml"
        file.write_text("builder: matching\nargs: {learn: 3, recognize: 1, length: 4, minif: 9, maxif: 3}\n")
        assert refused(load_graph, file) == [f"{file}:2:1: args: maxif (3) must be at least minif (9)"]
        file.write_text("builder: matching\nargs:\n  learn: 3\n  recognize: 1\n  length: 400\n")
        assert refused(load_graph, file) == [
            f"{file}:5:3: args.length: a neuron stores at most 256 components, the vectors have 400"
        ]
        file.write_text("builder: matching\nargs: {learn: 3, context: 0}\n")
        (found,) = refused(load_graph, file)
        assert found.endswith("args: context 0 means the neurons of all contexts; teach one of 1 to 127")


def test_the_largest_category_leaves_room_for_no_answer():
    assert neurons.LARGEST_CATEGORY | neurons.DEGENERATE_BIT != neurons.NOTHING
    assert (neurons.LARGEST_CATEGORY + 1) | neurons.DEGENERATE_BIT == neurons.NOTHING
