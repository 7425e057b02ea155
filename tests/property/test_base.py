"""What holds for every quantity, clock and YAML value."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.base import units, yamlio
from simulator.base.clock import Clock
from simulator.base.errors import InputError, Problem
from simulator.base.spec import Energy, Spec, build, resolved

EXACT = [name for name, kind in units.DIMENSIONS.items() if kind.exact]
INEXACT = [name for name, kind in units.DIMENSIONS.items() if not kind.exact]
FREQUENCIES = st.integers(10**6, 10**11) | st.fractions(10**6, 10**11, max_denominator=10**6)
KEYS = st.text(st.characters(codec="utf-8"), max_size=6).filter(lambda key: key not in {"use", "<<"})
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | KEYS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.integers(), inner, max_size=3),
    max_leaves=5,
)
FEW = settings(max_examples=40)  # drawing nested values is slow


@given(st.sampled_from(EXACT), st.integers(0, 2**63 - 1))
def test_exact_quantities_survive_writing_and_reading(dimension: str, value: int) -> None:
    again = units.parse(units.format(value, dimension), dimension)
    assert again == value
    assert isinstance(again, int)


@given(st.sampled_from(INEXACT), st.floats(0, 2.0**62))
def test_other_quantities_survive_to_the_last_bit(dimension: str, value: float) -> None:
    assert units.parse(units.format(value, dimension), dimension) == value


@given(st.sampled_from(sorted(units.DIMENSIONS)), st.integers(0, 9000), st.data())
def test_every_unit_counts_as_often_as_it_says(dimension: str, count: int, data: st.DataObject) -> None:
    unit, size = data.draw(st.sampled_from(sorted(units.DIMENSIONS[dimension].units.items())))
    assert units.parse(f"{count} {unit}", dimension) == (count * size if size >= 1 else float(count * size))


@given(FREQUENCIES, st.integers(0, 10**6))
def test_cycle_at_is_the_inverse_of_fs(hz: int | Fraction, cycle: int) -> None:
    clock = Clock.from_hz(hz)
    assert clock.cycle_at(clock.fs(cycle)) == cycle


@given(FREQUENCIES, st.integers(0, 10**15))
def test_cycle_at_is_the_first_cycle_not_before_an_instant(hz: int | Fraction, fs: int) -> None:
    clock = Clock.from_hz(hz)
    cycle = clock.cycle_at(fs)
    assert clock.fs(cycle) >= fs
    assert cycle == 0 or clock.fs(cycle - 1) < fs


@given(FREQUENCIES, st.integers(0, 10**6), st.integers(0, 10**6))
def test_instants_never_drift_from_the_exact_period(hz: int | Fraction, first: int, second: int) -> None:
    clock = Clock.from_hz(hz)
    assert 0 <= first * 10**15 / Fraction(hz) - clock.fs(first) < 1
    assert 0 <= clock.fs(first + second) - clock.fs(first) - clock.fs(second) <= 1


@given(FREQUENCIES, st.integers(0, 10**15))
def test_a_duration_becomes_the_fewest_cycles_that_cover_it(hz: int | Fraction, duration_fs: int) -> None:
    clock = Clock.from_hz(hz)
    cycles = clock.cycles_of(duration_fs)
    period = Fraction(clock.num, clock.den)
    assert cycles * period >= duration_fs
    assert (cycles - 1) * period < duration_fs or cycles == 0


@FEW
@given(st.dictionaries(KEYS, VALUES, max_size=3))
def test_yaml_reads_what_it_wrote(data: dict[str, Any]) -> None:
    assert yamlio.parse(yamlio.dump(data)).data == data


@given(st.text(st.characters(codec="utf-8")))
def test_any_text_is_data_or_a_located_problem(text: str) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        document = yamlio.parse(text, "t.yaml")
    except InputError as error:
        problems = error.problems
    files = {problem.file for problem in problems} or {mark.file for mark in document.marks.values()}
    assert files == {"t.yaml"}


class Part(Spec):
    """A component with fields of several sorts."""

    clock_hz: int
    capacity_bytes: int
    latency_fs: dict[str, int]
    leakage_mw: float | None
    energy: dict[str, Energy]
    share: float


ORIGINS = st.sampled_from(["", "derived", "published"])
ENERGIES = st.builds(Energy, st.none() | st.floats(0, 1e9), ORIGINS, KEYS, st.just("30 %"))
PARTS = st.fixed_dictionaries(
    {
        "clock_hz": st.integers(0, 2**62),
        "capacity_bytes": st.integers(0, 2**62),
        "latency_fs": st.dictionaries(KEYS, st.integers(0, 2**62), max_size=2),
        "leakage_mw": st.none() | st.floats(0, 1e9),
        "energy": st.dictionaries(KEYS, ENERGIES, max_size=2),
        "share": st.floats(-1e9, 1e9),
    }
).map(lambda fields: Part(**fields))


@FEW
@given(PARTS)
def test_a_resolved_spec_builds_the_same_spec(part: Part) -> None:
    document = yamlio.parse(yamlio.dump(resolved(part)))
    assert build(Part, document.data, document) == part


@FEW
@given(st.dictionaries(st.sampled_from(["a", "clock", "latency", "energy", "share"]), VALUES))
def test_any_data_is_a_spec_or_problems_about_its_keys(data: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:  # leakage is required and never there
        build(Part, data)
    assert "leakage: missing; expected a power such as '5 mW' or 'unknown'" in str(caught.value).split("\n")
