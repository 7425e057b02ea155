"""A result: tables with units in their headers, and JSON both ways."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from simulator.base.errors import InputError
from simulator.results.ledger import Ledger
from simulator.results.metrics import measure
from simulator.results.result import SCHEMA, EnergyEntry, FusedChain, Fusion, MemoryInfo, NodeRow, Result

COLUMNS = (("npu", "mac_int8"), ("dram", "read"), ("npu", "static"))
ENERGY = (
    EnergyEntry("npu", "mac_int8", 0.25, "derived", "a paper", "30 %"),
    EnergyEntry("dram", "read", None, "unknown", "nobody says"),
    EnergyEntry("npu", "static", 0.001, "estimate"),
)
MEMORIES = (MemoryInfo("dram", "dram", 2**30, 12.8e9, True),)


@pytest.fixture
def result() -> Result:
    rows = (
        NodeRow(
            "conv", "Conv", "npu", "conv", 0, 4_000_000, 4_000_000, 1000, 0.25, "compute", {"npu": 3_000_000}
        ),
        NodeRow("view", "Reshape", "-", "view", 4_000_000, 4_000_000, 0, 0, 0.0, "latency"),
    )
    ledger = Ledger(("conv", "view"), COLUMNS, np.array([[1000, 64, 4000], [0, 0, 0]], np.int64))
    metrics = measure(
        4_000_000, rows, ledger, ENERGY, MEMORIES, peak_macs_per_s=1e12, area_mm2=None, peak_memory_bytes=9
    )
    return Result(
        chip="chip", network="netz-ü", precision="int8", batch=2, metrics=metrics, rows=rows,
        ledger=ledger, energy=ENERGY,
        memories=MEMORIES, not_modelled=("energy of dram.read is unknown",), assumptions=("int8",),
        provenance={"seed": 3}, resolved={"name": "chip"},
    )  # fmt: skip


def test_layers_have_units_in_their_names(result):
    conv, view = result.layers()
    assert conv["latency_us"] == 0.004
    assert (conv["start_us"], conv["end_us"], conv["exposed_us"]) == (0.0, 0.004, 0.004)
    assert (conv["macs"], conv["utilization_pct"], conv["bound"]) == (1000, 25.0, "compute")
    assert conv["tops"] == pytest.approx(2 * 1000 / 4e-9 / 1e12)
    assert conv["energy_uJ"] == pytest.approx((1000 * 0.25 + 4000 * 0.001) / 1e6)
    assert (conv["dram_read_B"], conv["dram_write_B"]) == (64, 0)
    assert (view["core"], view["latency_us"], view["tops"]) == ("-", 0.0, 0.0)


def test_unknown_energies_are_none_in_the_table(result):
    table = {(line["component"], line["action"]): line for line in result.energy_table()}
    assert list(table) == list(COLUMNS)
    read = table["dram", "read"]
    assert (read["count"], read["pJ_each"], read["energy_uJ"], read["origin"]) == (64, None, None, "unknown")
    mac = table["npu", "mac_int8"]
    assert (mac["energy_uJ"], mac["origin"], mac["source"], mac["band"]) == (
        0.00025,
        "derived",
        "a paper",
        "30 %",
    )


def test_json_holds_null_and_no_other_spelling_of_unknown(result):
    text = result.dumps()
    plain = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert plain["schema_version"] == SCHEMA
    assert plain["metrics"]["tops_per_w"] is None
    assert plain["metrics"]["area_mm2"] is None
    assert plain["metrics"]["energy_complete"] is False
    assert "netz-ü" in text
    assert text.endswith("}\n")


def test_json_goes_both_ways(result, tmp_path):
    result.to_json(tmp_path / "result.json")
    for path in (tmp_path, tmp_path / "result.json", str(tmp_path)):
        again = Result.from_json(path)
        assert again.dumps() == result.dumps()
        assert (again.rows, again.energy, again.metrics) == (result.rows, result.energy, result.metrics)
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no such result; expected a result.json or a folder with one"),
        ("{", "not a result: Expecting property name"),
        ("[]", f"expected a result of schema_version {SCHEMA}, got None"),
        ('{"schema_version": 99}', f"expected a result of schema_version {SCHEMA}, got 99"),
    ],
)
def test_what_is_no_result_is_refused(tmp_path, text, message):
    file = tmp_path / "result.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError) as caught:
        Result.from_json(tmp_path)
    assert str(caught.value).startswith(f"{file}: {message}")


def test_a_damaged_result_is_an_error_of_the_user(result, tmp_path):
    """A file of the right schema that lacks a part is refused like any other."""
    plain = result.to_dict()
    del plain["metrics"]["macs"]
    (tmp_path / "result.json").write_text(json.dumps(plain))
    with pytest.raises(InputError, match="not a result"):
        Result.from_json(tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("latency_s", "1", "metrics.latency_s: not a result: expected a number"),
        ("latency_s", float("nan"), "metrics.latency_s: not a result: expected a number"),
        ("latency_s", -1.0, "metrics.latency_s: not a result: expected a time in seconds"),
        ("macs", None, "metrics.macs: not a result: expected a whole number"),
        ("energy_complete", 1, "metrics.energy_complete: not a result: expected true or false"),
        ("traffic_bytes", {"dram": 3}, "metrics.traffic_bytes.dram: not a result: expected a mapping"),
        ("energy_j", [], "metrics.energy_j: not a result: expected"),
    ],
)
def test_figures_of_another_type_are_told_at_their_place(result, tmp_path, key, value, message):
    plain = result.to_dict()
    plain["metrics"][key] = value
    (tmp_path / "result.json").write_text(json.dumps(plain))
    with pytest.raises(InputError) as caught:
        Result.from_json(tmp_path)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [("chip", 5), ("batch", "1"), ("resolved", {"chip": []}), ("resolved", {"chip": {"technology": "7 nm"}}),
     ("resolved", {"experiment": {"set": ["a"]}}), ("copies", [1])],
)  # fmt: skip
def test_parts_of_another_type_are_refused(result, tmp_path, key, value):
    (tmp_path / "result.json").write_text(json.dumps({**result.to_dict(), key: value}))
    with pytest.raises(InputError, match=f"{key}.*not a result: expected"):
        Result.from_json(tmp_path)


def test_json_that_is_too_deep_is_no_result(tmp_path):
    (tmp_path / "result.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="not a result"):
        Result.from_json(tmp_path)


def test_results_are_frozen(result):
    with pytest.raises(AttributeError):
        result.chip = "other"
    assert replace(result, chip="other").network == result.network


def test_what_was_fused_survives_json_and_older_results_have_none(result):
    fusion = Fusion((FusedChain(("conv", "view"), 4, 2, 640, 100, 300),), 1100, 1300)
    fused = replace(result, fusion=fusion)
    assert Result.from_dict(json.loads(fused.dumps())).fusion == fusion
    older = result.to_dict()
    del older["fusion"]
    assert Result.from_dict(older).fusion == Fusion()
