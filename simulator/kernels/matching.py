"""Neurons that match patterns: learning and recognition over all committed prototypes.

The rules and the layout of the state are those of ``simulator.workload.neurons``, the readable form.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.kernels.jit import lean, part

# Columns and bits of ``simulator.workload.neurons``, frozen into the kernels.
_CONTEXT, _CATEGORY, _FIELD, _LEAST_FIELD = 0, 1, 2, 3
_LSUP_BIT, _DEGENERATE_BIT, _OWN = 0x80, 0x8000, 0x7FFF
_NOTHING = 0xFFFF
_IDENTIFIED, _UNCERTAIN, _UNKNOWN = 8, 4, 0
_STATUS, _KNOWN, _COMMITTED, _REFUSED, _SHRUNK, _COMPARED = 0, 1, 2, 3, 4, 5


@part
def _distance(vector: np.ndarray, prototype: np.ndarray, norm: int) -> Any:
    """L1 (0) or Lsup (1) of two rows of uint8."""
    far: Any = np.int32(0)
    if norm == 0:
        for c in range(vector.size):
            far += np.int32(abs(np.int32(vector[c]) - np.int32(prototype[c])))
        return far
    for c in range(vector.size):
        far = max(far, np.int32(abs(np.int32(vector[c]) - np.int32(prototype[c]))))
    return far


@part
def _committed(registers: np.ndarray) -> int:
    """Committed neurons, which come first."""
    count = 0
    while count < len(registers) and registers[count, _CATEGORY] != 0:
        count += 1
    return count


@part
def _hears(registers: np.ndarray, neuron: int, context: int, norm: int) -> bool:
    return context == 0 or registers[neuron, _CONTEXT] == context | norm * _LSUP_BIT


@lean
def learn(
    vectors: np.ndarray, categories: np.ndarray, prototypes: np.ndarray, registers: np.ndarray,
    context: int, norm: int, least_field: int, largest_field: int, far: np.ndarray, told: np.ndarray,
) -> None:  # fmt: skip
    """Teach vectors one after the other.

    Parameters
    ----------
    vectors, categories
        uint8, shape (vectors, components); int32, shape (vectors,).
    prototypes, registers
        uint8, shape (neurons, components); int32, shape (neurons, 4); written.
    context, norm, least_field, largest_field
        As for ``simulator.workload.neurons.learn``.
    far
        int32, shape (neurons,), scratch: distances to one vector, -1 where a neuron does not hear it.
    told
        int32, shape (vectors, 6), zeros; written.
    """
    used = _committed(registers)
    for i in range(len(vectors)):
        category, first, several, known, heard, near = categories[i], 0, False, False, 0, largest_field
        for j in range(used):
            far[j] = -1
            if not _hears(registers, j, context, norm):
                continue
            heard += 1
            far[j] = _distance(vectors[i], prototypes[j], norm)
            own = registers[j, _CATEGORY] & _OWN
            if own != category:
                near = min(near, far[j])
            if far[j] < registers[j, _FIELD]:
                several = several or (first != 0 and own != first)
                first = own if first == 0 else first
                known = known or own == category
        told[i, _STATUS] = _UNKNOWN if first == 0 else _UNCERTAIN if several else _IDENTIFIED
        told[i, _KNOWN] = known
        told[i, _COMPARED] = heard
        if used == len(registers):
            told[i, _REFUSED] = category != 0 and not known
            continue
        for j in range(used):
            if far[j] >= 0 and far[j] < registers[j, _FIELD] and registers[j, _CATEGORY] & _OWN != category:
                told[i, _SHRUNK] += 1
                registers[j, _FIELD] = max(far[j], registers[j, _LEAST_FIELD])
                if far[j] <= registers[j, _LEAST_FIELD]:
                    registers[j, _CATEGORY] |= _DEGENERATE_BIT
        if known or category == 0:
            continue
        for c in range(vectors.shape[1]):
            prototypes[used, c] = vectors[i, c]
        registers[used, _CONTEXT] = context | norm * _LSUP_BIT
        registers[used, _CATEGORY] = category | _DEGENERATE_BIT if near <= least_field else category
        registers[used, _FIELD] = max(near, least_field)
        registers[used, _LEAST_FIELD] = least_field
        told[i, _COMMITTED] = 1
        used += 1


@lean
def recognize(
    vectors: np.ndarray, prototypes: np.ndarray, registers: np.ndarray,
    context: int, norm: int, nearest: bool, keys: np.ndarray,
    distances: np.ndarray, categories: np.ndarray, identifiers: np.ndarray, status: np.ndarray,
) -> None:  # fmt: skip
    """Answers of the neurons to vectors, nearest first.

    Parameters
    ----------
    vectors, prototypes, registers, context, norm, nearest
        As for ``simulator.workload.neurons.recognize``.
    keys
        int64, shape (neurons,), scratch: distance and category of each neuron that answers, -1: it does not.
    distances, categories, identifiers
        int32, shape (vectors, matches), written.
    status
        uint8, shape (vectors,), written.
    """
    used = _committed(registers)
    for i in range(len(vectors)):
        first, several = 0, False
        for j in range(used):
            keys[j] = -1
            if not _hears(registers, j, context, norm):
                continue
            far = _distance(vectors[i], prototypes[j], norm)
            if not nearest and far >= registers[j, _FIELD]:
                continue
            own = registers[j, _CATEGORY] & _OWN
            several = several or (first != 0 and own != first)
            first = own if first == 0 else first
            keys[j] = np.int64(far) << 16 | registers[j, _CATEGORY]
        status[i] = _UNKNOWN if first == 0 else _UNCERTAIN if several else _IDENTIFIED
        before = np.int64(-1)
        for m in range(distances.shape[1]):
            least, together = np.int64(-1), 0
            for j in range(used):
                if keys[j] > before and (least < 0 or keys[j] < least):
                    least, together = keys[j], j + 1
                elif least >= 0 and keys[j] == least:
                    together &= j + 1
            distances[i, m] = _NOTHING if least < 0 else least >> 16
            categories[i, m] = _NOTHING if least < 0 else least & 0xFFFF
            identifiers[i, m] = together
            before = np.int64(1) << 62 if least < 0 else least
