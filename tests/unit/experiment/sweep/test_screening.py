"""The closed form by hand, against the simulator, and what a screening keeps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from simulator.base.errors import InputError
from simulator.experiment.run import run
from simulator.experiment.sweep.closedform import run_through
from simulator.experiment.sweep.load import load_sweep
from simulator.experiment.sweep.screening import Estimator, errors, screen
from simulator.experiment.sweep.variants import Variants
from simulator.hw.chip import load_chip
from simulator.results.sensitivity import rank_correlation


def through(busy: list[float], cores: list[int], *links: tuple[list[float], list[float]]) -> float:
    ways = [(np.array(loads, float), np.array(stores, float)) for loads, stores in links]
    return run_through(np.array(busy, float), cores, ways)


def test_layers_of_one_core_follow_each_other():
    assert through([8, 16, 24], [0, 0, 0]) == 48


def test_layers_of_two_cores_follow_a_piece_behind():
    """The second begins when an eighth of the first is done, and ends at least an eighth of its own after it."""
    assert through([80, 80], [0, 1]) == 80 / 8 + 80
    assert through([80, 16], [0, 1]) == 80 + 16 / 8


def test_a_core_that_is_busy_is_waited_for():
    """Third layer: its core is free at 80, though the second is done at 18."""
    assert through([8, 80, 8], [0, 1, 1]) == 1 + 80 + 8


def test_loads_come_one_layer_ahead():
    """Loads of 10 each under 30 of computing: the first is waited for with the whole layer beside it."""
    assert through([30, 30, 30], [0] * 3, ([10, 10, 10], [0, 0, 0])) == 90
    assert through([5, 5, 5], [0] * 3, ([10, 10, 10], [0, 0, 0])) == 30


def test_what_is_stored_last_is_waited_for():
    assert through([10], [0], ([0], [7])) == 17
    assert through([10, 10], [0, 0], ([0, 0], [4, 0])) == 20


def test_two_links_work_side_by_side():
    assert through([1, 1], [0, 0], ([10, 10], [0, 0]), ([10, 10], [0, 0])) == 20


def test_variants_are_the_chips_that_they_stand_for(here: Path):
    variants = Variants("mini.yaml")
    for overrides in (
        {},
        {"cores.array.rows": "4", "memories.sram.capacity": "32 KiB"},
        {"cores.array.energy.mac_int8": "0.5 pJ", "links.dma.width": "8 B/cycle"},
        {"mapping.fuse": "off", "memories.dram.bandwidth": "4 GB/s"},
    ):
        chip, variant = load_chip("mini.yaml", overrides), variants.at(overrides)
        assert variant.components == chip.components
        assert variant.base.rules == chip.rules


def test_members_of_a_cluster_vary_together():
    variant = Variants("npu/quad_npu").at({"cores.npu.rows": "8"})
    rows = {name: getattr(part, "rows", None) for name, part in variant.components.items()}
    cores = [name for name in rows if name.startswith("npu")]
    assert len(cores) == 4
    assert {rows[name] for name in cores} == {8}


def test_a_value_that_cannot_be_is_refused_as_the_chip_would(here: Path):
    with pytest.raises(InputError, match="expected more than 0, got 0"):
        Variants("mini.yaml").at({"cores.array.rows": "0"})


def test_estimates_come_near_the_simulator_and_rank_as_it_does(write: Callable[[str], str]):
    """All of a small space: order nearly right, latency and energy within 40 %, area exactly."""
    sweep = load_sweep(write())
    estimator = Estimator(sweep.space, sweep.workloads)
    pairs = []
    for point in sweep.space.grid():
        found = estimator.estimate(point)
        assert found is not None
        metrics = run(point.chip, "pair.yaml", overrides=sweep.space.overrides(point)).metrics
        pairs.append((found, metrics))
        assert found["area_mm2"] == pytest.approx(metrics.area_mm2)
        assert 0.6 < found["latency_s"] / metrics.latency_s < 1.4
        assert metrics.energy_j is not None
        assert 0.6 < found["energy_j"] / metrics.energy_j < 1.4
    for name in ("latency_s", "energy_j"):
        rank = rank_correlation([e[name] for e, _ in pairs], [getattr(m, name) for _, m in pairs])
        assert rank is not None
        assert rank > 0.9, name


def test_an_unknown_energy_is_unknown(write: Callable[[str], str], here: Path):
    chip = here / "mini.yaml"
    chip.write_text(chip.read_text().replace("mac_int8: 0.2 pJ", "mac_int8: unknown"))
    sweep = load_sweep(write())
    found = Estimator(sweep.space, sweep.workloads).estimate(next(sweep.space.grid()))
    assert found is not None
    assert found["energy_j"] is None
    assert found["edp_js"] is None
    assert found["latency_s"] > 0


def test_a_mix_is_that_of_its_workloads(write: Callable[[str], str], here: Path):
    (here / "large.yaml").write_text((here / "pair.yaml").read_text().replace("m: 64", "m: 256"))
    text = Path(write()).read_text()
    sweep = load_sweep(write(text.replace("[pair.yaml]", "[{network: pair.yaml, weight: 3}, large.yaml]")))
    found = Estimator(sweep.space, sweep.workloads).estimate(next(sweep.space.grid()))
    assert found is not None
    expected = (3 * found["pair.latency_s"] + found["large.latency_s"]) / 4
    assert found["latency_s"] == pytest.approx(expected)


def test_the_front_of_the_estimates_is_kept_first(write: Callable[[str], str]):
    text = Path(write()).read_text()
    sweep = load_sweep(write(text + "screening: {keep: 6, check: 3}\n"))
    points = list(sweep.space.grid())
    found = screen(sweep, points)
    assert (len(found.survivors), len(found.checks)) == (6, 3)
    assert not {p.identity for p in found.survivors} & {p.identity for p in found.checks}
    estimator = Estimator(sweep.space, sweep.workloads)
    scores = {p.identity: estimator.estimate(p) for p in points}
    kept = [scores[p.identity] for p in found.survivors]
    for point in points:
        mine = scores[point.identity]
        if point.identity not in {p.identity for p in found.survivors}:
            beaten = [
                other for other in kept
                if other["latency_s"] <= mine["latency_s"] and other["area_mm2"] <= mine["area_mm2"]
            ]  # fmt: skip
            assert beaten, "a point that nothing kept dominates was dropped before others"


def test_limits_come_first(write: Callable[[str], str]):
    text = Path(write()).read_text()
    sweep = load_sweep(write(text + "screening: {keep: 4, check: 0}\nlimits: [area_mm2 <= 0.9]\n"))
    found = screen(sweep, list(sweep.space.grid()))
    assert all(found.estimates[p.identity]["area_mm2"] <= 0.9 for p in found.survivors)


def test_the_error_of_a_screening_by_hand():
    records = [
        {"status": "done", "chosen": "check", "latency_s": 2.0, "screened_latency_s": 1.0},
        {"status": "done", "chosen": "screened", "latency_s": 4.0, "screened_latency_s": 4.0},
        {"status": "done", "chosen": "screened", "latency_s": 5.0, "screened_latency_s": 10.0},
        {"status": "refused", "chosen": "screened", "latency_s": None, "screened_latency_s": 1.0},
    ]
    found = errors(records, ["latency_s"])["errors"]["latency_s"]
    assert found["points"] == 3
    assert found["rank_correlation"] == pytest.approx(1)
    assert found["ratio"]["p50"] == 1.0
    assert "drawn" not in found


def test_what_cannot_be_screened_is_said(write: Callable[[str], str]):
    text = Path(write()).read_text() + "screening: {keep: 3}\n"
    with pytest.raises(InputError, match="objectives.tops: cannot be screened, only latency_s, energy_j"):
        load_sweep(write(text.replace("latency_s: minimize", "tops: maximize")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chips: [npu/edge_npu, pim/edge_npu_lpddr5_pim]\nworkloads: [mobilenet_v1]\naxes: {cores.npu.rows: [16]}\n",
         r"1:23: chips\.1: the closed form knows no core that computes inside a memory \('pim', lpddr5_pim\); leave"),
        ("chips: [neuromorphic/nm500]\nworkloads: [digits_nm500]\naxes: {cores.neurons.clock: [9 MHz]}\n",
         r"1:9: chips\.0: the closed form knows no core that has a model of its own \('neurons', pattern_matching\)"),
        ("chips: [npu/edge_npu]\nworkloads: [llm/gpt2]\naxes: {cores.npu.rows: [16]}\n",
         r"2:13: workloads\.0: the closed form is of one graph, not of a prompt and the tokens after it; set workl"),
    ],
)  # fmt: skip
def test_what_the_closed_form_has_no_equations_for(write: Callable[[str], str], text: str, message: str):
    """Before, such points were ranked by an estimate of something else; `screening` is refused instead."""
    with pytest.raises(InputError, match=message):
        load_sweep(write(text + "screening: {keep: 1}\n"))
