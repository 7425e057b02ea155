"""The page: everything is on it, nothing hostile runs, it stays small."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from simulator.report import REPORTS
from simulator.report.page import bound_colours, render
from simulator.results.result import Result

VOID = ("meta", "link", "input", "br")
IMPLIED = ("td", "tr", "th", "li", "dd", "dt")


class Reader(HTMLParser):
    """Collects tags, attributes, texts of the layer table; checks that elements nest."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.stack: list[str] = []
        self.ids: list[str] = []
        self.urls: list[str] = []
        self.rows: list[list[str]] = []
        self.in_layers = False
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append(tag)
        self.urls += [values[key] for key in ("src", "href") if values.get(key)]
        if "id" in values:
            self.ids.append(values["id"])
        self.in_layers |= values.get("id") == "layers"
        if self.in_layers and tag == "tr":
            self.rows.append([])
        if self.in_layers and tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in (*VOID, *IMPLIED):
            self.stack.append(tag)

    def handle_endtag(self, tag):
        self.in_layers &= tag != "table"
        if tag not in (*VOID, *IMPLIED):
            assert self.stack.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
        if self.in_layers and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip()


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.stack == []
    return reader


def words(text: str) -> str:
    return re.sub(r"\s+", " ", "".join(read(text).text))


def many(make, count):
    layers = []
    for i in range(count):
        name = f"/model/layers.{i // 20}/self_attn/block{i}/q_proj/MatMul"
        counts = [1_000_000 + i, 1000 + i, 90_000 + 7 * i, i, 1000]
        layers.append((name, ("compute", "dram")[i % 2], 1000 + 37 * i % 9001, 1_000_000 + i, counts))
    return make(layers)


def test_every_layer_and_every_figure_is_on_the_page(result):
    reader = read(render(result))
    assert [row[0] for row in reader.rows] == ["node", "conv1", "reshape", "relu", "fc"]
    assert {len(row) for row in reader.rows} == {len(reader.rows[0])}
    said = words(render(result))
    figures = ("10.5 µs", "7.132 µJ", "refresh of the DRAM", "weights are in external memory at the start")
    origins = ("a paper, table 2", "30 %", "fitted", "abc", "clock: 1 GHz")
    for text in (*figures, *origins, "Memory traffic"):
        assert text in said, text
    assert "Energy is incomplete" not in said


def test_ids_are_unique_and_links_stay_on_the_page(result):
    reader = read(render(result))
    assert len(reader.ids) == len(set(reader.ids))
    assert {url[1:] for url in reader.urls if url.startswith("#")} <= set(reader.ids)
    assert [url for url in reader.urls if not url.startswith("#")] == ["data:,"]


def test_the_page_needs_no_network(result):
    text = render(result).replace("http://www.w3.org/2000/svg", "")
    assert not re.findall(r"https?:|@import|url\(|//cdn", text)


def test_every_drawing_is_xml(result, unknown, partly):
    for each in (result, unknown, partly):
        drawings = re.findall(r"<svg.*?</svg>", render(each), re.DOTALL)
        assert drawings
        for drawing in drawings:
            ElementTree.fromstring(drawing)


def test_hostile_and_foreign_names_are_text(make):
    evil = "<script>alert('x')</script>\"&"
    result = make(
        [(evil, evil, 10, 5, [5, 1, 1, 1, 1]), ("слой/層", "compute", 10, 5, [5, 1, 1, 1, 1])],
        chip=evil,
        network="нейросеть",
        precision=evil,
        assumptions=[evil],
        not_modelled=[evil],
        resolved={evil: evil},
    )
    text = render(result)
    reader = read(text)
    assert reader.tags.count("script") == 1
    assert "alert(" not in text.replace("alert(&#39;x&#39;)", "")
    assert [row[0] for row in reader.rows] == ["node", evil, "слой/層"]
    assert "нейросеть" in words(text)


def test_unknown_energies_are_named_and_never_shown_as_zero(unknown, partly):
    said = words(render(unknown))
    assert "Energy is incomplete" in said
    for name in (
        "npu.mac_int8, counted 5 000 000",
        "sram.read, counted 550 000",
        "dram.write, counted 21 000",
    ):
        assert name in said
    assert not re.search(r"(?<![\d.])0 [fpnµm]?J", said)
    assert "≥ 632 nJ" in words(render(partly))


def test_layers_without_time_are_shown(make):
    result = make(
        [("reshape", "latency", 0, 0, [0, 0, 0, 0, 0]), ("flatten", "latency", 0, 0, [0, 0, 0, 0, 0])]
    )
    text = render(result)
    assert [row[0] for row in read(text).rows] == ["node", "reshape", "flatten"]
    assert "No layer took time." in text
    assert "No layer has MACs and time of its own." in text


def test_a_result_without_layers_has_a_page(make):
    assert "0 layers" in words(render(make([], not_modelled=[], assumptions=[])))


@pytest.mark.parametrize("count", [430, 2000])
def test_a_large_network_fits_one_megabyte_with_every_row(make, count):
    text = render(many(make, count))
    assert len(text.encode()) < 1_000_000
    assert len(read(text).rows) == count + 1


def test_a_huge_network_keeps_the_costliest_layers_and_says_so(make):
    result = many(make, 8000)
    text = render(result)
    assert len(text.encode()) < 1_000_000
    rows = read(text).rows[1:]
    assert 500 < len(rows) < 8000
    assert f"shows the {len(rows)} layers with the most exposed time, of 8000" in words(text)
    shown = {row[0] for row in rows}
    times = sorted((row.exposed_fs for row in result.rows), reverse=True)
    assert {row.node for row in result.rows if row.exposed_fs > times[len(rows)]} <= shown


def test_a_huge_configuration_is_cut_and_says_so(make):
    text = render(make(resolved={f"key{i}": "x" * 100 for i in range(20_000)}))
    assert len(text.encode()) < 1_000_000
    assert "Only the beginning; resolved.yaml and result.json hold all." in text


def test_an_old_file_gives_the_same_bytes(result, tmp_path):
    result.to_json(tmp_path / "result.json")
    assert render(Result.from_json(tmp_path)) == render(result) == render(result)


def test_a_bound_has_the_same_colour_on_every_page(result, make):
    assert bound_colours(result)["dram"] == bound_colours(make(chip="other"))["dram"] == 1
    assert len({bound_colours(result)[bound] for bound in ("compute", "vector", "dram", "sram", "sync")}) == 5


def test_the_kind_page_draws_one_file_or_one_per_result(make, tmp_path):
    draw = REPORTS["page"]
    assert draw([make()], tmp_path / "a") == [tmp_path / "a" / "report.html"]
    places = draw([make(), make(chip="b")], tmp_path / "b")
    assert places == [
        tmp_path / "b" / "npu_edge__net" / "report.html",
        tmp_path / "b" / "b__net" / "report.html",
    ]
    assert all(place.read_text(encoding="utf-8").startswith("<!doctype html>") for place in places)
