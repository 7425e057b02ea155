"""Neurons that match patterns (NeuroMem): learning and recognition in readable numpy, exact integers.

It is the meaning that ``simulator.kernels.matching`` is tested against. docs/models/pattern_matching.md has
the rules with their sources.

State of the neurons, both written by ``learn``:

prototypes
    uint8, shape (neurons, components).
registers
    int32, shape (neurons, 4): ``CONTEXT`` with ``LSUP_BIT`` (NCR), ``CATEGORY`` with ``DEGENERATE_BIT`` (CAT;
    0: not committed), ``FIELD`` (AIF) and ``LEAST_FIELD`` (MINIF). Committed neurons come first.
"""

from __future__ import annotations

import numpy as np

#: Columns of the registers: the chip's NCR, CAT, AIF and MINIF.
CONTEXT, CATEGORY, FIELD, LEAST_FIELD = range(4)
REGISTERS = 4
#: Bit 7 of a context: the norm is Lsup. Bit 15 of a category: the neuron is degenerate.
LSUP_BIT, DEGENERATE_BIT = 0x80, 0x8000
#: What the chip answers where no neuron fires (any more), as a distance and as a category.
NOTHING = 0xFFFF
#: Category of a counterexample, and the largest one: with the degenerate bit it must not read as NOTHING.
COUNTEREXAMPLE, LARGEST_CATEGORY = 0, 0x7FFE
LARGEST_FIELD, LARGEST_CONTEXT = 0xFFFF, 0x7F
#: Status of a vector, as bits 3 and 2 of the chip's NSR have it.
IDENTIFIED, UNCERTAIN, UNKNOWN = 8, 4, 0
NORMS = ("L1", "Lsup")
#: Columns of what ``learn`` tells of each vector: status before it was learned, whether a neuron of its
#: category fired, whether a neuron was committed, whether one was wanted and none free, fields that shrank,
#: neurons that took part in the comparison.
STATUS, KNOWN, COMMITTED, REFUSED, SHRUNK, COMPARED = range(6)
TOLD = 6


def blank(neurons: int, components: int) -> tuple[np.ndarray, np.ndarray]:
    """(prototypes, registers) of neurons none of which is committed."""
    return np.zeros((neurons, components), np.uint8), np.zeros((neurons, REGISTERS), np.int32)


def count_committed(registers: np.ndarray) -> int:
    """Neurons that hold a prototype."""
    return int(np.count_nonzero(registers[:, CATEGORY]))


def takes_part(registers: np.ndarray, context: int, norm: int) -> np.ndarray:
    """Committed neurons that hear a vector of a context and norm, bool, shape (neurons,); context 0: all."""
    mine = (registers[:, CONTEXT] == context | norm * LSUP_BIT) | (context == 0)
    return mine & (registers[:, CATEGORY] != 0)


def distances(vector: np.ndarray, prototypes: np.ndarray, norm: int) -> np.ndarray:
    """Distance of one vector to each prototype, int32: the sum (L1) or the largest (Lsup) of |x - p|."""
    apart = np.abs(prototypes.astype(np.int32) - vector)
    return apart.max(axis=1, initial=0) if norm else apart.sum(axis=1, dtype=np.int32)


