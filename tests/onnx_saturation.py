"""Whether onnxruntime multiplies bytes exactly on this machine; for tests, needs onnxruntime."""

from __future__ import annotations

from functools import cache

import numpy as np
from onnx import TensorProto, helper, numpy_helper


@cache
def saturates() -> bool:
    """Whether products of unsigned by signed bytes saturate at 16 bits, as on x86 without VNNI.

    onnxruntime adds two products in 16 bits there, and advises weights of 7 bits (``reduce_range``); its
    option ``session.x64quantprecision`` helps some operators (onnxruntime_session_options_config_keys.h).
    """
    import onnxruntime as runtime

    weight = numpy_helper.from_array(np.full((64, 16), 127, np.int8), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["x", "w"], ["y"])], "g",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [4, 64])],
        [helper.make_tensor_value_info("y", TensorProto.INT32, [4, 16])], [weight],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return bool((session.run(None, {"x": np.full((4, 64), 255, np.uint8)})[0] != 255 * 127 * 64).any())


def signed_weights(rng: np.random.Generator, shape: tuple[int, ...], ends: bool = False) -> np.ndarray:
    """int8 over the whole range, or its ``ends`` alone; of 7 bits where products saturate otherwise."""
    least, most = (-64, 63) if saturates() else (-128, 127)
    made = rng.choice([least, most], shape) if ends else rng.integers(least, most + 1, shape)
    return made.astype(np.int8)
