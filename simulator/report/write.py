"""The files of a report: exact numbers in JSON and CSV, the configuration, the page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from simulator.base.errors import InputError, Problem
from simulator.base.files import fresh_folder
from simulator.base.yamlio import dump
from simulator.report import compare, page
from simulator.report.csvtext import csv_text
from simulator.report.energy import split_by_node
from simulator.report.layout import folder_names
from simulator.report.spikingfiles import cores_csv, steps_csv
from simulator.results.causes import CAUSES
from simulator.results.result import POPULATION_COLUMNS, Result

LAYER_COLUMNS = (
    "node",
    "op",
    "core",
    "latency_us",
    "start_us",
    "end_us",
    "macs",
    "utilization_pct",
    "tops",
    "energy_uJ",
    "bound",
    "exposed_us",
    "shape",
    "ifmap_density_pct",
    "weight_density_pct",
)
ENERGY_COLUMNS = ("component", "action", "count", "pJ_each", "energy_uJ", "origin", "band", "source")


def write_report(results: Sequence[Result], folder: Path, pages: Sequence[str] = ()) -> list[Path]:
    """Write everything about finished runs; the same results give the same bytes.

    One result fills ``folder``: result.json, layers.csv, energy.csv, resolved.yaml, report.html, and of
    a spiking network steps.csv and cores.csv. Several fill ``folder/<chip>__<network>/`` each,
    ``folder/report.html`` compares them and links ``pages``, further ones in ``folder`` about all of them. No
    file is ever half-written.

    Returns
    -------
    list of Path
        The files, the page to open first at the front.

    Raises
    ------
    InputError
        There is no result, or the folder cannot be written.
    """
    folder = Path(folder)
    if not results:
        raise InputError(Problem("expected at least one result, got none", str(folder)))
    names = folder_names(results)
    written: list[Path] = []
    with fresh_folder(folder) as temporary:
        if len(results) > 1:
            index = compare.render(results, [f"{name}/report.html" for name in names], pages)
            written += _write(temporary, Path(), {"report.html": index})
        for name, result in zip(names, results, strict=True):
            written += _write(temporary, Path(name if len(results) > 1 else ""), result_files(result))
    return [folder / place for place in written]


def replaces(result: Result, folder: Path) -> str:
    """Command of the result that a folder holds where it is another than this one's; else empty.

    What cannot be read as a result is none.
    """
    try:
        data = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        command = data["provenance"]["command"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return str(command) if command != result.provenance.get("command") else ""


def _write(root: Path, folder: Path, texts: Mapping[str, str]) -> list[Path]:
    """Write texts to files of ``root/folder`` and give their places below ``root``."""
    (root / folder).mkdir(exist_ok=True)
    for name, text in texts.items():
        (root / folder / name).write_text(text, encoding="utf-8", newline="\n")
    return [folder / name for name in texts]


def result_files(result: Result) -> dict[str, str]:
    """Name and text of each file of one result."""
    text = result.dumps()
    # Drawn from what result.json says, so that the page of an old result.json is this page.
    result = Result.from_dict(json.loads(text))
    files = {
        "report.html": page.render(result),
        "result.json": text,
        "layers.csv": layers_csv(result),
        "energy.csv": energy_csv(result),
        "resolved.yaml": dump(result.resolved),
    }
    if result.spiking is not None:
        files |= {"steps.csv": steps_csv(result), "cores.csv": cores_csv(result)}
    return files


def layers_csv(result: Result) -> str:
    """Write a row per node; energy is its known part, and empty where nothing of it is known."""
    memories = [f"{memory.name}_{way}_B" for memory in result.memories for way in ("read", "write")]
    records = result.layers()
    for record, energy in zip(records, split_by_node(result), strict=True):
        record["energy_uJ"] = None if energy.pj is None else energy.pj / 1e6
    of_populations = POPULATION_COLUMNS if result.spiking is not None else ()
    columns = [*LAYER_COLUMNS, *memories, *(f"{cause}_us" for cause in CAUSES), *of_populations]
    return csv_text(columns, records)


def energy_csv(result: Result) -> str:
    """Write a row per component and action that occurred; unknown numbers are empty."""
    return csv_text(ENERGY_COLUMNS, result.energy_table())
