"""compare: finished results side by side, per run and, of one task on several kinds of chips, each."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from simulator.base.errors import InputError, Problem, shown
from simulator.base.files import fresh_folder
from simulator.hw.scaling import nodes
from simulator.report import again, families, normalised
from simulator.report import compare as page
from simulator.report.caveats import caveats as kind_caveats
from simulator.report.caveats import technology
from simulator.report.csvtext import csv_text
from simulator.report.headline import Table
from simulator.report.inference import Inference
from simulator.report.layout import folder_names
from simulator.report.write import result_files
from simulator.results.brought import Brought
from simulator.results.normalise import Normalised, normalise
from simulator.results.result import Result
from simulator.workload.precision import parse

#: What figures are of: whole runs, or one inference; left out, the results tell.
PER = ("run", "inference")

#: Columns of runs at a node that a terminal has no room for.
LEFT_OUT = ("average power", "energy × delay", "factor")


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
    normals
        The results at one node, in the same order, where that was asked for; else empty.
    precision, brought
        The precision that was asked for, and what became of each result; empty where none was.
    """

    results: tuple[Result, ...]
    folders: tuple[Path, ...]
    per_inference: bool
    normals: tuple[Normalised, ...] = ()
    precision: str = ""
    brought: tuple[Brought, ...] = ()

    @property
    def not_comparable(self) -> list[str]:
        """What cannot be compared and why, a sentence each."""
        return [*self._kept(), *page.caveats(self.results, self.normals)]

    def _kept(self) -> list[str]:
        """What is at another precision than the one asked for."""
        names = page.titles(self.results)
        return again.not_comparable(self.brought, names, self.precision) if self.brought else []

    @property
    def notes(self) -> list[str]:
        """What figures of runs anew, at a node, and of one inference on chips of several kinds do not say."""
        names = page.titles(self.results)
        said = again.notes(self.brought, names, self.precision) if self.brought else []
        said += normalised.how(self.normals[0].node_nm) if self.normals else []
        if not self.per_inference:
            return said
        runs, names, order = families.inferences(self.results)
        return said + kind_caveats(runs, names, [self.normals[i] for i in order] if self.normals else [])

    def at_node(self) -> Table:
        """Energies at the node as plain headers and rows: of one inference, or of the runs."""
        if self.per_inference:
            _, names, order = families.inferences(self.results)
            return normalised.inference_table([self.normals[i] for i in order], names)
        names, references = page.titles(self.results), page.references(self.results)
        headers, rows = normalised.table(self.normals, names, references)
        kept = [j for j, header in enumerate(headers) if not header.startswith(LEFT_OUT)]
        return [headers[j] for j in kept], [[row[j] for j in kept] for row in rows]

    def records(self) -> list[dict[str, Any]]:
        """A plain mapping per result: the columns of compare.csv; what is not known is None."""
        ones = self._inferences()
        found = [
            _record(name, folder, result, one)
            for name, folder, result, one in zip(
                page.titles(self.results), self.folders, self.results, ones, strict=True
            )
        ]
        for i, record in enumerate(found):
            record.update(again.record(self.brought[i]) if self.brought else {})
            record.update(normalised.record(self.normals[i]) if self.normals else {})
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain form, JSON-ready."""
        figures = page.compared(self.results)
        reference = page.references(self.results)
        records = self.records()
        for i, record in enumerate(records):
            base = self.results[reference[i]]
            record["reference"] = records[reference[i]]["result"]
            if self.normals:
                record["shares"] = [asdict(share) for share in self.normals[i].shares]
            record["ratios"] = {name: page.ratio(name, self.results[i], base) for name in figures}
        return {
            "results": records,
            "node_nm": self.normals[0].node_nm if self.normals else None,
            "precision": self.precision or None,
            "per_inference": self.per_inference,
            "same_task": families.same_task(self.results),
            "not_comparable": self.not_comparable,
            "notes": self.notes,
        }

    def write(self, folder: Path) -> list[Path]:
        """Write report.html, compare.csv and, where one inference is compared, families.html.

        Results that were simulated again get folders of their own below, ``at_<precision>/``.

        Raises
        ------
        InputError
            The folder cannot be written.
        """
        anew = self._anew()
        links = [f"{anew[i]}/report.html" if i in anew else self._link(each, folder)
                 for i, each in enumerate(self.folders)]  # fmt: skip
        pages, records = ["families.html"] if self.per_inference else [], self.records()
        before = again.table(self.brought, page.titles(self.results)) if self.brought else None
        texts = {
            "report.html": page.render(
                self.results, links, pages, self.normals, self._kept(), before, self.precision
            ),
            "compare.csv": csv_text(list(records[0]), records),
        }
        if self.per_inference:
            texts["families.html"] = families.render(self.results, links, self.normals, self._kept())
        for i, place in anew.items():
            texts |= {f"{place}/{name}": text for name, text in result_files(self.results[i]).items()}
        with fresh_folder(folder) as temporary:
            for name, text in texts.items():
                (temporary / name).parent.mkdir(parents=True, exist_ok=True)
                (temporary / name).write_text(text, encoding="utf-8", newline="\n")
        return [folder / name for name in texts]

    def _anew(self) -> dict[int, str]:
        """Folder, below that of the comparison, of each result that was simulated again."""
        anew = [i for i, each in enumerate(self.brought) if each.before is not None]
        names = folder_names([self.results[i] for i in anew])
        below = f"at_{self.precision.replace('/', '_')}"
        return {i: f"{below}/{name}" for i, name in zip(anew, names, strict=True)}

    def _inferences(self) -> list[Inference]:
        """One inference of each result, in the order of the results."""
        runs, _, order = families.inferences(self.results)
        return [run for _, run in sorted(zip(order, runs, strict=True), key=lambda pair: pair[0])]

    @staticmethod
    def _link(result: Path, folder: Path) -> str:
        """Way from the folder of the comparison to the page of a result; empty where there is none."""
        place = result / "report.html"
        return Path(os.path.relpath(place, folder)).as_posix() if place.is_file() else ""


def compare(
    paths: Sequence[str | Path],
    *,
    per: str = "",
    node: float | str | None = None,
    precision: str = "",
    say: Callable[[str], None] = lambda text: None,
) -> Comparison:
    """Read results to compare.

    Parameters
    ----------
    paths
        Folders with a result.json, such files, or folders of several results (those of an experiment).
    per
        ``run``, ``inference``, or empty: per inference as well where the results are of several networks or
        kinds of chips that were all tested on the same labelled samples.
    node
        Process node in nm (7, ``7nm``) to which energies, leakage and areas are brought, beside those as
        simulated; see ``results.normalise``. None: none.
    precision
        Precision at which results of others are simulated again, such as ``int8`` or ``int4/fp16``; see
        ``experiment.again``. Empty: none.
    say
        Told what is simulated again.

    Raises
    ------
    InputError
        Something is no result, there are fewer than two, ``per`` is another word, ``precision`` is none, or
        ``node`` is none or one that there are no figures for.
    """
    files: dict[Path, None] = {}
    problems: list[Problem] = []
    if per and per not in PER:
        problems.append(Problem(f"expected {' or '.join(PER)}, got '{per}'", "--per"))
    node_nm = None if node is None else _node(node, problems)
    precision = str(precision or "")
    try:
        parse(precision or "int8")
    except InputError as error:
        problems += [replace(problem, file="--precision", path="") for problem in error.problems]
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
    brought = _brought(results, precision, say) if precision else ()
    results = [each.result for each in brought] or results
    runs, _, _ = families.inferences(results)
    several = len({run.kind for run in runs}) > 1 or len({result.network for result in results}) > 1
    wanted = per == "inference" or (not per and several and families.same_task(results))
    normals = () if node_nm is None else tuple(normalise(result, node_nm) for result in results)
    folders = tuple(file.parent for file in files)
    return Comparison(tuple(results), folders, wanted, normals, precision, brought)


def _brought(
    results: Sequence[Result], precision: str, say: Callable[[str], None]
) -> tuple[Brought, ...]:
    from simulator.experiment.again import bring  # planner and readers: only where something is simulated

    return tuple(bring(result, precision, say) for result in results)


def _node(node: float | str, problems: list[Problem]) -> float | None:
    """Node in nm; what is wrong with it is added to ``problems``."""
    smallest, largest = nodes()
    text = str(node).strip().lower().removesuffix("nm").strip()
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if smallest <= found <= largest:
        return found
    expected = f"expected a process node from {smallest:g} to {largest:g} nm, such as 7, got {shown(node)}"
    problems.append(Problem(expected, "--node"))
    return None


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
