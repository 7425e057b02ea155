"""How fast networks are executed: int8 beside onnxruntime, in one run, one thread each. ``make bench``.

And how fast products of vectors are in the arithmetic of memories that compute, beside plain numpy.

CPU time of this process, medians of runs that alternate, after two warm-up runs. Compiling kernels, loading
networks and arranging weights is counted for neither. The products are exact in both.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: none of the kernels measured uses it

import numpy as np  # noqa: E402
import onnx  # noqa: E402
from onnx import helper, numpy_helper  # noqa: E402

sys.path.append(str(Path(__file__).parent.parent / "tests"))
from quantized_resnet import LIGHT, WAYS, network_input, picture, quantized  # noqa: E402

from simulator.kernels.block import LANES, QUADS  # noqa: E402
from simulator.workload import fast  # noqa: E402
from simulator.workload.execute import execute  # noqa: E402
from simulator.workload.load import load_graph  # noqa: E402
from simulator.workload.numerics import PROFILES  # noqa: E402
from simulator.workload.pim import fast as pim  # noqa: E402
from simulator.workload.pim import plain  # noqa: E402
from simulator.workload.pim.devices import GDDR6_AIM, HBM_PIM  # noqa: E402

M, K, N = 512, 1024, 512
PRODUCTS = ("MatMulInteger", "QLinearMatMul")


def alternating(actions: dict[str, Callable[[], object]], times: int = 15) -> dict[str, float]:
    """Median seconds of each action, run one after the other so many times."""
    spent: dict[str, list[float]] = {name: [] for name in actions}
    for turn in range(times + 2):
        for name, action in actions.items():
            started = time.process_time()
            action()
            if turn > 1:
                spent[name].append(time.process_time() - started)
    return {name: statistics.median(each) for name, each in spent.items()}


def session(model: bytes | Path) -> object:
    """One thread, every optimization."""
    import onnxruntime as runtime

    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    given = model if isinstance(model, bytes) else str(model)
    return runtime.InferenceSession(given, options, providers=["CPUExecutionProvider"])


def product(op: str, kind: type, weight: np.ndarray) -> bytes:
    """One matrix product as a model; the weight is a constant."""
    constants = {"w": weight}
    names = ["x", "w"]
    if op == "QLinearMatMul":
        constants |= {"s": np.float32(0.1), "z": kind(0), "wz": np.int8(0)}
        names = ["x", "s", "z", "w", "s", "wz", "s", "z"]
    element = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    result = onnx.TensorProto.INT32 if op == "MatMulInteger" else element
    graph = helper.make_graph(
        [helper.make_node(op, names, ["y"])],
        op,
        [helper.make_tensor_value_info("x", element, (M, K))],
        [helper.make_tensor_value_info("y", result, (M, N))],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 21)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()


def products(peer: bool) -> None:
    """A matrix product alone."""
    print(f"int8, {M} x {K} by {K} x {N}; GMAC/s")
    rng = np.random.default_rng(1)
    first, weight = (rng.integers(-128, 128, shape).astype(np.int8) for shape in ((M, K), (K, N)))
    columns = np.ascontiguousarray(weight.T)
    columns.flags.writeable = False  # as the constants of a network
    zeros = (0, np.zeros(1, np.int64))
    ours = "chipsim"
    actions = {ours: lambda: fast.multiply(first, columns, zeros, None, PROFILES["onnxruntime"])}
    for op in PRODUCTS if peer else ():
        for kind in (np.int8, np.uint8):
            runtime, feeds = session(product(op, kind, weight)), {"x": first.view(kind)}
            name = f"onnxruntime {op} {'s8' if kind is np.int8 else 'u8'} x s8"
            actions[name] = lambda runtime=runtime, feeds=feeds: runtime.run(None, feeds)
    seconds = alternating(actions)
    for name, each in seconds.items():
        ratio = f"   chipsim is {each / seconds[ours]:5.2f} times as fast" if name != ours else ""
        goal = " (goal 2)" if "s8 x s8" in name else ""
        print(f"  {name:<40} {M * K * N / each / 1e9:7.0f}{ratio}{goal}")


def resnet50() -> None:
    """The whole network, from a picture to probabilities; needs onnxruntime, which quantizes it."""
    print("ResNet-50, 224 x 224, seeded weights; milliseconds for one picture, and values that differ")
    with tempfile.TemporaryDirectory() as folder:
        for way in WAYS:
            path = quantized(way, Path(folder))
            graph, runtime, feeds = load_graph(path), session(path), {network_input(path): picture(7)}
            found = execute(graph, feeds, "onnxruntime").outputs[graph.outputs[0]]
            differing = int((found != runtime.run(None, feeds)[0]).sum())
            seconds = alternating(
                {
                    "ours": lambda graph=graph, feeds=feeds: execute(graph, feeds, "onnxruntime"),
                    "theirs": lambda runtime=runtime, feeds=feeds: runtime.run(None, feeds),
                }
            )
            ours, theirs = seconds["ours"] * 1e3, seconds["theirs"] * 1e3
            goal = " (goal 1)" if way.endswith("s8") else ""
            print(
                f"  {way:<14} chipsim {ours:6.1f}   onnxruntime {theirs:6.1f}   "
                f"chipsim is {theirs / ours:5.2f} times as fast{goal}   {differing} of {found.size}"
            )


def memories() -> None:
    """Products of a matrix and a vector as HBM-PIM and GDDR6-AiM round them."""
    size = 4096
    print(f"memories that compute, {size} x {size} by a vector; milliseconds (goal 50)")
    rng = np.random.default_rng(1)
    vector, matrix = (rng.standard_normal(shape).astype(np.float16) for shape in ((1, size), (size, size)))
    matrix.flags.writeable = False  # as the constants of a network
    seconds = alternating(
        {
            "HBM-PIM, FP16": lambda: pim.dot_fp16(vector, matrix, HBM_PIM),
            "GDDR6-AiM, BF16": lambda: pim.dot_bf16(vector, matrix, None, GDDR6_AIM),
        }
    )
    plainly = alternating(
        {
            "HBM-PIM, FP16": lambda: plain.dot_fp16(vector, matrix, HBM_PIM),
            "GDDR6-AiM, BF16": lambda: plain.dot_bf16(vector, matrix, None, GDDR6_AIM),
        },
        times=1,
    )
    for name, each in seconds.items():
        print(f"  {name:<40} {each * 1e3:7.1f}   plain numpy {plainly[name] * 1e3:7.0f}")


def main() -> None:
    """All, or what can be had without onnxruntime."""
    kind = "quads of 8 bits" if QUADS else "pairs of 16 bits"
    print(f"kernel: {kind}, {32 * LANES}-bit vectors")
    memories()
    try:
        import onnxruntime
    except ImportError:
        products(peer=False)
        print("onnxruntime is not installed (extra golden): the comparisons and ResNet-50 are skipped")
        return
    print(f"onnxruntime {onnxruntime.__version__}, all optimizations, one thread")
    products(peer=True)
    if LIGHT.is_file():
        resnet50()
    else:
        print("the installed onnx package carries no light models: ResNet-50 is skipped")


if __name__ == "__main__":
    main()
