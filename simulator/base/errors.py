"""What the user did wrong, where it stands, and what was probably meant."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the user's input.

    Attributes
    ----------
    message : str
        What was expected and what came.
    file : str, optional
        File as the user named it, or the option (`--set`) that brought the value in.
    line, col : int
        Place in the file, counted from 1; 0 where there is none.
    path : str
        Dotted key path inside the file, such as `memories.dram.bandwidth`.
    """

    message: str
    file: str | None = None
    line: int = 0
    col: int = 0
    path: str = ""

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.col) if part)
        return ": ".join(part for part in (place, self.path, self.message) if part)


class InputError(Exception):
    """The user's input is wrong; holds every problem found, printed one per line.

    Parameters
    ----------
    *problems : Problem
        Kept as `args`, so that the exception survives pickling and re-creation by simpy.
    """

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All problems, in the order in which they were found."""
        return self.args

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def nearest(word: object, options: Iterable[object]) -> str | None:
    """Find the option that a misspelt word means; upper and lower case alike, None if nothing is near."""
    by_lower = {str(option).lower(): str(option) for option in options}
    word = str(word).lower() if isinstance(word, str | int) else ""
    near = difflib.get_close_matches(word, by_lower, n=1, cutoff=0.65)
    return by_lower[near[0]] if near else None


def did_you_mean(word: object, options: Iterable[object]) -> str:
    """Name the option nearest to a misspelt word.

    Parameters
    ----------
    word : object
        What came.
    options : iterable of object
        What would have been accepted.

    Returns
    -------
    str
        `"; did you mean 'x'?"`, or `""` if nothing is near.
    """
    near = nearest(word, options)
    return f"; did you mean '{near}'?" if near else ""


def shown(value: object) -> str:
    """Show a value from YAML the way the user wrote it: `'text'`, `64`, `true`, `nothing`, `a mapping`."""
    if isinstance(value, dict | list | tuple):
        return "a mapping" if isinstance(value, dict) else "a list"
    if value is None or isinstance(value, bool):
        return "nothing" if value is None else str(value).lower()
    return repr(value)
