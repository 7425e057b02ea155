"""What the constraint tables of a DRAM allow, and what a command changes in them."""

from __future__ import annotations

import numpy as np

from simulator.kernels.jit import part


@part
def allowed_below(command: int, c: int, first: int, end: int, ready: np.ndarray) -> int:
    """First tick at which past commands allow one that takes banks ``first`` to ``end`` of channel ``c``."""
    tick = ready[c, command, first]
    for b in range(first + 1, end):
        tick = max(tick, ready[c, command, b])
    return tick


@part
def book(
    tick: int, command: int, c: int, first: int, end: int,
    rules: np.ndarray, rule_first: np.ndarray, ready: np.ndarray, ring: np.ndarray,
) -> None:  # fmt: skip
    """Enter a command on banks ``first`` to ``end``: whatever its rules bind comes so much later.

    ``ready`` and ``ring`` are written.
    """
    for i in range(rule_first[command], rule_first[command + 1]):
        rule = rules[i]
        after, span = rule.after, rule.span
        low = first & -span
        while low < end:
            since = tick
            if rule.ring >= 0:
                node, pointer = low // span, ring.shape[3] - 1
                at = ring[c, rule.ring, node, pointer]
                ring[c, rule.ring, node, at] = tick
                at = at + 1 if at + 1 < rule.window else 0
                ring[c, rule.ring, node, pointer] = at
                since = ring[c, rule.ring, node, at]
            later = since + rule.latency
            if rule.brothers == 0:
                every = span == ready.shape[2] - 1
                _delay(later, ready, c, after, low, span + every)
            else:
                eldest = low & -(span * rule.brothers)
                _delay(later, ready, c, after, eldest, low - eldest)
                _delay(later, ready, c, after, low + span, eldest + span * rule.brothers - low - span)
            low += span


@part
def _delay(tick: int, ready: np.ndarray, c: int, command: int, first: int, many: int) -> None:
    """Let a command wait until a tick on so many banks; unsigned, so that no index counts from the end."""
    channel, row, start = np.uint64(c), np.uint64(command), np.uint64(first)
    for i in range(np.uint64(many)):
        ready[channel, row, start + i] = max(ready[channel, row, start + i], tick)
