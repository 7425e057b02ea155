"""compare: finished results side by side, per run and, of one task on several kinds of chips, each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from simulator.base.errors import InputError, Problem
from simulator.base.files import fresh_folder
from simulator.report import compare as page
from simulator.report import families
from simulator.report.caveats import caveats as kind_caveats
from simulator.report.caveats import technology
from simulator.report.csvtext import csv_text
from simulator.report.inference import Inference
from simulator.results.result import Result

#: What figures are of: whole runs, or one inference; left out, the results tell.
PER = ("run", "inference")
#: Columns of compare.csv besides the metrics; those of one inference are last.
HEAD = ("result", "folder", "chip", "network", "precision", "batch", "kind", "process")
OF_ONE = ("inference_latency_s", "inference_energy_j", "inference_energy_complete", "inference_interval_s")


@dataclass(frozen=True)
class Comparison:
    """Results side by side.

    Attributes
    ----------
    results
        In the order in which they were named.
    folders
        Where each lies.
    per_inference
        Whether figures of one inference are compared too.
    """

    results: tuple[Result, ...]
    folders: tuple[Path, ...]
    per_inference: bool

    @property
    def not_comparable(self) -> list[str]:
        """What cannot be compared and why, a sentence each."""
        return page.caveats(self.results)

    @property
    def notes(self) -> list[str]:
        """What figures of one inference on chips of several kinds do not say, a sentence or two each."""
        if not self.per_inference:
            return []
        runs, names, _ = families.inferences(self.results)
        return kind_caveats(runs, names)

    def records(self) -> list[dict[str, Any]]:
        """A plain mapping per result: the columns of compare.csv; what is not known is None."""
        ones = self._inferences()
        return [
            _record(name, folder, result, one)
            for name, folder, result, one in zip(
                page.titles(self.results), self.folders, self.results, ones, strict=True
            )
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain form, JSON-ready."""
        figures = page.compared(self.results)
        reference = page.references(self.results)
        records = self.records()
        for i, record in enumerate(records):
            base = self.results[reference[i]]
            record["reference"] = records[reference[i]]["result"]
            record["ratios"] = {name: page.ratio(name, self.results[i], base) for name in figures}
        return {
            "results": records,
            "per_inference": self.per_inference,
            "same_task": families.same_task(self.results),
            "not_comparable": self.not_comparable,
            "notes": self.notes,
        }

    def write(self, folder: Path) -> list[Path]:
        """Write report.html, compare.csv and, where one inference is compared, families.html.

        Raises
        ------
        InputError
            The folder cannot be written.
        """
        links = [self._link(each, folder) for each in self.folders]
        texts = {
            "report.html": page.render(self.results, links, ["families.html"] if self.per_inference else []),
            "compare.csv": csv_text([*HEAD, *self._metrics(), *OF_ONE], self.records()),
        }
        if self.per_inference:
            texts["families.html"] = families.render(self.results, links)
        with fresh_folder(folder) as temporary:
            for name, text in texts.items():
                (temporary / name).write_text(text, encoding="utf-8", newline="\n")
        return [folder / name for name in texts]

    def _metrics(self) -> list[str]:
        first = next(iter(self.records()))
        return [name for name in first if name not in (*HEAD, *OF_ONE)]

    def _inferences(self) -> list[Inference]:
        """One inference of each result, in the order of the results."""
        runs, _, order = families.inferences(self.results)
        return [run for _, run in sorted(zip(order, runs, strict=True), key=lambda pair: pair[0])]

    @staticmethod
    def _link(result: Path, folder: Path) -> str:
        """Way from the folder of the comparison to the page of a result; empty where there is none."""
        place = result / "report.html"
        return Path(os.path.relpath(place, folder)).as_posix() if place.is_file() else ""


def compare(paths: Sequence[str | Path], *, per: str = "") -> Comparison:
    """Read results to compare.

    Parameters
    ----------
    paths
        Folders with a result.json, such files, or folders of several results (those of an experiment).
    per
        ``run``, ``inference``, or empty: per inference as well where the results are of several networks or
        kinds of chips that were all tested on the same labelled samples.

    Raises
    ------
    InputError
        Something is no result, there are fewer than two, or ``per`` is another word.
    """
    if per and per not in PER:
        raise InputError(Problem(f"expected {' or '.join(PER)}, got '{per}'", "--per"))
    files: dict[Path, None] = {}
    problems: list[Problem] = []
    for path in paths:
        found = _files(Path(path))
        if not found:
            message = "no such result; expected a result.json, a folder with one, or a folder of such folders"
            problems.append(Problem(message, str(path)))
        files |= dict.fromkeys(found)
    results = []
    for file in files:
        try:
            results.append(Result.from_json(file))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(*problems)
    if len(results) < 2:
        raise InputError(Problem(f"expected two results or more, got {len(results)}", "compare"))
    runs, _, _ = families.inferences(results)
    several = len({run.kind for run in runs}) > 1 or len({result.network for result in results}) > 1
    wanted = per == "inference" or (not per and several and families.same_task(results))
    return Comparison(tuple(results), tuple(file.parent for file in files), wanted)


def _files(path: Path) -> list[Path]:
    """Files of results that a path stands for."""
    if path.is_file():
        return [path]
    if (path / "result.json").is_file():
        return [path / "result.json"]
    return sorted(path.glob("*/result.json")) if path.is_dir() else []


def _record(name: str, folder: Path, result: Result, one: Inference) -> dict[str, Any]:
    metrics = {each.name: getattr(result.metrics, each.name) for each in fields(result.metrics)}
    traffic = metrics.pop("traffic_bytes")
    external = {memory.name for memory in result.memories if memory.external}
    return {
        "result": name,
        "folder": str(folder),
        "chip": result.chip,
        "network": result.network,
        "precision": result.precision,
        "batch": result.batch,
        "kind": one.kind,
        "process": technology(result),
        **metrics,
        "external_read_B": sum(ways["read"] for memory, ways in traffic.items() if memory in external),
        "external_write_B": sum(ways["write"] for memory, ways in traffic.items() if memory in external),
        "inference_latency_s": one.latency_s,
        "inference_energy_j": one.energy_j if one.known else None,
        "inference_energy_complete": one.complete,
        "inference_interval_s": one.steady_s,
    }
