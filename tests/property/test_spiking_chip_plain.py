"""A spiking chip in plain Python: neurons, messages, hops, `simple` times and energies of small random networks.

Everything is one neuron, one synapse and one message at a time, in whole numbers, from the equations of
docs/models/spiking.md and docs/models/spiking_chips.md; nothing of the product is used but its answer.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.experiment.spikingrun import run_spiking

STEPS = 25
#: pJ of hwconfigs/neuromorphic/loihi_1.yaml.
PRICES = {
    "synapse_dense": 35.5, "synapse_sparse": 33.6, "access": 51.2, "update": 21.6, "spike": 69.3, "axon_in": 0.0,
    "axon_out": 111.0, "hop_ew": 3.0, "hop_ns": 4.2,
}  # fmt: skip
#: ps, drawn anew for every chip.
TIMES = ("access", "update", "spike", "axon_out", "axon_in", "synapse_dense", "synapse_sparse")


@dataclass
class Case:
    """A network and a chip, drawn."""

    n: int
    synapses: list[tuple[int, int, int, int]]  # source, target, weight, delay
    bias: list[int]
    threshold: list[int]
    refractory: list[int]
    lost_u: int
    lost_v: int
    soft: list[bool]
    core: list[int]
    columns: int
    rows: int
    per_tile: int
    by_column: bool
    times: dict[str, int]
    barrier: dict[int, int]
    forced: list[set[int]]
    stored: str


def draw(seed: int) -> Case:
    rng = random.Random(seed)
    n = rng.randint(1, 14)
    columns, rows, per_tile = rng.randint(1, 3), rng.randint(1, 3), rng.randint(1, 3)
    share = rng.choice([0.1, 0.4, 1.0])
    return Case(
        n=n,
        synapses=[
            (a, b, rng.randint(-60, 120), rng.randint(1, 4))
            for a in range(n)
            for b in range(n)
            if rng.random() < share
        ],
        bias=[rng.choice([0, 0, rng.randint(-40, 90)]) for _ in range(n)],
        threshold=[rng.randint(20, 150) for _ in range(n)],
        refractory=[rng.randint(0, 3) for _ in range(n)],
        lost_u=rng.choice([4096, 2048, 300]),
        lost_v=rng.choice([0, 200, 4096]),
        soft=[rng.random() < 0.5 for _ in range(n)],
        core=[rng.randrange(columns * rows * per_tile) for _ in range(n)],
        columns=columns,
        rows=rows,
        per_tile=per_tile,
        by_column=rng.random() < 0.5,
        times={name: rng.randint(0, 40) * 100 for name in TIMES},
        barrier={1: rng.randint(0, 900), 2: rng.randint(0, 900), 5: rng.randint(0, 900)},
        forced=[{i for i in range(n) if rng.random() < 0.05} for _ in range(STEPS)],
        stored=rng.choice(["auto", "dense"]),
    )


def decayed(value: int, lost: int) -> int:
    """What is left of u or v; magnitudes are cut off."""
    left = (abs(value) * (4096 - lost)) >> 12
    return left if value >= 0 else -left


@dataclass
class Neurons:
    """State of a network, and what is on its way."""

    case: Case
    u: list[int] = field(default_factory=list)
    v: list[int] = field(default_factory=list)
    rest: list[int] = field(default_factory=list)
    coming: dict[tuple[int, int], list[int]] = field(default_factory=dict)

    def step(self, now: int) -> tuple[list[int], list[int]]:
        """Neurons with something to do in a step, and those that spike."""
        case, busy, fired = self.case, [], []
        for i in range(case.n):
            arrived = self.coming.pop((now, i), [])
            left = decayed(self.v[i], case.lost_v)
            if left or arrived or case.bias[i]:
                busy.append(i)
            self.u[i] = decayed(self.u[i], case.lost_u) + sum(arrived)
            active = self.rest[i] == 0
            self.v[i] = left + self.u[i] + 64 * case.bias[i] if active else 0
            self.rest[i] = max(self.rest[i] - 1, 0)
            threshold = 64 * case.threshold[i]
            if i in case.forced[now] or (active and self.v[i] > threshold):
                fired.append(i)
                self.v[i] = self.v[i] - threshold if case.soft[i] else 0
                self.rest[i] = case.refractory[i]
        for i in fired:
            for source, target, weight, delay in case.synapses:
                if source == i:
                    self.coming.setdefault((now + delay, target), []).append(64 * weight)
        return busy, fired


def place(case: Case, core: int) -> tuple[int, int]:
    """Column and row of a core's tile."""
    tile = core // case.per_tile
    if case.by_column:
        return tile // case.rows, tile % case.rows
    return tile % case.columns, tile // case.columns


