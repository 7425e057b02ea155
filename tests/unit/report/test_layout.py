"""Folder names of results."""

from simulator.report.layout import folder_name, folder_names


def test_slashes_and_what_file_systems_forbid_become_underscores(make):
    assert folder_name(make(chip="npu/edge", network="a\\b:c?<d>")) == "npu_edge__a_b_c__d_"
    assert folder_name(make(chip="..", network="../../etc")) == "..__.._.._etc"


def test_repeated_names_are_numbered_whatever_their_case(make):
    results = [make(), make(), make(chip="NPU/edge"), make(network="other"), make(network="net_2")]
    assert folder_names(results) == [
        "npu_edge__net",
        "npu_edge__net_2",
        "NPU_edge__net_3",
        "npu_edge__other",
        "npu_edge__net_2_2",
    ]


def test_long_names_fit_a_file_system(make):
    name = folder_name(make(network="é" * 300))
    assert len(name.encode()) <= 200
    assert name.startswith("npu_edge__é")
