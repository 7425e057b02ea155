"""A block of matrix product in registers, written as vectors because no loop of scalars compiles to it.

The vectors are of LLVM and of no instruction set: a product of 16-bit lanes whose neighbours are added is one
instruction where the machine has one (vpmaddwd, vpdpwssd), and several of the same meaning elsewhere. Its
sums are exact modulo 2^32 everywhere.
"""

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

#: Sums per vector: a register of 512 bits where there are such, else of 256.
LANES = 16 if binding.get_host_cpu_features().get("avx512bw") else 8
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

    A row is read in runs, so that a window of an image is one without being copied: pair q of run t of row i
    is at ``rows[places[first + i] + runs[t] + 2·q]``.

    Parameters
    ----------
    rows
        int16, flat.
    places
        int64: where each row begins.
    first
        First of the ``ROWS`` rows in ``places``.
    runs
        int64: where each run begins, counted from the row.
    panels
        int8 or int16, shape (panels, runs, pairs, WIDTH, 2): columns, two elements of each side by side.
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
    pairs = build.extract_value(panels.shape, 2)
    count = build.extract_value(runs.shape, 0)
    stored = ir.VectorType(panels.data.type.pointee, 2 * LANES).as_pointer()
    columns = build.bitcast(panels.data, stored)
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
        with cgutils.for_range(build, pairs, intp=_I64) as pair:
            line = build.mul(build.add(build.mul(passed, pairs), pair.index), _I64(VECTORS))
            mine = [
                build.sext(build.load(build.gep(columns, [build.add(line, _I64(v))]), align=1), _WIDE)
                for v in range(VECTORS)
            ]
            for place, into in zip(seen, totals, strict=True):
                both = _everywhere(build, build.load(build.gep(place, [pair.index]), align=2))
                for column, total in zip(mine, into, strict=True):
                    product = build.mul(both, column)
                    even, odd = (build.shuffle_vector(product, product, half) for half in (_EVEN, _ODD))
                    build.store(build.add(build.load(total), build.add(even, odd)), total)
    for i, total in enumerate(totals):
        row = build.gep(sums.data, [build.add(at, build.mul(_I64(i), step))])
        out = build.bitcast(row, _SUMS.as_pointer())
        for v in range(VECTORS):
            build.store(build.load(total[v]), build.gep(out, [_I64(v)]), align=4)
    return context.get_dummy_value()


def _everywhere(build: Any, pair: Any) -> Any:
    """Two elements of 16 bits in one of 32, widened, in all lanes."""
    nothing = ir.Constant(_SUMS, ir.Undefined)
    one = build.insert_element(nothing, pair, _I32(0))
    every = build.shuffle_vector(one, nothing, ir.Constant(_SUMS, None))
    return build.sext(build.bitcast(every, ir.VectorType(_I16, 2 * LANES)), _WIDE)
