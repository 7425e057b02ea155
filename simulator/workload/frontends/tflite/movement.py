"""Operators that move data, or give it another shape or type."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from simulator.workload.frontends.tflite.draft import Draft, node_name
from simulator.workload.frontends.tflite.operators import VIEWS, converter, epilogue_of, names
from simulator.workload.frontends.tflite.read import Operator
from simulator.workload.ops.conversion import ELEMENT_TYPES as ONNX_TYPES


@converter(*VIEWS)
def _view(draft: Draft, index: int, operator: Operator) -> None:
    result, ifmap = draft.tensor(operator.outputs[0]), draft.tensor(operator.inputs[0])
    shape = draft.batched(result.shape)
    if prod(shape) != ifmap.elements and draft.ratio:
        raise ValueError(f"{list(shape)} does not hold the batch of {draft.ratio[1]}")
    inputs = names(draft, operator.inputs[:1])
    draft.add(index, "Reshape", inputs, names(draft, operator.outputs), {"shape": shape})


@converter("CONCATENATION")
def _concatenation(draft: Draft, index: int, operator: Operator) -> None:
    quants = {draft.tensor(i).quant for i in (*operator.inputs, *operator.outputs)}
    epilogue, more = epilogue_of(draft, operator, computes=len(quants) > 1)
    attrs = {"axis": operator.options["Axis"], **more}
    inputs = names(draft, operator.inputs)
    draft.add(index, "Concat", inputs, names(draft, operator.outputs), attrs, epilogue)


@converter("PAD", "PADV2", "MIRROR_PAD")
def _pad(draft: Draft, index: int, operator: Operator) -> None:
    pads = draft.integers(operator.inputs[1])
    attrs: dict[str, Any] = {"pads": (*pads[::2], *pads[1::2])}
    if operator.code == "MIRROR_PAD":
        attrs["mode"] = "symmetric" if operator.options["Mode"] else "reflect"
    if len(operator.inputs) > 2:
        filling = draft.tensor(operator.inputs[2])
        value = float(np.ravel(filling.constant.array())[0]) if filling.constant else None
        if value is None:
            raise ValueError("the value that it pads with must be constant")
        if filling.quant:
            value = filling.quant.scale[0] * (value - filling.quant.zero_point[0])
        attrs["value"] = value
    epilogue = _rescales(draft, operator)
    inputs = names(draft, operator.inputs[:1])
    draft.add(index, "Pad", inputs, names(draft, operator.outputs), attrs, epilogue)


def _rescales(draft: Draft, operator: Operator) -> tuple[str, ...]:
    same = draft.tensor(operator.inputs[0]).quant == draft.tensor(operator.outputs[0]).quant
    return () if same else ("requant",)


@converter("TRANSPOSE")
def _transpose(draft: Draft, index: int, operator: Operator) -> None:
    attrs = {"perm": tuple(draft.integers(operator.inputs[1]))}
    inputs = names(draft, operator.inputs[:1])
    draft.add(index, "Transpose", inputs, names(draft, operator.outputs), attrs)


@converter("SLICE")
def _slice(draft: Draft, index: int, operator: Operator) -> None:
    shape = draft.tensor(operator.inputs[0]).shape
    begins, sizes = draft.integers(operator.inputs[1]), draft.integers(operator.inputs[2])
    ends = [n if size < 0 else begin + size for begin, size, n in zip(begins, sizes, shape, strict=True)]
    _cut(draft, index, operator, begins, ends, [1] * len(shape), operator.outputs[0])


@converter("STRIDED_SLICE")
def _strided_slice(draft: Draft, index: int, operator: Operator) -> None:
    options, ifmap = operator.options, draft.tensor(operator.inputs[0])
    if options.get("EllipsisMask") or options.get("NewAxisMask"):
        raise ValueError("ellipsis and new axes in a slice are not supported")
    begins, ends, steps = (draft.integers(i) for i in operator.inputs[1:4])
    for axis, extent in enumerate(ifmap.shape[: len(begins)]):
        if options.get("ShrinkAxisMask", 0) >> axis & 1:
            begins[axis] += extent if begins[axis] < 0 else 0
            ends[axis], steps[axis] = begins[axis] + 1, 1
            continue
        back = steps[axis] < 0
        if options.get("BeginMask", 0) >> axis & 1:
            begins[axis] = extent - 1 if back else 0
        if options.get("EndMask", 0) >> axis & 1:
            ends[axis] = -extent - 1 if back else extent
    _cut(draft, index, operator, begins, ends, steps, operator.outputs[0])


def _cut(
    draft: Draft,
    index: int,
    operator: Operator,
    begins: list[int],
    ends: list[int],
    steps: list[int],
    to: int,
) -> None:
    """A slice, and a view where it drops axes."""
    result, data = draft.tensor(to), draft.tensor(operator.inputs[0])
    attrs = {"starts": tuple(begins), "ends": tuple(ends), "axes": tuple(range(len(begins))),
             "steps": tuple(steps)}  # fmt: skip
    kept = tuple(
        len(range(*slice(b, e, s).indices(n)))
        for b, e, s, n in zip(begins, ends, steps, data.shape, strict=False)
    )
    kept = (*kept, *data.shape[len(kept) :])
    if kept == draft.batched(result.shape):
        draft.add(index, "Slice", [data.name], [result.name], attrs)
        return
    whole = draft.middle(f"{node_name(index, operator.code)}.slice.{to}", data, kept)
    draft.add(index, "Slice", [data.name], [whole], attrs, suffix=f".slice.{to}")
    shape = {"shape": draft.batched(result.shape)}
    draft.add(index, "Reshape", [whole], [result.name], shape, suffix=f".view.{to}")


@converter("SPLIT", "SPLIT_V")
def _split(draft: Draft, index: int, operator: Operator) -> None:
    first = operator.code == "SPLIT"
    axis = draft.integers(operator.inputs[0 if first else 2])[0]
    data = draft.tensor(operator.inputs[1 if first else 0])
    parts = [draft.tensor(i).shape[axis] for i in operator.outputs]
    attrs = {"axis": axis % len(data.shape), "split": tuple(parts)}
    draft.add(index, "Split", [data.name], names(draft, operator.outputs), attrs)


@converter("UNPACK")
def _unpack(draft: Draft, index: int, operator: Operator) -> None:
    data = draft.tensor(operator.inputs[0])
    axis = operator.options["Axis"] % len(data.shape)
    for i, result in enumerate(operator.outputs):
        begins = [i if a == axis else 0 for a in range(len(data.shape))]
        ends = [i + 1 if a == axis else n for a, n in enumerate(data.shape)]
        _cut(draft, index, operator, begins, ends, [1] * len(begins), result)


@converter("PACK")
def _pack(draft: Draft, index: int, operator: Operator) -> None:
    """Each operand with an axis of 1 inserted, and all of them joined there."""
    result = draft.tensor(operator.outputs[0])
    axis = operator.options["Axis"] % len(result.shape)
    base = node_name(index, operator.code)
    inserted: list[str] = []
    for i in operator.inputs:
        data = draft.tensor(i)
        shape = (*data.shape[:axis], 1, *data.shape[axis:])
        place = len(inserted)
        inserted.append(draft.middle(f"{base}.part.{place}", data, shape))
        draft.add(index, "Reshape", [data.name], [inserted[-1]], {"shape": shape}, suffix=f".view.{place}")
    quants = {draft.tensor(i).quant for i in (*operator.inputs, *operator.outputs)}
    epilogue = ("requant",) if len(quants) > 1 else ()
    draft.add(index, "Concat", inserted, [result.name], {"axis": axis}, epilogue)


@converter("GATHER")
def _gather(draft: Draft, index: int, operator: Operator) -> None:
    if operator.options.get("BatchDims", 0):
        raise ValueError("batch dimensions of a gather are not supported")
    attrs = {"axis": operator.options.get("Axis", 0)}
    inputs = names(draft, operator.inputs)
    draft.add(index, "Gather", inputs, names(draft, operator.outputs), attrs)


@converter("DEPTH_TO_SPACE", "SPACE_TO_DEPTH")
def _blocks(draft: Draft, index: int, operator: Operator) -> None:
    op = "DepthToSpace" if operator.code == "DEPTH_TO_SPACE" else "SpaceToDepth"
    attrs = {"blocksize": operator.options["BlockSize"], "layout": "NHWC"}
    inputs = names(draft, operator.inputs)
    draft.add(index, op, inputs, names(draft, operator.outputs), attrs)


@converter("TILE", "BROADCAST_TO")
def _tile(draft: Draft, index: int, operator: Operator) -> None:
    values = tuple(draft.integers(operator.inputs[1]))
    op, attrs = ("Tile", {"repeats": values}) if operator.code == "TILE" else ("Expand", {"shape": values})
    inputs = names(draft, operator.inputs[:1])
    draft.add(index, op, inputs, names(draft, operator.outputs), attrs)


@converter("CAST")
def _cast(draft: Draft, index: int, operator: Operator) -> None:
    numbers = {dtype: number for number, dtype in reversed(ONNX_TYPES.items())}
    attrs = {"to": numbers[draft.tensor(operator.outputs[0]).dtype]}
    draft.add(index, "Cast", names(draft, operator.inputs), names(draft, operator.outputs), attrs)


@converter("RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR")
def _resize(draft: Draft, index: int, operator: Operator) -> None:
    near = operator.code == "RESIZE_NEAREST_NEIGHBOR"
    corners, centers = operator.options.get("AlignCorners"), operator.options.get("HalfPixelCenters")
    attrs = {
        "mode": "nearest" if near else "linear",
        "axes": (1, 2),
        "sizes": tuple(draft.integers(operator.inputs[1])),
        "coordinate_transformation_mode": (
            "align_corners" if corners else "half_pixel" if centers else "asymmetric"
        ),
        "nearest_mode": "round_prefer_ceil" if corners or centers else "floor",
    }
    epilogue, _ = epilogue_of(draft, operator, computes=not near)
    inputs = names(draft, operator.inputs[:1])
    draft.add(index, "Resize", inputs, names(draft, operator.outputs), attrs, epilogue)
