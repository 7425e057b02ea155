"""Does the reader find in any text what a plain one finds: requests, cycles, channels, and every flaw at its place?"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
import pytest

from simulator.hw.addressing import Addressing, make_addressing
from simulator.hw.device import make_device
from simulator.hw.standard import STANDARDS
from simulator.kernels import tracetext as t

CAPACITY = 8 << 30
DEVICE = make_device(STANDARDS["ddr4"], "DDR4_3200AA", "DDR4_8Gb_x8")
ONE = make_addressing("RoBaRaCoCh", DEVICE, 1)
FOUR = make_addressing("RoBaRaCoCh", DEVICE, 4)
NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|[0-9]+")
WORDS = (
    "R", "W", "r", "w", "RW", "x", "#", "#R 1", "0", "5", "0x10", "0X1f", "0xG", "0x", "00012", "-1", "1.5", "8589934591",
    "8589934592", "0x1ffffffff", "0x200000000", "99999999999999999999", "144115188075855871", "144115188075855872", "é",
)  # fmt: skip


@dataclass
class Found:
    """Per request (address, write, cycle); per bad line (line, column, word, kind)."""

    requests: list[tuple[int, int, int]] = field(default_factory=list)
    flaws: list[tuple[int, int, bytes, int]] = field(default_factory=list)


def read(text: bytes, addressing: Addressing = ONE, channels: int = 1, rows: int = 0) -> tuple[Found, list[int]]:
    """The kernel, twice: to count, then to fill; and how many requests each channel has."""
    assert text.endswith(b"\n")
    characters = np.frombuffer(text, np.uint8)
    space = np.array([(CAPACITY * channels, rows)], t.SPACE)
    pieces = addressing.pieces()
    counts, none = np.zeros(channels, np.int64), np.empty(0, np.int64)
    reader, flaws = np.zeros(1, t.READER), np.zeros(10_000, t.FLAW)
    t.read_lines(characters, len(text), space, pieces, reader, counts, none, none, flaws)
    assert reader["lines"][0] == text.count(b"\n")
    pool, arrivals = np.full(counts.sum(), -1), np.full(counts.sum(), -1)
    places = np.concatenate([[0], np.cumsum(counts)[:-1]])
    reader[0] = (0, 0, 0)
    t.read_lines(characters, len(text), space, pieces, reader, places, pool, arrivals, flaws)
    assert places.tolist() == np.cumsum(counts).tolist()
    found = Found([(int(p) >> 1, int(p) & 1, int(a)) for p, a in zip(pool, arrivals, strict=True)])
    for flaw in flaws[: reader["flaws"][0]]:
        at, size = int(flaw["at"]), int(flaw["size"])
        column = at - int(flaw["start"]) + 1
        found.flaws.append((int(flaw["line"]), column, text[at : at + size], int(flaw["kind"])))
    return found, counts.tolist()


def read_plainly(text: bytes) -> Found:
    """The same by regular expressions."""
    found, last = Found(), 0
    for number, line in enumerate(text.split(b"\n")[:-1], 1):
        words = [(m.start() + 1, m.group()) for m in re.finditer(rb"[^ \t\r]+", re.sub(rb"#.*", b"", line))]
        if not words:
            continue
        end = (len(re.sub(rb"#.*", b"", line)) + 1, b"")
        kind, cycle = None, last
        values = [number_of(word) for _, word in words]
        if words[0][1].upper() not in (b"R", b"W"):
            kind, place = t.KIND, words[0]
        elif len(words) < 2 or values[1] is None:
            kind, place = t.ADDRESS, words[1] if len(words) > 1 else end
        elif values[1] >= CAPACITY:
            kind, place = t.PLACE, words[1]
        elif len(words) > 2:
            cycle, place = values[2], words[2]
            if cycle is None:
                kind = t.CYCLE
            elif cycle >= t.HUGE:
                kind = t.LATE
            elif cycle < last:
                kind = t.ORDER
            elif len(words) > 3:
                kind, place = t.REST, words[3]
        if kind is None:
            last = cycle
            found.requests.append((values[1], int(words[0][1].upper() == b"W"), cycle))
        else:
            found.flaws.append((number, place[0], place[1], kind))
    return found


def number_of(word: bytes) -> int | None:
    text = word.decode()
    return int(text, 16 if text[:2] in ("0x", "0X") else 10) if NUMBER.fullmatch(text) else None


def test_any_text_reads_as_it_reads_plainly(rng: np.random.Generator):
    text = b""
    for _ in range(4000):
        words = [WORDS[i] for i in rng.integers(0, len(WORDS), rng.integers(0, 5))]
        if rng.random() < 0.6:
            words = [["R", "w"][rng.integers(2)], hex(rng.integers(CAPACITY)), *words[:1]]
        blank = ["  ", "\t", " "][rng.integers(3)]
        text += (blank * rng.integers(0, 2) + blank.join(words) + ["\n", "\r\n", " \n"][rng.integers(3)]).encode()
    expected = read_plainly(text)
    found, _ = read(text)
    assert found == expected
    assert len(found.requests) > 500
    assert {kind for *_, kind in found.flaws} == {t.KIND, t.ADDRESS, t.PLACE, t.CYCLE, t.LATE, t.ORDER, t.REST}


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        ("R 64", (64, 0, 0)),
        ("w 0xFf 7", (255, 1, 7)),
        ("  W\t12   0x10  # the rest\r", (12, 1, 16)),
        ("R 000000000000000000000000001", (1, 0, 0)),
        ("R 5#a comment needs no blank", (5, 0, 0)),
        (f"R 0 {t.HUGE - 1}", (0, 0, t.HUGE - 1)),
    ],
)
def test_a_request(line: str, request_: tuple[int, int, int]):
    assert read(f"{line}\n".encode())[0] == Found([request_])


@pytest.mark.parametrize("line", ["", "   ", "# R 5", "\t# é", "\r"])
def test_what_says_nothing(line: str):
    assert read(f"{line}\nR 5\n{line}\n".encode())[0] == Found([(5, 0, 0)])


def test_a_line_without_cycle_comes_as_soon_as_the_one_before():
    found, _ = read(b"R 0\nR 1 5\nW 2\nR 3 5\nR 4 9\nR 5\n")
    assert [cycle for *_, cycle in found.requests] == [0, 5, 5, 5, 9, 9]


def test_a_bad_line_does_not_move_the_cycle():
    found, _ = read(b"R 0 5\nR x 9\nR 1 6\n")
    assert [cycle for *_, cycle in found.requests] == [5, 6]


def test_requests_are_parted_by_channel_in_their_order(rng: np.random.Generator):
    addresses = rng.integers(0, 4 * CAPACITY, 1000)
    text = "".join(f"{'RW'[i % 2]} {a} {i}\n" for i, a in enumerate(addresses.tolist()))
    found, counts = read(text.encode(), FOUR, 4)
    channel = addresses >> 6 & 3
    order = np.argsort(channel, kind="stable").tolist()
    assert counts == np.bincount(channel).tolist()
    assert found.requests == [(int(addresses[i]), i % 2, i) for i in order]


def test_rows_that_are_not_there_are_found():
    """Row 1 begins where all banks' first rows end."""
    assert read(b"R 0x1ffff\n", rows=1)[0].requests == [(0x1FFFF, 0, 0)]
    assert read(b"R 0x20000\n", rows=1)[0].flaws == [(1, 3, b"0x20000", t.PLACE)]


def test_only_so_many_flaws_are_kept_and_all_are_counted():
    text = np.frombuffer(b"x\n" * 50, np.uint8)
    reader, flaws, none = np.zeros(1, t.READER), np.zeros(20, t.FLAW), np.empty(0, np.int64)
    space = np.array([(CAPACITY, 0)], t.SPACE)
    t.read_lines(text, text.size, space, ONE.pieces(), reader, np.zeros(1, np.int64), none, none, flaws)
    assert reader["flaws"][0] == 50
    assert flaws["line"].tolist() == list(range(1, 21))


def test_more_requests_than_were_counted_are_not_written():
    """A file may grow between the two passes."""
    text = np.frombuffer(b"R 64\n" * 5, np.uint8)
    reader, flaws = np.zeros(1, t.READER), np.zeros(1, t.FLAW)
    memory = np.full(8, -1)
    places = np.zeros(1, np.int64)
    space = np.array([(CAPACITY, 0)], t.SPACE)
    t.read_lines(text, text.size, space, ONE.pieces(), reader, places, memory[:3], memory[:3].copy(), flaws)
    assert memory.tolist() == [128] * 3 + [-1] * 5
    assert places[0] == 5
