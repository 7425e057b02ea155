"""How a byte address names channel, bank, row and column of a DRAM."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING

from simulator.base.errors import did_you_mean
from simulator.hw.device import Device, DeviceError
from simulator.kernels.dramstate import BANK_FIELD, CHANNEL_FIELD, PIECE, ROW_FIELD

if TYPE_CHECKING:
    import numpy as np
else:
    from simulator.base.lazy import numpy as np

#: Words of a mapping's name; Ba takes the bank groups along where Bg is not there.
WORDS = ("Ro", "Ba", "Bg", "Ra", "Co", "Ch")
#: Letters of a bit string.
LETTERS = {"r": "row", "b": "bank", "g": "bankgroup", "k": "rank", "c": "column", "h": "channel"}
MOP = "MOP4CLXOR"
#: Behind an order or a string: the lowest bits of the row are XORed into bank group and bank, so that rows
#: that meet in a bank do not follow each other at regular distance (permutation-based interleaving: Zhang et
#: al., MICRO 2000).
XOR = "XOR"
#: Levels that the word Ra and the letter k name, whatever a standard calls them; the lower one first.
RANKS = ("rank", "pseudochannel", "sid")


@dataclass(frozen=True)
class Addressing:
    """A mapping of addresses, bit by bit.

    Attributes
    ----------
    name
        As written.
    sources
        Part (``row``, ``column``, ``channel`` or a level) -> for each of its bits, the lowest first, the bits
        of the transaction number that are XORed for it. The transaction number is the address without the
        bytes of one access.
    offset_bits
        log2 of the bytes of one access.
    """

    name: str
    sources: Mapping[str, tuple[tuple[int, ...], ...]]
    offset_bits: int
    levels: tuple[str, ...]

    @property
    def stripe_bytes(self) -> int:
        """Fewest aligned bytes of which each channel has an equal share."""
        bits = [bit for xor in self.sources["channel"] for bit in xor]
        return 1 << (self.offset_bits + max(bits, default=-1) + 1)

    def pieces(self) -> np.ndarray:
        """The mapping for the kernel: PIECE, shape (pieces,)."""
        found: list[tuple[int, int, int, int]] = []
        place = 0
        for level in reversed(self.levels[1:]):  # the last level varies fastest in the number of a bank
            found += self._of(level, BANK_FIELD, place)
            place += len(self.sources[level])
        for part, field in (("row", ROW_FIELD), ("channel", CHANNEL_FIELD)):
            found += self._of(part, field, 0)
        return np.array(found, PIECE)

    def _of(self, part: str, field: int, place: int) -> Iterator[tuple[int, int, int, int]]:
        bits = self.sources[part]
        for layer in range(max((len(xor) for xor in bits), default=0)):
            run: list[tuple[int, int]] = []  # (bit of the part, bit of the transaction number), both growing
            for i, xor in enumerate([*bits, ()]):
                source = xor[layer] if layer < len(xor) else -1
                if run and (source != run[-1][1] + 1 or i != run[-1][0] + 1):
                    yield (field, run[0][1] + self.offset_bits, (1 << len(run)) - 1, place + run[0][0])
                    run = []
                if source >= 0:
                    run.append((i, source))


def stream_mapping(device: Device) -> str:
    """The order of words under which consecutive accesses come at the full rate.

    They alternate between pseudo channels and bank groups, whose accesses may follow each other sooner, and
    stay in open rows; ranks come last, since they take turns on one bus.
    """
    pseudo = "pseudochannel" in device.standard.levels
    groups = "Bg" if "bankgroup" in device.standard.levels else ""
    return f"RoBaCo{groups}RaChXOR" if pseudo else f"RoRaBaCo{groups}ChXOR"


def make_addressing(name: str, device: Device, channels: int) -> Addressing:
    """The mapping of a name for so many channels of a device.

    Parameters
    ----------
    name
        ``RoBaRaCoCh`` or another order of these words, the most significant first; Bg may be set apart from
        Ba. ``MOP4CLXOR``. Or a bit string: a letter per bit of the transaction number, the most significant
        first, of r (row), b (bank), g (bank group), k (rank or pseudo channel), c (column), h (channel).
        ``XOR`` may follow.

    Raises
    ------
    DeviceError
        An unknown name, a bit string that does not fit, sizes that are no powers of two.
    """
    sizes = _sizes(device, channels)
    hashed = name.casefold() != MOP.casefold() and name.upper().endswith(XOR)
    asked, name = name, name[: -len(XOR)] if hashed else name
    if name.casefold() == MOP.casefold():
        order = _mop_order(device, sizes)
    elif (words := re.findall("[A-Za-z][a-z]", name)) and _is_words(name):
        order = _word_order([word.title() for word in words], device, sizes)
    elif len(name) > 8 and set(name.casefold()) <= set(LETTERS):
        order = _string_order(name.casefold(), device, sizes)
    else:
        near = did_you_mean(name, [MOP, *("".join(p) for p in permutations(("Ro", "Ba", "Ra", "Co", "Ch")))])
        raise DeviceError(
            "mapping",
            f"unknown mapping '{name}', expected an order of Ro, Ba, Ra, Co, Ch (and Bg) such as RoBaRaCoCh, "
            f"{MOP}, "
            f"or a string of the letters {' '.join(LETTERS)}, one per address bit{near}",
        )
    sources: dict[str, list[tuple[int, ...]]] = {part: [] for part in sizes}
    for bit, part in enumerate(order):
        sources[part].append((bit,))
    if name.casefold() == MOP.casefold():
        _fold(sources, "column", (*device.standard.levels[1:], "row"))
    if hashed:
        _fold(sources, "row", [level for level in ("bankgroup", "bank") if level in sources])
    offset = (device.access_bytes - 1).bit_length()
    fixed = {part: tuple(bits) for part, bits in sources.items()}
    return Addressing(asked, fixed, offset, device.standard.levels)


def _sizes(device: Device, channels: int) -> dict[str, int]:
    """Part -> its number of bits; the columns are those of whole accesses."""
    counts = dict(zip(device.standard.levels[1:], device.counts[1:], strict=True))
    accesses, left = divmod(device.columns, device.prefetch)
    if left or not accesses:
        raise DeviceError(
            "organisation",
            f"expected a multiple of {device.prefetch} columns (one burst), got {device.columns}",
        )
    sizes = {"channel": channels, "column": accesses, **counts}
    for part, size in sizes.items():
        if size & (size - 1):
            where = "channels" if part == "channel" else "ranks" if part == "rank" else "organisation"
            raise DeviceError(where, f"expected a power of two of {part}s to map addresses to, got {size}")
    bits = {part: size.bit_length() - 1 for part, size in sizes.items()}
    return {**bits, "row": (device.rows - 1).bit_length()}


def _levels_of(word: str, device: Device, apart: bool) -> list[str]:
    """Parts that a word names, the lowest first."""
    simple = {"Ro": ["row"], "Co": ["column"], "Ch": ["channel"], "Bg": ["bankgroup"]}
    if word == "Ra":
        names = [level for level in device.standard.levels if level in RANKS]
    elif word == "Ba":
        names = ["bank"] if apart else ["bankgroup", "bank"]
    else:
        names = simple[word]
    return [name for name in names if name in (*device.standard.levels[1:], "row", "column", "channel")]


def _is_words(name: str) -> bool:
    words = [word.title() for word in re.findall("..", name)]
    return len(name) % 2 == 0 and set(words) <= set(WORDS)


def _word_order(words: Sequence[str], device: Device, sizes: Mapping[str, int]) -> list[str]:
    """Part of each bit, the lowest first."""
    words = [word.title() for word in re.findall("..", "".join(words))]
    needed = {"Ro", "Ba", "Ra", "Co", "Ch"}
    if sorted(set(words)) != sorted(words) or not needed <= set(words):
        missing = ", ".join(sorted(needed - set(words))) or "no word twice"
        raise DeviceError(
            "mapping", f"expected each of Ro, Ba, Ra, Co, Ch once, got '{''.join(words)}': {missing}"
        )
    parts = [part for word in reversed(words) for part in _levels_of(word, device, "Bg" in words)]
    return [part for part in parts for _ in range(sizes[part])]


def _mop_order(device: Device, sizes: Mapping[str, int]) -> list[str]:
    """Four transactions of a row, then the next rank, bank group, bank; then the rest of the row."""
    near = min(2, sizes["column"])
    levels = [level for level in device.standard.levels[1:]]
    parts = ["channel"] * sizes["channel"] + ["column"] * near
    for level in levels:
        parts += [level] * sizes[level]
    return parts + ["column"] * (sizes["column"] - near) + ["row"] * sizes["row"]


def _fold(sources: dict[str, list[tuple[int, ...]]], part: str, into: Sequence[str]) -> None:
    """XOR successive bits of a part's number, the lowest first, into the bits of others."""
    folded = [bits[0] for bits in sources[part]]
    at = 0
    for other in into:
        for i, bits in enumerate(sources[other]):
            if at < len(folded):
                sources[other][i] = (*bits, folded[at])
            at += 1


def _string_order(name: str, device: Device, sizes: Mapping[str, int]) -> list[str]:
    """Part of each bit of a string, the lowest first."""
    ranks = [level for level in device.standard.levels if level in RANKS]
    order: list[str] = []
    used = dict.fromkeys(sizes, 0)
    for letter in reversed(name):
        part = LETTERS[letter]
        if part == "rank":
            part = next(
                (level for level in ranks if used[level] < sizes[level]), ranks[-1] if ranks else "rank"
            )
        if part not in used:
            raise DeviceError(
                "mapping", f"{device.standard.name} has no {part}, which letter '{letter}' names"
            )
        used[part] += 1
        order.append(part)
    wrong = [f"{part} {used[part]} of {sizes[part]}" for part in sizes if used[part] != sizes[part]]
    if wrong:
        raise DeviceError(
            "mapping", f"expected a letter for each address bit, got other numbers: {', '.join(wrong)} bits"
        )
    return order
