"""`chipsim compare --node`: what is shown beside the figures as simulated, what is said, what is refused."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from simulator import compare
from simulator.report.layout import folder_name
from simulator.report.normalised import banded
from simulator.report.rounding import si
from simulator.results.normalise import normalise

NPU, SPIKES, MATCH = "edge_npu__digits_mlp", "loihi_1__digits_snn", "nm500__digits_nm500"


@pytest.fixture
def there(digits, tmp_path: Path) -> Path:
    """A folder of four results of one task."""
    for result in digits.values():
        (tmp_path / "done" / folder_name(result)).mkdir(parents=True)
        result.to_json(tmp_path / "done" / folder_name(result) / "result.json")
    return tmp_path


def test_energies_at_a_node_stand_beside_those_as_simulated(chipsim, there: Path, digits):
    done = chipsim("compare", "done", "--node", "7nm", "--out", "o")
    assert done.code == 0, done.err
    (row,) = [line for line in done.out.splitlines() if line.startswith("│loihi_1, digits_snn ") and "14 nm" in line
              and "spikes" not in line]  # fmt: skip
    spikes = digits["neuromorphic/loihi_1"]
    assert row.split("│")[3].strip() == si(spikes.metrics.energy_j / 200, "J"), "as simulated"
    low, central, high = (each.metrics.energy_j / 200 for each in normalise(spikes, 7.0).each)
    assert row.split("│")[4].strip() == f"{central * 1e6:.3g} µJ ({low * 1e6:.3g} to {high * 1e6:.3g})"
    for said in (
        "note: Latency, clock, throughput and TOPS are not scaled",
        "Energies at 7 nm stand beside those as simulated, times are not scaled.",
        "Not scaled, and as simulated: leakage (no figure per area for nodes above 45 nm): 100 % of the energy of nm500",
        "The energy of an event of loihi_1 / digits_snn is one figure for logic and SRAM",
    ):
        assert said in done.out, said
    assert "Nothing is scaled" not in done.out
    assert "above 45 nm there is no silicon table" not in done.out, "nothing of the NM500 was scaled"
    for page in ("report.html", "families.html"):
        text = (there / "o" / page).read_text()
        assert "Energy of one inference at 7 nm" in text, page
        assert 'class="band"' in text, page


def test_columns_of_the_csv_and_of_json(chipsim, there: Path, digits):
    found = chipsim("compare", "done", "--node", "7", "--out", "o", "--json").json
    assert found["node_nm"] == 7.0
    by_chip = {record["chip"]: record for record in found["results"]}
    rows = {row["chip"]: row for row in csv.DictReader((there / "o" / "compare.csv").open())}
    spikes = digits["neuromorphic/loihi_1"].metrics.energy_j
    for record, read in ((by_chip["loihi_1"], float), (rows["loihi_1"], float)):
        assert read(record["energy_j"]) == spikes, "as simulated, never replaced"
        low, central, high = (read(record[f"node_energy_j{end}"]) for end in ("_low", "", "_high"))
        assert low < central < high < spikes
        assert read(record["node_inference_energy_j"]) == pytest.approx(central / 200)
        assert (read(record["node_nm"]), read(record["chip_node_nm"])) == (7, 14)
        assert read(record["factor_mixed"]) == pytest.approx((7 / 14) ** 0.59037, rel=1e-4), "0.3333 over 45 to 7 nm"
    assert rows["edge_npu"]["node_energy_j"] == rows["edge_npu"]["energy_j"], "it is of 7 nm"
    assert rows["nm500"]["kept_pct"] == "100.0"
    assert [share["spent_in"] for share in by_chip["loihi_1"]["shares"]] == ["leakage", "logic and SRAM in one figure"]


def test_without_a_node_nothing_of_it_is_there(chipsim, there: Path):
    found = chipsim("compare", "done", "--out", "o", "--json").json
    assert found["node_nm"] is None
    assert not [name for name in found["results"][0] if name.startswith(("node_", "factor_"))]


def test_runs_at_a_node_where_that_is_asked_for(chipsim, there: Path):
    done = chipsim("compare", "done", "--node", "28", "--per", "run", "--out", "o")
    assert "energy at 28 nm" in done.out
    assert "area at 28 nm" in done.out
    assert "its own process" not in done.out
    assert "Not scaled, and as simulated: external memory and its interface (another process)" in done.out
    assert "Energies back to back and of tokens are not brought to a node" in done.out


def test_a_chip_without_a_node_is_named(chipsim, there: Path, digits):
    from dataclasses import replace

    one = digits["npu/edge_npu"]
    bare = replace(one, resolved={**one.resolved, "chip": {**one.resolved["chip"], "technology": {}}})
    bare.to_json(there / "bare.json")
    done = chipsim("compare", "bare.json", f"done/{SPIKES}", "--node", "7", "--out", "o")
    assert done.code == 0, done.err
    assert "edge_npu / digits_mlp is not brought to 7 nm: its chip states no process node." in done.out
    rows = list(csv.DictReader((there / "o" / "compare.csv").open()))
    assert (rows[0]["node_energy_j"], rows[0]["not_normalised"]) == ("", "its chip states no process node")


@pytest.mark.parametrize("text", ["3", "180nm", "nm", "", "seven", "-7", "nan", "inf", "7 mm"])
def test_other_nodes_are_refused(refused, there: Path, text):
    (line,) = refused("compare", "done", "--node", text, "--out", "o")
    assert line == f"--node: expected a process node from 5 to 130 nm, such as 7, got '{text}'"


def test_all_that_is_wrong_is_said_at_once(refused, there: Path):
    lines = refused("compare", "done", "--node", "3", "--precision", "int9", "--per", "x", "--out", "o")
    assert [line.split(":")[0] for line in lines] == ["--per", "--node", "--precision"]


def test_in_python(there: Path):
    for node in (7, 7.0, "7", "7 nm", " 7NM "):
        found = compare(sorted((there / "done").iterdir()), node=node)
        assert [normal.was_nm for normal in found.normals] == [7.0, 7.0, 14.0, 110.0]
    spikes = found.normals[2]
    assert spikes.central.metrics.latency_s == found.results[2].metrics.latency_s
    assert spikes.central.metrics.energy_j == pytest.approx(spikes.factor().central * found.results[2].metrics.energy_j)


def test_a_figure_with_its_band():
    assert banded((0.6e-6, 1.23e-6, 1.9e-6), "J") == "1.23 µJ (0.6 to 1.9)"
    assert banded((28.0e-6, 28.11e-6, 28.12e-6), "J") == "28.1 µJ (28 to 28.1)", "within its band as it reads"
    assert banded((28.11e-6, 28.11e-6, 28.11e-6), "J") == "28.11 µJ"
    assert banded((0.9e-6, 1.1e-6, 2e-6), "J", "≥ ") == "≥ 1.1 µJ (0.9 to 2)"
    assert banded((1.0, 1.0, 1.0), "", "×") == "×1"
    assert banded((0.0, 0.0, 0.0), "J") == "0 J"
