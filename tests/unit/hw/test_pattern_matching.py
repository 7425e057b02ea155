"""Pattern matching: every cycle count of the manual, in totals and as the sum of accesses; chains; traffic."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.base.errors import InputError
from simulator.hw.chip import load_chip
from simulator.hw.cores.pattern_matching import PatternMatching
from simulator.hw.tiling import TILE, tile_row
from simulator.workload.work import MATCH_CLASSES, Elementwise, Match, Move

LENGTHS = (1, 2, 64, 100, 256)


def core(**fields):
    known = {"kind": "pattern_matching", "neurons": 576, "prototype_bytes": 256, "clock_hz": 35_000_000}
    return PatternMatching(**{**known, "buffers": {"vectors": "host"}, **fields})


def tile(**counts):
    return np.array([tile_row(match=tuple(counts.get(name, 0) for name in MATCH_CLASSES))], TILE)


def cycles(timing="published", **counts):
    taken, latency = core(timing=timing).cycles(tile(**counts))
    assert latency.tolist() == [0]
    return int(taken[0])


@pytest.mark.parametrize("length", LENGTHS)
class TestTotals:
    """NM500 User's Manual v1.6.3, table 9.2."""

    def test_learn(self, length):
        assert cycles(vector=1, component=length, teach=1) == length + 21

    def test_status(self, length):
        assert cycles(vector=1, component=length, status=1) == length + 4

    def test_best_match(self, length):
        assert cycles(vector=1, component=length, distance=1, category=1) == length + 40

    @pytest.mark.parametrize("k", [2, 3, 10])
    def test_k_best(self, length, k):
        assert cycles(vector=1, component=length, distance=k, category=k) == length + 3 + 37 * k

    def test_many_vectors_take_so_much_each(self, length):
        assert cycles(vector=9, component=9 * length, distance=27, category=27) == 9 * (length + 3 + 111)

    def test_what_was_found_changes_nothing(self, length):
        asked = {"vector": 1, "component": length, "distance": 1, "category": 1}
        found = {"category_identified": 1, "onto_empty": 1, "compare": 7, "shrink": 3, "commit": 1}
        assert cycles(**asked, **found) == cycles(**asked)


@pytest.mark.parametrize("neurons", [0, 1, 576])
def test_saving_and_restoring(neurons):
    for way in ("save", "restore"):
        for timing in ("published", "registers"):
            assert cycles(timing, session=1, **{way: neurons}) == 4 + 260 * neurons


@pytest.mark.parametrize("length", LENGTHS)
class TestSingleAccesses:
    """NM500 User's Manual v1.6.3, table 2.2: components 1, the last 3, DIST 18, CAT 19 or less."""

    def test_learn(self, length):
        assert cycles("registers", vector=1, component=length, teach=1) == (length - 1) + 3 + 19

    def test_learn_what_is_known(self, length):
        assert cycles("registers", vector=1, component=length, teach=1, teach_known=1) == (length - 1) + 3 + 1

    def test_learn_the_first(self, length):
        assert cycles("registers", vector=1, component=length, onto_empty=1, teach=1) == (length - 1) + 1 + 19

    def test_status(self, length):
        assert cycles("registers", vector=1, component=length, status=1) == (length - 1) + 3 + 1

    def test_best_match(self, length):
        asked = {"vector": 1, "component": length, "distance": 1, "category": 1}
        assert cycles("registers", **asked) == (length - 1) + 3 + 18 + 19
        assert cycles("registers", **asked, category_identified=1) == (length - 1) + 3 + 18 + 3

    def test_k_best(self, length):
        asked = {"vector": 1, "component": length, "distance": 4, "category": 4}
        assert cycles("registers", **asked, category_identified=4) == (length - 1) + 3 + 4 * (18 + 3)


@pytest.mark.parametrize(
    ("clock_hz", "counts", "microseconds", "within"),
    [
        # table 9.2 of the manual, L = 256, K = 3: its times are rounded, and those of matches do not follow
        # from its own formula
        (35_000_000, {"teach": 1}, 7.9, 0.01),
        (18_000_000, {"teach": 1}, 15.4, 0.01),
        (35_000_000, {"status": 1}, 7.4, 0.01),
        (18_000_000, {"status": 1}, 14.4, 0.01),
        (35_000_000, {"distance": 1, "category": 1}, 8.3, 0.025),
        (18_000_000, {"distance": 1, "category": 1}, 16.2, 0.025),
        (35_000_000, {"distance": 3, "category": 3}, 9.1, 0.17),
        (18_000_000, {"distance": 3, "category": 3}, 17.8, 0.17),
    ],
)
def test_published_times(clock_hz, counts, microseconds, within):
    taken = cycles(vector=1, component=256, **counts) / clock_hz * 1e6
    assert taken == pytest.approx(microseconds, rel=within)


