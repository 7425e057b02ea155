"""What the network computed in a run that was given inputs: right answers, agreement, zeros."""

from __future__ import annotations

from simulator.report.headline import Table
from simulator.report.rounding import number, percent
from simulator.results.result import Result
from simulator.results.values import Agreement, Values

Figure = tuple[str, str, str]


def screen_lines(result: Result) -> list[Figure]:
    """What the terminal shows as (label, value, remark); nothing where no input was given."""
    values = result.values
    if values is None:
        return []
    samples = f"{values.samples} sample{'s' if values.samples != 1 else ''}"
    neurons = result.matching is not None or result.spiking is not None
    zeros = "" if neurons else f"; {_zeros(result, values)}"
    lines = [("Executed", samples, f"in the arithmetic of {values.profile}{zeros}")]
    return lines + [(f"Output '{each.output}'", *_agreement(each, values)) for each in values.agreement]


def density_table(result: Result) -> Table:
    """Share of elements that are not zero, of every tensor that was read or computed."""
    shares = result.values.density if result.values is not None else {}
    return ["tensor", "not zero"], [[name, percent(share)] for name, share in shares.items()]


def _zeros(result: Result, values: Values) -> str:
    rows = [row for row in result.rows if row.macs]
    if not any(row.ifmap_density < 1 or row.weight_density < 1 for row in rows):
        return "this chip makes nothing of zeros"
    macs = sum(row.macs for row in rows)
    shares = [
        percent(sum(getattr(row, f"{operand}_density") * row.macs for row in rows) / macs)
        for operand in ("ifmap", "weight")
    ]
    return f"of what MACs take {shares[0]} of the maps and {shares[1]} of the weights are not zero"


def _agreement(each: Agreement, values: Values) -> tuple[str, str]:
    if not each.differing:
        return "as expected", f"all {number(each.elements)} elements equal"
    most = f"{number(each.differing)} of {number(each.elements)} elements differ, by at most {each.largest:g}"
    if each.deciding is None:
        return "differs", most
    return "differs", f"{most}; the largest element is another in {each.deciding} of {values.samples} samples"
