"""The text of a memory trace as numbers.

A line is ``R address [cycle]`` or ``W address [cycle]``, numbers decimal or 0x; blank lines say nothing, nor
does what follows a #. The same pass counts requests per channel and finds what is wrong, or fills the arrays
that were made after such a count: so these are exactly as long as the trace.
"""

from __future__ import annotations

import numpy as np

from simulator.kernels.dramqueue import channel_of, locate
from simulator.kernels.jit import lean, part

#: What is wrong with a line.
GOOD, KIND, ADDRESS, PLACE, CYCLE, LATE, ORDER, REST = range(8)
#: Numbers from here on are not told apart; no memory is so large, no run so long.
HUGE = 1 << 57
#: ``lines`` that were read, ``cycle`` of the last request, number of ``flaws``.
READER = np.dtype([("lines", "i8"), ("cycle", "i8"), ("flaws", "i8")], align=True)
#: Addresses are below ``space``, rows below ``rows`` (0: all that an address can name are there).
SPACE = np.dtype([("space", "i8"), ("rows", "i8")], align=True)
#: A bad line: where it begins and where the flaw stands in the text, how long that is, a number with it.
FLAW = np.dtype(
    [("line", "i8"), ("start", "i8"), ("at", "i8"), ("size", "i8"), ("kind", "i8"), ("value", "i8")],
    align=True,
)
_TAB, _NEWLINE, _RETURN, _BLANK, _HASH, _ZERO, _NINE = (ord(c) for c in "\t\n\r #09")
_R, _W, _X = (ord(c) for c in "RWx")
_UPPER, _LOWER = 0xDF, 0x20  # bit masks
#: Character -> hexadecimal digit, or -1. A table: which digits are letters, no processor can foretell.
_DIGITS = np.array([int(chr(c), 16) if chr(c) in "0123456789abcdefABCDEF" else -1 for c in range(256)])


@lean
def read_lines(
    text: np.ndarray, end: int, space: np.ndarray, pieces: np.ndarray, reader: np.ndarray, places: np.ndarray,
    pool: np.ndarray, arrivals: np.ndarray, flaws: np.ndarray,
) -> None:  # fmt: skip
    """Read lines.

    Parameters
    ----------
    text, end
        uint8, shape (any,): whole lines up to ``end``, the last with its newline.
    space, pieces
        SPACE, shape (1,), and the address mapping (PIECE).
    reader
        READER, shape (1,), written.
    places
        int64, shape (channels,), written: goes up by one with each request of the channel.
    pool
        int64, shape (requests,), written at ``places``: twice the address, plus 1 of a write; (0,): count.
    arrivals
        int64, as ``pool``, written: clock before which a request is not offered. (0,): not wanted.
    flaws
        FLAW, shape (any,), written: the first bad lines.
    """
    state, bounds = reader[0], space[0]
    i = 0
    while i < end:
        start = i
        state.lines += 1
        i = _skip(text, i)
        if text[i] != _NEWLINE and text[i] != _HASH:
            flaw, at, address, write, cycle = _request(text, i, bounds.space, state.cycle)
            if flaw == GOOD and bounds.rows > 0 and locate(address, pieces)[1] >= bounds.rows:
                flaw = PLACE
            i = at
            if flaw == GOOD:
                state.cycle = cycle
                c = channel_of(address, pieces) if places.size > 1 else 0
                place = places[c]
                places[c] = place + 1
                if place < pool.size:
                    pool[place] = 2 * address + write
                if place < arrivals.size:
                    arrivals[place] = cycle
            else:
                _note(text, start, at, flaw, address if flaw == PLACE else state.cycle, reader, flaws)
        while text[i] != _NEWLINE:
            i += 1
        i += 1


@part
def _request(text: np.ndarray, i: int, space: int, last: int) -> tuple[int, int, int, int, int]:
    """A line from its first character: (flaw, where it stands, address, write, cycle).

    A flaw of the address as such is known by its value later: where it stands is kept.
    """
    letter = text[i] & _UPPER
    write = 1 if letter == _W else 0
    if (letter != _R and letter != _W) or not _ends(text[i + 1]):
        return KIND, i, 0, 0, 0
    at = _skip(text, i + 1)
    address, i = _number(text, at)
    if address < 0:
        return ADDRESS, at, 0, 0, 0
    if address >= space:
        return PLACE, at, address, 0, 0
    first = at
    at = _skip(text, i)
    cycle = last
    if text[at] != _NEWLINE and text[at] != _HASH:
        cycle, i = _number(text, at)
        if cycle < 0:
            return CYCLE, at, 0, 0, 0
        if cycle >= HUGE:
            return LATE, at, 0, 0, 0
        if cycle < last:
            return ORDER, at, 0, 0, 0
        at = _skip(text, i)
        if text[at] != _NEWLINE and text[at] != _HASH:
            return REST, at, 0, 0, 0
    return GOOD, first, address, write, cycle


@part
def _number(text: np.ndarray, i: int) -> tuple[int, int]:
    """A number and where it ends; -1 if it is none, from HUGE on not exact."""
    value, digits = 0, 0
    if text[i] == _ZERO and text[i + 1] | _LOWER == _X:
        i += 2
        digit = _DIGITS[text[i]]
        while digit >= 0:
            if value < HUGE:
                value = value * 16 + digit
            digits += 1
            i += 1
            digit = _DIGITS[text[i]]
    else:
        while _ZERO <= text[i] <= _NINE:
            if value < HUGE:
                value = value * 10 + _DIGITS[text[i]]
            digits += 1
            i += 1
    return (value if digits > 0 and _ends(text[i]) else -1), i


@part
def _ends(character: int) -> bool:
    """Whether a word is over."""
    return character <= _HASH and character in (_BLANK, _NEWLINE, _HASH, _TAB, _RETURN)


@part
def _skip(text: np.ndarray, i: int) -> int:
    """The next character that is no blank."""
    while text[i] == _BLANK or text[i] == _TAB or text[i] == _RETURN:
        i += 1
    return i


@part
def _note(
    text: np.ndarray, start: int, at: int, kind: int, value: int, reader: np.ndarray, flaws: np.ndarray
) -> None:  # fmt: skip
    """Remember a bad line, if there is room."""
    state = reader[0]
    if state.flaws < flaws.size:
        end = at
        while not _ends(text[end]):
            end += 1
        flaw = flaws[state.flaws]
        flaw.line, flaw.start, flaw.at, flaw.size, flaw.kind, flaw.value = (
            state.lines, start, at, end - at, kind, value,
        )  # fmt: skip
    state.flaws += 1
