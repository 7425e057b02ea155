"""Quantities as people write them."""

import pytest

from simulator.base import units


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("15 ns", "fs", 15_000_000),
        ("2 µs", "fs", 2 * 10**9),
        ("0.5 fs", "fs", None),
        ("1_000 ps", "fs", 10**6),
        ("700 MHz", "hz", 700_000_000),
        ("1.5GHz", "hz", 1_500_000_000),
        ("1e3 kHz", "hz", 10**6),
        ("1 MiB", "bytes", 2**20),
        ("0.5 KiB", "bytes", 512),
        ("unlimited", "bytes", 2**62),
        ("8 Gb", "bits", 8 * 2**30),
        ("8 Gib", "bits", 8 * 2**30),
        ("512 Mb", "bits", 2**29),
        ("0.07 pJ", "pj", 0.07),
        ("70 fJ", "pj", 0.07),
        ("1.2 nJ", "pj", 1200.0),
        ("30 uW", "mw", 0.03),
        ("2 W", "mw", 2000.0),
        ("32 B/cycle", "bytes_per_cycle", 32.0),
        ("0.5 B/cycle", "bytes_per_cycle", 0.5),
        ("unlimited", "bytes_per_cycle", 2**62),
        ("25.6 GB/s", "bytes_per_s", 25.6e9),
        ("1 GiB/s", "bytes_per_s", 2.0**30),
        ("1500 um2", "mm2", 0.0015),
        ("1.5 mm²", "mm2", 1.5),
        ("30 %", "percent", 30.0),
        ("7 nm", "nm", 7.0),
        ("-65 mV", "v", -0.065),
        ("1.5 A", "ma", 1500.0),
    ],
)
def test_parse(text: str, dimension: str, value: float | None) -> None:
    if value is None:
        with pytest.raises(ValueError, match="not a whole number of fs"):
            units.parse(text, dimension)
    else:
        parsed = units.parse(text, dimension)
        assert parsed == value
        assert isinstance(parsed, int) == (units.DIMENSIONS[dimension].exact or text == "unlimited")


@pytest.mark.parametrize(
    ("text", "dimension", "message"),
    [
        (700, "hz", "expected a frequency such as '700 MHz', got 700 (a bare number)"),
        ("700", "hz", "expected a frequency such as '700 MHz', got '700' (no unit)"),
        ("3 GHZ", "hz", "expected a frequency such as '700 MHz', got '3 GHZ'; did you mean 'GHz'?"),
        ("fast", "hz", "expected a frequency such as '700 MHz', got 'fast'"),
        ("unlimited", "hz", "expected a frequency such as '700 MHz', got 'unlimited'"),
        (None, "hz", "expected a frequency such as '700 MHz', got nothing"),
        (True, "hz", "expected a frequency such as '700 MHz', got true"),
        ({"value": 1}, "hz", "expected a frequency such as '700 MHz', got a mapping"),
        ("64 KB", "bytes",
         "expected a size such as '64 KiB', got '64 KB': KB is ambiguous, write KiB (1024 B)"),
        ("1 MB", "bytes",
         "expected a size such as '64 KiB', got '1 MB': MB is ambiguous, write MiB (1024 KiB)"),
        ("4 G", "bytes", "expected a size such as '64 KiB', got '4 G': G is ambiguous, write GiB (1024 MiB)"),
        ("64 kb", "bytes", "expected a size such as '64 KiB', got '64 kb'; did you mean 'KiB'?"),
        ("-1 KiB", "bytes", "expected a size such as '64 KiB', got '-1 KiB' (negative)"),
        ("0.3 B", "bytes", "expected a size such as '64 KiB', got '0.3 B' (not a whole number of B)"),
        ("1e30 GiB", "bytes", "expected a size such as '64 KiB', got '1e30 GiB' (2^63 B or more)"),
        ("8 Kb", "bits",
         "expected a number of bits such as '8 Gib', got '8 Kb': Kb is ambiguous, write Kib (1024 b)"),
        ("5 cycles", "fs",
         "expected a time such as '15 ns', got '5 cycles': 'cycles' is none of fs, ps, ns, us, ms, s"),
        ("unknown", "pj", "expected an energy such as '0.07 pJ', got 'unknown'"),
        ("1 KB/s", "bytes_per_s",
         "expected a bandwidth such as '12.8 GB/s', got '1 KB/s': "
         "KB is ambiguous, write kB/s (1000 B/s) or KiB/s (1024 B/s)"),
    ],
)  # fmt: skip
def test_parse_says_what_was_expected_and_what_came(text: object, dimension: str, message: str) -> None:
    with pytest.raises(ValueError, match="^expected") as caught:
        units.parse(text, dimension)
    assert str(caught.value) == message


def test_a_huge_exponent_is_refused_without_being_computed() -> None:
    with pytest.raises(ValueError, match="got '1e999999999 fs'"):
        units.parse("1e999999999 fs", "fs")


@pytest.mark.parametrize(
    ("value", "dimension", "text"),
    [
        (700_000_000, "hz", "700 MHz"),
        (1_500_000_000, "hz", "1.5 GHz"),
        (333_333_333, "hz", "333.333333 MHz"),
        (0, "hz", "0 Hz"),
        (2**20, "bytes", "1 MiB"),
        (2**20 + 2**14, "bytes", "1040 KiB"),
        (1000, "bytes", "1000 B"),
        (2**62, "bytes", "unlimited"),
        (2**33, "bits", "8 Gib"),
        (0.07, "pj", "0.07 pJ"),
        (1e-7, "pj", "0.0000001 pJ"),
        (1.54e6, "pj", "1.54 uJ"),
        (0.02, "mw", "0.02 mW"),
        (25.6e9, "bytes_per_s", "25.6 GB/s"),
        (2.0**30, "bytes_per_s", "1 GiB/s"),
        (32, "bytes_per_cycle", "32 B/cycle"),
        (-0.065, "v", "-0.065 V"),
    ],
)
def test_format_is_short_and_readable(value: float, dimension: str, text: str) -> None:
    assert units.format(value, dimension) == text


def test_every_example_is_accepted_as_it_stands() -> None:
    for dimension, kind in units.DIMENSIONS.items():
        assert units.format(units.parse(kind.example, dimension), dimension) == kind.example
        assert kind.units[kind.canonical] == 1


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("clock_hz", ("clock", "hz")),
        ("width_bytes_per_cycle", ("width", "bytes_per_cycle")),
        ("bandwidth_bytes_per_s", ("bandwidth", "bytes_per_s")),
        ("capacity_bytes", ("capacity", "bytes")),
        ("latency_cycles", ("latency_cycles", None)),
        ("rows", ("rows", None)),
        ("bytes", ("bytes", None)),
        ("_hz", ("_hz", None)),
    ],
)
def test_the_unit_is_in_the_name(name: str, parts: tuple[str, str | None]) -> None:
    assert units.split_suffix(name) == parts