def learn(
    vectors: np.ndarray,
    categories: np.ndarray,
    prototypes: np.ndarray,
    registers: np.ndarray,
    context: int,
    norm: int,
    least_field: int,
    largest_field: int,
) -> np.ndarray:
    """Teach vectors one after the other.

    A neuron fires where its distance is less than its field. Those that fire and are of another category
    shrink their field to the distance, not below their least field; one that reaches it is degenerate. Where
    none of the taught category fires, the next free neuron commits: its field is the distance of the nearest
    neuron of another category, not above ``largest_field``, not below ``least_field``. Category 0 only
    shrinks. With no neuron free, learning has no effect.

    Parameters
    ----------
    vectors, categories
        uint8, shape (vectors, components); int32, shape (vectors,).
    prototypes, registers
        Of the module; written.
    context, norm
        Those of the vectors; ``norm`` is an index of ``NORMS``.
    least_field, largest_field
        MINIF of neurons that commit, and MAXIF.

    Returns
    -------
    ndarray
        int32, shape (vectors, TOLD).
    """
    told = np.zeros((len(vectors), TOLD), np.int32)
    for vector, category, about in zip(vectors, categories.tolist(), told, strict=True):
        free = count_committed(registers)
        part = takes_part(registers, context, norm)
        far = distances(vector, prototypes, norm)
        own = registers[:, CATEGORY] & ~DEGENERATE_BIT
        fires = part & (far < registers[:, FIELD])
        known = bool((fires & (own == category)).any())
        about[[STATUS, KNOWN, COMPARED]] = status(own[fires]), known, part.sum()
        if free == len(registers):
            about[REFUSED] = category != COUNTEREXAMPLE and not known
            continue
        wrong = fires & (own != category)
        about[SHRUNK] = wrong.sum()
        registers[wrong, FIELD] = np.maximum(far[wrong], registers[wrong, LEAST_FIELD])
        registers[wrong & (far <= registers[:, LEAST_FIELD]), CATEGORY] |= DEGENERATE_BIT
        if known or category == COUNTEREXAMPLE:
            continue
        field = min(int(far[part & (own != category)].min(initial=largest_field)), largest_field)
        if field <= least_field:
            field, category = least_field, category | DEGENERATE_BIT
        prototypes[free] = vector
        registers[free] = context | norm * LSUP_BIT, category, field, least_field
        about[COMMITTED] = 1
    return told


def recognize(
    vectors: np.ndarray,
    prototypes: np.ndarray,
    registers: np.ndarray,
    context: int,
    norm: int,
    nearest: bool,
    matches: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Answers of the neurons to vectors, nearest first.

    Among equal distances the smallest category register answers first, a degenerate neuron thus last. Neurons
    equal in both answer as one: the shared lines hold the AND of their identifiers.

    Parameters
    ----------
    vectors, prototypes, registers, context, norm
        As for ``learn``; nothing is written.
    nearest
        Every neuron of the context answers (KNN), not only those whose field holds the vector (RCE).
    matches
        Answers per vector.

    Returns
    -------
    distances, categories, identifiers : int32, shape (vectors, matches)
        Categories with ``DEGENERATE_BIT``; identifiers count from 1. ``NOTHING``, ``NOTHING`` and 0 where no
        neuron is left.
    status : uint8, shape (vectors,)
        ``IDENTIFIED`` where all that answer agree on the category, ``UNCERTAIN`` where not, ``UNKNOWN`` where
        none answers.
    """
    shape = len(vectors), matches
    far, category = np.full(shape, NOTHING, np.int32), np.full(shape, NOTHING, np.int32)
    identifier, state = np.zeros(shape, np.int32), np.zeros(len(vectors), np.uint8)
    part = takes_part(registers, context, norm)
    for i, vector in enumerate(vectors):
        apart = distances(vector, prototypes, norm)
        fires = np.flatnonzero(part & (nearest | (apart < registers[:, FIELD])))
        state[i] = status(registers[fires, CATEGORY] & ~DEGENERATE_BIT)
        keys = apart[fires].astype(np.int64) << 16 | registers[fires, CATEGORY]
        for j, key in enumerate(np.unique(keys)[:matches].tolist()):
            far[i, j], category[i, j] = key >> 16, key & 0xFFFF
            identifier[i, j] = np.bitwise_and.reduce(fires[keys == key] + 1)
    return far, category, identifier, state


def status(categories: np.ndarray) -> int:
    """Status of a vector from the categories, without the degenerate bit, of the neurons that fire."""
    if not categories.size:
        return UNKNOWN
    return IDENTIFIED if (categories == categories[0]).all() else UNCERTAIN
