"""Numbers as readers see them."""

import pytest

from simulator.report.rounding import binary, binary_scale, decimal_scale, metric, number, percent, si


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (12345.6, "12\u202f346"),
        (0.0123456, "0.01235"),
        (0.0000123456, "1.235e-05"),
        (999.96, "1000"),
        (-4.5, "-4.5"),
        (2.5e16, "2.5e+16"),
    ],
)
def test_a_number_keeps_four_digits(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.00123, "s", "1.23 ms"),
        (0.0009999999, "s", "1 ms"),
        (12345.0, "s", "12\u202f345 s"),
        (1e-15, "s", "1 fs"),
        (8.192e12, "OPS", "8.192 TOPS"),
        (51.2e9, "B/s", "51.2 GB/s"),
        (0.0, "J", "0 J"),
    ],
)
def test_a_prefix_suits_the_value(value, unit, text):
    assert si(value, unit) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (512, "512 B"), (1536, "1.5 KiB"), (2**20, "1 MiB"), (3 * 2**40, "3 TiB")]
)
def test_bytes_have_binary_prefixes(value, text):
    assert binary(value) == text


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("latency_s", 0.002, "2 ms"),
        ("throughput_per_s", 1234.4, "1\u202f234 /s"),
        ("tokens_per_s", 20.0, "20 /s"),
        ("tops", 0.5, "500 GOPS"),
        ("tops_per_w", 3.5, "3.5 TOPS/W"),
        ("tops_per_w_chip", 3.5, "3.5 TOPS/W"),
        ("average_power_w", 0.5, "500 mW"),
        ("energy_per_token_j", 0.5, "500 mJ"),
        ("edp_js", 2e-6, "2 µJ·s"),
        ("area_mm2", 12.4, "12.4 mm²"),
        ("kv_bytes", 2048, "2 KiB"),
        ("utilization", 0.1234, "12.3 %"),
        ("accuracy", 0.75, "75 %"),
        ("spikes", 12345, "12\u202f345"),
        ("steps", 0, "0"),
    ],
)
def test_the_name_of_a_metric_gives_its_unit(name, value, text):
    assert metric(name, value) == text


def test_a_metric_without_value_is_unknown_and_not_zero():
    assert metric("area_mm2", None) == "unknown"
    assert metric("energy_j", None) == "unknown"


def test_a_column_shares_one_unit():
    assert binary_scale(5 * 2**20) == (2**20, "MiB")
    assert binary_scale(0) == (1, "B")
    assert decimal_scale(0.004, "s") == (10.0**-3, "ms")
    assert decimal_scale(0.004, "") == (1.0, "")


def test_percent_keeps_three_digits():
    assert percent(0.12345) == "12.3 %"
    assert percent(25.0) == "2\u202f500 %"