@pytest.mark.parametrize(("clock_hz", "milliseconds"), [(35_000_000, 4.27), (18_000_000, 8.3)])
def test_published_time_of_saving_all_neurons(clock_hz, milliseconds):
    assert cycles(session=1, save=576) / clock_hz * 1e3 == pytest.approx(milliseconds, rel=0.005)


class TestCounts:
    def test_actions_are_what_happened(self):
        counts = {name: i + 1 for i, name in enumerate(MATCH_CLASSES)}
        found = dict(zip(PatternMatching.ACTIONS, core().counts(tile(**counts))[0].tolist(), strict=True))
        assert found == {action: counts[action] for action in PatternMatching.ACTIONS}

    def test_bytes_of_learning_and_asking(self):
        read, written = core().accesses(tile(vector=2, component=128, teach=2))[0, 0]
        assert (read, written) == (128 + 2 * 2, 0)
        read, written = core().accesses(tile(vector=2, component=128, distance=6, category=6))[0, 0]
        assert (read, written) == (128, 2 * 12)

    def test_bytes_of_saving_and_restoring(self):
        assert core().accesses(tile(session=1, save=3))[0, 0].tolist() == [0, 3 * (256 + 8)]
        assert core().accesses(tile(session=1, restore=3))[0, 0].tolist() == [3 * (256 + 8), 0]


class TestAccepts:
    @pytest.mark.parametrize(("neurons", "length", "accepted"), [(576, 256, True), (577, 256, False), (1, 257, False)])
    def test_what_fits(self, neurons, length, accepted):
        assert core().accepts(Match((("vector", 1),), neurons, length)) is accepted

    def test_a_chain_holds_more(self):
        chain = core(chips=4, clock_hz=18_000_000)
        assert chain.capacity == 2304
        assert chain.accepts(Match((("vector", 1),), 2304, 256))

    @pytest.mark.parametrize("work", [Move(1, 1), Elementwise((("add", 1),))])
    def test_nothing_else(self, work):
        assert not core().accepts(work)


class TestChips:
    def test_the_published_ones(self):
        one, chain = load_chip("neuromorphic/nm500"), load_chip("neuromorphic/nm500_chain")
        neurons = one.cores["neurons"]
        assert (neurons.clock_hz, neurons.capacity, neurons.prototype_bytes) == (35_000_000, 576, 256)
        assert neurons.leakage_mw == 3.3
        assert neurons.origins["leakage"].origin == "published"
        assert (chain.cores["neurons"].clock_hz, chain.cores["neurons"].capacity) == (18_000_000, 2304)
        assert list(one.cores) == ["neurons"], "no mover stands beside it"

    def test_energies_that_nobody_published_are_unknown(self):
        energies = load_chip("neuromorphic/nm500").cores["neurons"].energy
        assert set(energies) == set(PatternMatching.ACTIONS)
        assert all(energy.pj is None for energy in energies.values())

    def test_estimates_are_all_there_and_called_so(self):
        energies = load_chip("neuromorphic/nm500_estimate").cores["neurons"].energy
        assert set(energies) == set(PatternMatching.ACTIONS)
        for energy in energies.values():
            assert energy.pj
            assert (energy.origin, energy.band) == ("estimate", "200 %")
            assert energy.source

    def test_a_chain_cannot_run_as_fast(self):
        with pytest.raises(InputError) as refused:
            load_chip("neuromorphic/nm500", {"cores.neurons.chips": "4"})
        message = "cores.neurons: a chain of 4 chips runs at 18 MHz at most, got 35 MHz; set its clock as well"
        assert str(refused.value).endswith(message)
        assert load_chip("neuromorphic/nm500", {"cores.neurons.chips": "4", "cores.neurons.clock": "18 MHz"})

    def test_an_area_is_that_of_each_chip(self):
        area = {"cores.neurons.area": "2 mm2"}
        assert load_chip("neuromorphic/nm500", area).area_mm2() == 2
        assert load_chip("neuromorphic/nm500_chain", area).area_mm2() == 8
