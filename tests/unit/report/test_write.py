"""The files of a report."""

import csv
import io
import os
import subprocess
import sys

import pytest

from simulator.base.errors import InputError
from simulator.report.write import energy_csv, layers_csv, write_report
from simulator.results.result import Result

FILES = {"report.html", "result.json", "layers.csv", "energy.csv", "resolved.yaml"}


def records(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_one_result_fills_the_folder(result, tmp_path):
    written = write_report([result], tmp_path / "out")
    assert written[0] == tmp_path / "out" / "report.html"
    assert {path.name for path in written} == FILES
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    assert Result.from_json(tmp_path / "out").to_dict() == result.to_dict()
    assert (tmp_path / "out" / "resolved.yaml").read_text(encoding="utf-8") == (
        "name: npu/edge\ncores:\n  npu:\n    rows: 32\n    clock: 1 GHz\n"
    )


def test_several_results_have_a_folder_each_and_an_index(make, tmp_path):
    written = write_report([make(), make(chip="x"), make()], tmp_path)
    assert written[0] == tmp_path / "report.html"
    assert {path.relative_to(tmp_path).as_posix() for path in written} == {"report.html"} | {
        f"{folder}/{name}" for folder in ("npu_edge__net", "x__net", "npu_edge__net_2") for name in FILES
    }
    assert all(path.is_file() for path in written)
    index = written[0].read_text(encoding="utf-8")
    for folder in ("npu_edge__net", "x__net", "npu_edge__net_2"):
        assert f'href="{folder}/report.html"' in index


def test_the_header_of_the_layers_is_a_contract(result):
    assert layers_csv(result).splitlines()[0] == (
        "node,op,core,latency_us,start_us,end_us,macs,utilization_pct,tops,energy_uJ,bound,exposed_us,shape,ifmap_density_pct,weight_density_pct,"
        "sram_read_B,sram_write_B,dram_read_B,dram_write_B,"
        "compute_us,fill_drain_us,weight_wait_us,input_wait_us,output_wait_us,vector_us,pim_us,noc_us,sync_us"
    )


def test_layers_have_exact_values(result):
    rows = records(layers_csv(result))
    assert [row["node"] for row in rows] == ["conv1", "reshape", "relu", "fc"]
    fc = rows[3]
    assert (fc["latency_us"], fc["start_us"], fc["end_us"], fc["exposed_us"]) == ("7.0", "3.5", "10.5", "7.0")
    assert (fc["macs"], fc["utilization_pct"], fc["bound"]) == ("1000000", "25.0", "dram")
    pj = [0.07 * 1_000_000, 0.5 * 200_000, 15.0 * 310_000, 16.0 * 1000, 0.002 * 7_000_000]
    assert float(fc["energy_uJ"]) == sum(pj) / 1e6
    assert (fc["dram_read_B"], fc["sram_write_B"]) == ("310000", "0")
    assert rows[1]["energy_uJ"] == "0.0"


def test_floats_keep_every_digit(make):
    odd = make([("a", "compute", 3, 1, [3, 0, 0, 0, 0])])
    assert float(records(layers_csv(odd))[0]["energy_uJ"]) == 0.07 * 3 / 1e6


def test_energies_have_a_row_per_action(result):
    text = energy_csv(result)
    assert text.splitlines()[0] == "component,action,count,pJ_each,energy_uJ,origin,band,source"
    first = 'npu,mac_int8,5000000,0.07,0.35000000000000003,derived,30 %,"a paper, table 2"'
    assert text.splitlines()[1] == first
    assert len(text.splitlines()) == 6


def test_unknown_energies_are_empty_cells(unknown, partly):
    for row in records(energy_csv(unknown)):
        assert (row["pJ_each"], row["energy_uJ"], row["origin"]) == ("", "", "unknown")
    assert [row["energy_uJ"] for row in records(layers_csv(unknown))] == ["", "0.0", "", ""]
    assert all(float(row["energy_uJ"]) > 0 for row in records(layers_csv(partly)) if row["node"] != "reshape")


def test_names_with_commas_quotes_and_lines_survive_csv(make):
    name = 'a,"b"\nслой'
    assert records(layers_csv(make([(name, "compute", 1, 1, [1, 1, 1, 1, 1])])))[0]["node"] == name


def test_the_same_results_and_those_read_back_give_the_same_bytes(make, tmp_path):
    results = [make(), make(chip="x", resolved={"a": (1, 2.5), "b": {3: None}})]
    first = write_report(results, tmp_path / "a")
    second = write_report(results, tmp_path / "b")
    read = [Result.from_json(path) for path in first if path.name == "result.json"]
    third = write_report(read, tmp_path / "c")
    for one, two, three in zip(first, second, third, strict=True):
        assert one.read_bytes() == two.read_bytes() == three.read_bytes(), one.name


def test_nothing_tells_where_or_when_it_was_written(result, tmp_path):
    for path in write_report([result], tmp_path / "secret_folder"):
        text = path.read_text(encoding="utf-8")
        assert "secret_folder" not in text
        assert os.uname().nodename not in text or len(os.uname().nodename) < 4


def test_a_failure_leaves_nothing_half_written(result, make, tmp_path, monkeypatch):
    write_report([result], tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    def fail(_):
        raise RuntimeError("a defect")

    monkeypatch.setattr("simulator.report.write.energy_csv", fail)
    with pytest.raises(RuntimeError, match="a defect"):
        write_report([make(network="net", chip="other")], tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_other_files_of_the_folder_stay(result, tmp_path):
    (tmp_path / "experiment.yaml").write_text("chips: []\n", encoding="utf-8")
    write_report([result], tmp_path)
    assert (tmp_path / "experiment.yaml").read_text(encoding="utf-8") == "chips: []\n"


def test_no_results_is_an_error_of_the_user(tmp_path):
    with pytest.raises(InputError, match="expected at least one result, got none"):
        write_report([], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_place_that_is_a_file_is_an_error_of_the_user(result, tmp_path):
    (tmp_path / "out").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be written"):
        write_report([result], tmp_path / "out")


def test_importing_the_floor_loads_no_heavy_library():
    code = (
        "import sys, simulator.report.write, simulator.report.table\n"
        "print([m for m in ('jinja2', 'matplotlib', 'numba', 'onnx', 'simpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
