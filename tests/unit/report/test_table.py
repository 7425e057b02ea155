"""Tables as headers and rows of text."""

import dataclasses

from simulator.report.table import (
    busy_table,
    component_table,
    energy_table,
    layer_table,
    memory_table,
    provenance_table,
)


def columns(table):
    headers, rows = table
    return {header: [row[i] for row in rows] for i, header in enumerate(headers)}


def test_every_layer_has_a_row_in_one_unit_per_column(result):
    found = columns(layer_table(result))
    assert found["node"] == ["conv1", "reshape", "relu", "fc"]
    assert found["bound"] == ["compute", "latency", "vector", "dram"]
    assert found["exposed (µs)"] == ["3", "0", "0.5", "7"]
    assert found["share (%)"] == ["28.57", "0", "4.762", "66.67"]
    assert found["work (MMAC)"] == ["4", "0", "0", "1"]
    assert found["achieved (TOPS)"] == ["2.667", "0", "0", "0.2857"]
    assert found["dram read (KiB)"] == ["97.66", "0", "0", "302.7"]
    assert found["end (µs)"] == ["3", "3", "3.5", "10.5"]
    assert found["energy (µJ)"][1] == "0"


def test_what_a_layer_costs_comes_first_and_copies_are_one_core(result):
    headers = layer_table(result)[0]
    assert headers[:6] == ["node", "exposed (µs)", "share (%)", "bound", "op", "core"]
    assert headers[-4:-2] == ["dram read (KiB)", "dram write (KiB)"]
    row = dataclasses.replace(result.rows[0], core="npu_0+npu_1")
    copies = {f"npu_{i}": "npu" for i in range(2)}
    shared = dataclasses.replace(result, rows=(row, *result.rows[1:]), copies=copies)
    assert columns(layer_table(shared))["core"][:2] == ["npu\u00a0×2", "npu"]


def test_memory_columns_that_are_zero_everywhere_are_left_out(result):
    assert not [header for header in layer_table(result)[0] if header.startswith("sram write")]


def test_layers_with_unknown_energy_say_so(unknown, partly):
    (energy,) = [texts for header, texts in columns(layer_table(unknown)).items() if "energy" in header]
    assert energy == ["unknown", "0", "unknown", "unknown"]
    (energy,) = [texts for header, texts in columns(layer_table(partly)).items() if "energy" in header]
    assert energy == ["≥ 476", "0", "26", "≥ 130"]


def test_the_origin_of_decomposed_nodes_has_a_column(result):
    assert "part of" not in layer_table(result)[0]
    rows = (dataclasses.replace(result.rows[0], origin="attention"), *result.rows[1:])
    found = columns(layer_table(dataclasses.replace(result, rows=rows)))
    assert found["part of"] == ["attention", "", "", ""]


def test_a_run_without_layers_has_an_empty_table(make):
    headers, rows = layer_table(make([]))
    assert headers[0] == "node"
    assert rows == []


def test_components_split_into_dynamic_and_static(result, partly):
    assert component_table(result)[1][1] == ["npu", "350 nJ", "21 nJ", "371 nJ", "5.2 %"]
    npu = next(row for row in component_table(partly)[1] if row[0] == "npu")
    assert npu == ["npu", "unknown", "21 nJ", "≥ 21 nJ", "3.32 %"]


def test_the_energy_table_says_where_numbers_come_from(result, partly):
    found = columns(energy_table(result))
    assert found["action"][0] == "mac_int8"
    assert found["each"][0] == "70 fJ"
    assert found["origin"] == ["derived", "published", "estimate", "estimate", "fitted"]
    assert found["source"][0] == "a paper, table 2"
    first = energy_table(partly)[1][0]
    assert first[3:6] == ["unknown", "unknown", "unknown"]


def test_memories_are_compared_with_their_bandwidth(result):
    sram, dram = memory_table(result)[1]
    assert sram == ["sram", "sram", "1 MiB", "537.1 KiB", "0 B", "52.38 GB/s", "unlimited", "–"]
    assert dram == [
        "dram",
        "dram, external",
        "4 GiB",
        "400.4 KiB",
        "20.51 KiB",
        "41.05 GB/s",
        "51.2 GB/s",
        "80.2 %",
    ]


def test_busy_time_is_summed_per_unit(result):
    assert busy_table(result)[1] == [["npu", "5.25 µs", "50 %"], ["dma", "2.625 µs", "25 %"]]


def test_provenance_is_flat(result):
    assert provenance_table(result)[1] == [
        ["version", "1.2.3"],
        ["command", "chipsim run"],
        ["hashes.chip", "abc"],
        ["seed", "–"],
    ]
