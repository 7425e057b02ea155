"""Files of a memory run: the trace of requests that it reads, the commands that it writes.

A trace has lines ``R address [cycle]`` or ``W address [cycle]``, plain or gzipped. It is read twice, a block
at a time: to find what is wrong and how many requests each channel has, then to fill arrays that are as long.
So memory is that of the requests, whatever the text is like.
"""

from __future__ import annotations

import gzip
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from simulator.base import units
from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.hw.dramtrace import Setup, Trace
from simulator.hw.standard import COMMANDS

if TYPE_CHECKING:
    import numpy as np
else:
    from simulator.base.lazy import numpy as np

#: Bytes that are read at a time; no line is longer.
BLOCK_BYTES = 1 << 20
#: Bad lines that are shown.
SHOWN = 20
#: Characters of a bad word that are shown.
WORD = 40
LINE = "R address [cycle]` or `W address [cycle]"


def read_trace(path: str, setup: Setup) -> Trace:
    """Read a trace for so many channels of a device.

    Parameters
    ----------
    path
        File, or ``-`` for standard input.
    setup
        Its addresses are checked against the capacity, and parted by channel.

    Raises
    ------
    InputError
        There is no such file, it has no requests, or wrong lines: the first ones, each with its place.
    """
    with ExitStack() as stack:
        file, name = open_trace(path, stack), "standard input" if path == "-" else path
        none = np.empty(0, np.int64)
        requests = np.zeros(setup.channels, np.int64)
        last_cycle = _read(file, name, setup, requests, none, none)
        first = np.concatenate([none, [0], np.cumsum(requests)])
        if not first[-1]:
            raise InputError(Problem(f"expected requests, one a line, as `{LINE}`; there are none", name))
        pool = np.empty(first[-1], np.int64)
        arrivals = np.empty(first[-1] if last_cycle else 0, np.int64)
        file.seek(0)
        places = first[:-1].copy()
        _read(file, name, setup, places, pool, arrivals)
        if (places != first[1:]).any():
            raise InputError(Problem("has changed while it was read", name))
    return Trace(pool[None], arrivals[None], first)


def open_trace(path: str, stack: ExitStack) -> IO[bytes]:
    """Open a trace so that it can be read twice; what comes from a pipe is kept in a temporary file.

    Raises
    ------
    InputError
        There is no such file, or it cannot be read.
    """
    file: IO[bytes]
    try:
        file = sys.stdin.buffer
        if path != "-":
            file = stack.enter_context(Path(path).open("rb"))  # noqa: SIM115 (the stack closes it)
        if not file.seekable():
            pipe, file = file, stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
            shutil.copyfileobj(pipe, file)
        file.seek(0)
        zipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
    except FileNotFoundError:
        folder = Path(path).parent
        near = did_you_mean(Path(path).name, (entry.name for entry in folder.glob("*") if entry.is_file()))
        raise InputError(Problem(f"no such trace: expected a file of lines `{LINE}`{near}", path)) from None
    except OSError as error:
        raise InputError(Problem(f"cannot be read: {error.strerror}", path)) from None
    return cast(IO[bytes], gzip.GzipFile(fileobj=file)) if zipped else file


def _read(
    file: IO[bytes], name: str, setup: Setup, places: np.ndarray, pool: np.ndarray, arrivals: np.ndarray
) -> int:
    """Read once; ``places``, ``pool``, ``arrivals`` as for ``read_lines``. The cycle of the last request."""
    from simulator.kernels import tracetext as t  # numba: only when something is read

    space = np.zeros(1, t.SPACE)
    space[0] = (_space(setup), setup.device.rows if setup.device.rows & (setup.device.rows - 1) else 0)
    reader, flaws = np.zeros(1, t.READER), np.zeros(SHOWN, t.FLAW)
    pieces = setup.addressing.pieces()
    found: list[Problem] = []
    bad = 0
    for text, end in _blocks(file, name):
        reader["flaws"] = 0
        t.read_lines(text, end, space, pieces, reader, places, pool, arrivals, flaws)
        new = int(reader["flaws"][0])
        bad += new
        found += [_problem(name, flaw, text, setup) for flaw in flaws[: min(new, SHOWN - len(found))]]
    if bad > SHOWN:
        found.append(Problem(f"and {bad - SHOWN} more bad line{'s' if bad > SHOWN + 1 else ''}", name))
    if found:
        raise InputError(*found)
    return int(reader["cycle"][0])