def simulate(case: Case) -> tuple[list[dict[str, int]], Counter[str]]:
    """Figures of each step, and counts of actions of all."""
    net = Neurons(case, *([0] * case.n for _ in range(3)))
    used = sorted(set(case.core))
    tiles = len({core // case.per_tile for core in used})
    barrier = case.barrier[max(known for known in case.barrier if known <= tiles)]
    kind = "synapse_dense" if case.stored == "dense" else "synapse_sparse"
    steps, totals = [], Counter()
    for now in range(STEPS):
        busy, fired = net.step(now)
        done: Counter[str] = Counter(access=case.n, update=len(busy), spike=len(fired))
        sends, receives = dict.fromkeys(used, 0), dict.fromkeys(used, 0)
        for i in range(case.n):
            sends[case.core[i]] += case.times["access"] + (i in busy) * case.times["update"]
        for i in fired:
            sends[case.core[i]] += case.times["spike"]
            reached = Counter(case.core[b] for a, b, *_ in case.synapses if a == i)
            for core, synapses in reached.items():
                done.update({"axon_out": 1, "axon_in": 1, kind: synapses})
                (x, y), (to_x, to_y) = place(case, case.core[i]), place(case, core)
                done.update(hop_ew=abs(x - to_x), hop_ns=abs(y - to_y))
                sends[case.core[i]] += case.times["axon_out"]
                receives[core] += case.times["axon_in"] + synapses * case.times[kind]
        slowest = max(max(sends[core], receives[core]) for core in used)
        steps.append({"fired": len(fired), "updated": len(busy), "time_ps": slowest + barrier})
        totals.update(done)
    return steps, totals


def product(case: Case, folder: Path, timing: str) -> Any:
    """The answer of the product."""
    path = folder / "net.npz"
    columns = np.array(case.synapses, np.int64).reshape(-1, 4).T
    pre, post, w, delay = columns
    np.savez(
        path, model="loihi", N=case.n, steps=STEPS, pre=pre, post=post, w=w, delay=delay, bias=case.bias,
        threshold=case.threshold, refractory=case.refractory, du=case.lost_u, dv=case.lost_v, soft=case.soft,
        core_id=case.core,
    )  # fmt: skip
    forced = np.array([[i in step for i in range(case.n)] for step in case.forced])
    overrides = {
        "links.mesh.columns": case.columns,
        "links.mesh.rows": case.rows,
        "links.mesh.cores_per_tile": case.per_tile,
        "links.mesh.numbering": "by_column" if case.by_column else "by_row",
        "links.mesh.timing": timing,
        "mapping.populations.neurons.synapses": case.stored,
        "links.mesh.barrier": "{" + ", ".join(f"{k}: {v} ps" for k, v in case.barrier.items()) + "}",
        **{f"cores.core.{name}": f"{ps} ps" for name, ps in case.times.items()},
    }
    return run_spiking("neuromorphic/loihi_1", path, inputs={"spikes": forced}, overrides=overrides)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**20))
def test_the_product_is_the_plain_model(seed):
    case = draw(seed)
    steps, totals = simulate(case)
    with tempfile.TemporaryDirectory() as folder:
        result = product(case, Path(folder), "simple")
    spiking = result.spiking
    assert list(spiking.per_step["fired"]) == [step["fired"] for step in steps]
    assert list(spiking.per_step["updated"]) == [step["updated"] for step in steps]
    assert list(spiking.per_step["time_fs"]) == [1000 * step["time_ps"] for step in steps]
    found: Counter[str] = Counter()
    for _, action, count in result.ledger.totals():
        found[action] += count
    for action in PRICES:
        assert found[action] == totals[action], action
    expected = sum(PRICES[action] * count for action, count in totals.items()) * 1e-12
    static = 29e-3 * sum(step["time_ps"] for step in steps) * 1e-12
    assert result.metrics.energy_j == pytest.approx(expected + static, rel=1e-9, abs=29e-18 * case.n)
    assert result.metrics.latency_s == pytest.approx(sum(s["time_ps"] for s in steps) * 1e-12, rel=1e-12)


@pytest.mark.parametrize("seed", [3, 8])
def test_messages_on_their_way_only_add(seed, tmp_path):
    """Counts do not depend on the timing; a step never takes less than its slowest core and the barrier."""
    case = draw(seed)
    steps, _ = simulate(case)
    for timing in ("detailed", "events"):
        spiking = product(case, tmp_path, timing).spiking
        assert list(spiking.per_step["fired"]) == [step["fired"] for step in steps]
        assert sum(spiking.per_step["fired"]) > 0
        for taken, step in zip(spiking.per_step["time_fs"], steps, strict=True):
            assert taken >= 1000 * step["time_ps"]


def test_the_cases_have_something_in_them():
    """Spikes, hops in both directions, both formats, several tiles."""
    cases = [draw(seed) for seed in range(40)]
    totals = [simulate(case)[1] for case in cases]
    for action in PRICES:
        assert sum(each[action] > 0 for each in totals) > 3, action
    assert sum(len({core // case.per_tile for core in case.core}) > 4 for case in cases) > 1
    assert sum(each["spike"] for each in totals) > 1000
