"""A block of matrix product in registers, written as vectors because no loop of scalars compiles to it.

Pairs of 16 bits are vectors of LLVM and of no instruction set: a product whose neighbours are added is one
instruction where the machine has one (vpmaddwd, vpdpwssd), and several of the same meaning elsewhere. Quads
of 8 bits, of which one operand is unsigned, are used where the machine has vpdpbusd, twice as fast. The sums
of both are exact modulo 2^32.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic

_asked: Any = config  # makes its names while it is imported, so that none of them has a type
_FEATURES = (_asked.CPU_FEATURES or "" if _asked.CPU_NAME else get_host_cpu_features()).split(",")
#: Sums per vector: a register of 512 bits where there are such, else of 256.
LANES = 16 if "+avx512bw" in _FEATURES else 8
#: Whether the machine multiplies quads.
QUADS = ("+avx512vnni" if LANES == 16 else "+avxvnni") in _FEATURES
#: Rows of the block, and vectors side by side: 14 sums, of which the smallest register file holds 16.
ROWS, VECTORS = 7, 2
#: Columns of the block.
WIDTH = VECTORS * LANES

_I16, _I32, _I64 = ir.IntType(16), ir.IntType(32), ir.IntType(64)
_SUMS, _WIDE = ir.VectorType(_I32, LANES), ir.VectorType(_I32, 2 * LANES)
_EVEN = ir.Constant(_SUMS, [_I32(2 * lane) for lane in range(LANES)])
_ODD = ir.Constant(_SUMS, [_I32(2 * lane + 1) for lane in range(LANES)])


_intrinsic: Any = intrinsic  # its types keep the context among the arguments of a call


@_intrinsic
def multiply_block(
    context: Any, rows: Any, places: Any, first: Any, runs: Any, panels: Any, panel: Any, start: Any,
    sums: Any, at: Any, step: Any,
) -> Any:  # fmt: skip
    """Sums of products of ``ROWS`` rows and ``WIDTH`` columns.

    A row is read in runs, so that a window of an image is one without being copied: with ``depth`` elements
    at a time, those of step q of run t of row i begin at ``rows[places[first + i] + runs[t] + depth·q]``.

    Parameters
    ----------
    rows
        int16 (depth 2) or uint8 (depth 4, where ``QUADS``), flat.
    places
        int64: where each row begins.
    first
        First of the ``ROWS`` rows in ``places``.
    runs
        int64: where each run begins, counted from the row.
    panels
        int8, or for depth 2 also int16, shape (panels, runs, steps, WIDTH, depth): columns, so many elements
        of each side by side.
    panel
        Which of the panels.
    start
        int32, shape (panels · WIDTH,): what each sum begins with.
    sums
        int32, written: modulo 2^32.
    at, step
        Element of ``sums`` where the first row of the block begins, and from one row to the next.
    """
    whole = types.int64
    signature = types.void(rows, places, whole, runs, panels, whole, start, sums, whole, whole)
    return signature, _generate


def _generate(context: Any, build: Any, signature: Any, arguments: Any) -> Any:
    rows, places, first, runs, panels, panel, start, sums, at, step = (
        value if kind == types.int64 else context.make_array(kind)(context, build, value)
        for kind, value in zip(signature.args, arguments, strict=True)
    )
    steps = build.extract_value(panels.shape, 2)
    count = build.extract_value(runs.shape, 0)
    add = _add_pairs if rows.data.type.pointee == _I16 else _add_quads
    depth = 2 if add is _add_pairs else 4
    columns = build.bitcast(panels.data, ir.VectorType(panels.data.type.pointee, depth * LANES).as_pointer())
    totals = [[cgutils.alloca_once(build, _SUMS) for _ in range(VECTORS)] for _ in range(ROWS)]
    begin = build.bitcast(build.gep(start.data, [build.mul(panel, _I64(WIDTH))]), _SUMS.as_pointer())
    for v in range(VECTORS):
        value = build.load(build.gep(begin, [_I64(v)]), align=4)
        for total in totals:
            build.store(value, total[v])
    begins = [
        build.gep(rows.data, [build.load(build.gep(places.data, [build.add(first, _I64(i))]))])
        for i in range(ROWS)
    ]
    with cgutils.for_range(build, count, intp=_I64) as run:
        offset = build.load(build.gep(runs.data, [run.index]))
        seen = [build.bitcast(build.gep(begin, [offset]), _I32.as_pointer()) for begin in begins]
        passed = build.add(build.mul(panel, count), run.index)
        with cgutils.for_range(build, steps, intp=_I64) as step_of_run:
            q = step_of_run.index
            line = build.mul(build.add(build.mul(passed, steps), q), _I64(VECTORS))
            places_of = [build.gep(columns, [build.add(line, _I64(v))]) for v in range(VECTORS)]
            mine = [build.load(place, align=1) for place in places_of]
            for place, into in zip(seen, totals, strict=True):
                row = _everywhere(build, build.load(build.gep(place, [q]), align=1))
                for column, total in zip(mine, into, strict=True):
                    build.store(add(build, build.load(total), row, column), total)
    for i, total in enumerate(totals):
        row = build.gep(sums.data, [build.add(at, build.mul(_I64(i), step))])
        out = build.bitcast(row, _SUMS.as_pointer())
        for v in range(VECTORS):
            build.store(build.load(total[v]), build.gep(out, [_I64(v)]), align=4)
    return context.get_dummy_value()


def _everywhere(build: Any, bits: Any) -> Any:
    """The same 32 bits in all lanes."""
    nothing = ir.Constant(_SUMS, ir.Undefined)
    return build.shuffle_vector(
        build.insert_element(nothing, bits, _I32(0)), nothing, ir.Constant(_SUMS, None)
    )


def _add_pairs(build: Any, total: Any, row: Any, column: Any) -> Any:
    """Add to each lane the products of two signed elements of 16 bits."""
    pairs = build.bitcast(row, ir.VectorType(_I16, 2 * LANES))
    product = build.mul(build.sext(pairs, _WIDE), build.sext(column, _WIDE))
    even, odd = (build.shuffle_vector(product, product, half) for half in (_EVEN, _ODD))
    return build.add(total, build.add(even, odd))


def _add_quads(build: Any, total: Any, row: Any, column: Any) -> Any:
    """Add to each lane the products of four elements of 8 bits, of the row unsigned, of the column signed."""
    kind = ir.FunctionType(_SUMS, [_SUMS] * 3)
    name = f"llvm.x86.avx512.vpdpbusd.{32 * LANES}"
    instruction = cgutils.get_or_insert_function(build.module, kind, name)
    return build.call(instruction, [total, row, build.bitcast(column, _SUMS)])