def _blocks(file: IO[bytes], name: str) -> Iterator[tuple[np.ndarray, int]]:
    """Whole lines: an array of characters that is used again, and how many of them are valid."""
    buffer = bytearray(BLOCK_BYTES)
    text, room = np.frombuffer(buffer, np.uint8), memoryview(buffer)
    kept, start = 0, True
    while True:
        try:
            got = cast(Any, file).readinto(room[kept:-1])
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(Problem(f"cannot be read: {error}", name)) from None
        filled = kept + got
        if start and buffer.startswith(b"\xef\xbb\xbf"):  # a byte order mark
            buffer[:3] = b"   "
        start = False
        if not got:
            buffer[filled] = ord("\n")
        end = buffer.rfind(b"\n", 0, filled + (not got)) + 1
        if end == 0 and filled == BLOCK_BYTES - 1:
            raise InputError(Problem(f"a line is longer than {BLOCK_BYTES - 2} characters", name))
        if end > (not got and not filled):
            yield text, end
        if not got:
            return
        kept = filled - end
        buffer[:kept] = buffer[end:filled]


def _space(setup: Setup) -> int:
    """Addresses that the mapping tells apart."""
    bits = sum(len(sources) for sources in setup.addressing.sources.values())
    return 1 << (bits + setup.addressing.offset_bits)


def _problem(name: str, flaw: np.void, text: np.ndarray, setup: Setup) -> Problem:
    from simulator.kernels import tracetext as t

    at, size = int(flaw["at"]), int(flaw["size"])
    word = bytes(text[at : at + size]).decode("utf-8", "replace")
    word = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in word[: WORD + 1])
    word = word if len(word) <= WORD else f"{word[:WORD]}…"
    got = f"got '{word}'" if word else "got the end of the line"
    device, value = setup.device, int(flaw["value"])
    message = {
        t.KIND: f"expected R or W, {got}",
        t.ADDRESS: f"expected an address (decimal or 0x…), {got}",
        t.PLACE: f"address {word} is beyond the capacity of {_capacity(setup)}",
        t.CYCLE: f"expected a cycle (a whole number) or the end of the line, {got}",
        t.LATE: f"expected a cycle below 2^57, {got}",
        t.ORDER: f"expected a cycle of {value} or more, as before, {got}: cycles must not decrease",
        t.REST: f"expected the end of the line, {got}",
    }[int(flaw["kind"])]
    if flaw["kind"] == t.PLACE and value < setup.capacity_bytes:
        message = f"address {word} lies in a row beyond the {device.rows} of {device.organisation}"
    return Problem(message, name, int(flaw["line"]), at - int(flaw["start"]) + 1)


def _capacity(setup: Setup) -> str:
    size = units.format(setup.capacity_bytes, "bytes")
    many = f"{setup.channels} channel{'s' if setup.channels > 1 else ''}"
    levels = setup.device.standard.levels
    ranks = setup.device.counts[levels.index("rank")] if "rank" in levels else 1
    return f"{size} ({many} of {setup.device.organisation}{f', {ranks} ranks each' if ranks > 1 else ''})"


@contextmanager
def commands_file(path: str | Path, setup: Setup) -> Iterator[Callable[[np.ndarray], None]]:
    """Write commands as CSV: what is given takes LOGGED; the file has its name once the block succeeds.

    Columns are ``clock,command,channel``, the levels below it, ``row,address``; what a command does not name
    is empty (a refresh of a rank has no bank). A name that ends on .gz is gzipped.

    Raises
    ------
    InputError
        It cannot be written.
    """
    path = Path(path)
    temporary = path.absolute().with_name(f".{path.name}.{os.urandom(4).hex()}.part")
    levels = setup.device.standard.levels[1:]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as raw, ExitStack() as stack:
            file: IO[bytes] = raw
            if path.suffix == ".gz":  # no name and no time: the same commands give the same bytes
                zipped = gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0)
                file = cast(IO[bytes], stack.enter_context(zipped))
            file.write(f"clock,command,channel,{','.join(levels)},row,address\n".encode())
            yield lambda log: _write_commands(file, log, setup)
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(Problem(f"cannot be written: {error.strerror}", str(path))) from error
    finally:
        with suppress(OSError):  # renamed, or never written
            temporary.unlink()


def _write_commands(file: IO[bytes], log: np.ndarray, setup: Setup) -> None:
    device = setup.device
    deep = len(device.counts) - 1
    wide = {COMMANDS.index(name): device.refresh_level for name in ("PREab", "REFab")}
    named = np.array([wide.get(i, deep) for i in range(len(COMMANDS))])[log["command"]]  # how many levels
    columns = [log["tick"].astype(str), np.array(COMMANDS)[log["command"]], log["channel"].astype(str)]
    place, each = log["bank"], device.banks
    for level, count in enumerate(device.counts[1:], start=1):
        each //= count
        columns.append(np.where(level <= named, (place // each % count).astype(str), ""))
    rows, addresses = log["row"].tolist(), log["addr"].tolist()
    tail = [f"{r},{hex(address)}" if r >= 0 else "," for r, address in zip(rows, addresses, strict=True)]
    lines = map(",".join, zip(*(column.tolist() for column in columns), tail, strict=True))
    file.write("".join(f"{line}\n" for line in lines).encode())
