"""Names of kinds (cores, memories, operators, reports) to what implements them, without a list to edit."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Callable
from typing import Any, TypeVar

from simulator.base.errors import InputError, Problem, did_you_mean, shown

Entry = TypeVar("Entry")


class Registry:
    """Implementations by name; the modules of one package register themselves when first asked for.

    Parameters
    ----------
    family : str
        Plural noun used in messages, such as `cores`.
    package : str
        Dotted name of the package whose modules register here; all are imported at the first look-up.

    Examples
    --------
    >>> CORES = Registry("cores", package="simulator.hw.cores")
    >>> @CORES.register("systolic")
    ... class Systolic: ...
    """

    def __init__(self, family: str, package: str) -> None:
        self.family = family
        self.package = package
        self._entries: dict[str, Any] = {}
        self._loaded = False

    def register(self, name: str) -> Callable[[Entry], Entry]:
        """Decorate a class or function to enter it under a name.

        Raises
        ------
        ValueError
            If another object has the name.
        """

        def enter(entry: Entry) -> Entry:
            present = self._entries.setdefault(name, entry)
            if _home(present) != _home(entry):
                raise ValueError(f"{self.family}: '{name}' is both {_home(present)} and {_home(entry)}")
            self._entries[name] = entry
            return entry

        return enter

    def __getitem__(self, name: str) -> Any:
        """Look up a name that code wrote; KeyError says which names there are."""
        self._load()
        if name not in self._entries:
            raise KeyError(self._unknown(name))
        return self._entries[name]

    def get(self, name: str, where: Problem | None = None) -> Any:
        """Look up a name that a user wrote.

        Parameters
        ----------
        name : str
            What the user wrote.
        where : Problem, optional
            Its place: file, line, col and path are kept, the message is replaced.

        Raises
        ------
        InputError
            If there is no such name.
        """
        self._load()
        if not isinstance(name, str) or name not in self._entries:
            raise InputError(dataclasses.replace(where or Problem(""), message=self._unknown(name)))
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._entries

    def names(self) -> list[str]:
        """All names, sorted."""
        self._load()
        return sorted(self._entries)

    def _load(self) -> None:
        if self._loaded:
            return
        package = importlib.import_module(self.package)
        for module in sorted(found.name for found in pkgutil.iter_modules(package.__path__)):
            importlib.import_module(f"{self.package}.{module}")
        self._loaded = True

    def _unknown(self, name: object) -> str:
        known = ", ".join(sorted(self._entries)) or "(none is registered)"
        near = did_you_mean(name, self._entries)
        return f"expected one of the {self.family} {known}, got {shown(name)}{near}"


def import_plugin(module: str) -> None:
    """Import a module of the user's, so that what it registers is known.

    Parameters
    ----------
    module : str
        Dotted name, found on the Python path.

    Raises
    ------
    InputError
        If there is no such module; what goes wrong inside it is raised as it is.
    """
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if not error.name or not f"{module}.".startswith(f"{error.name}."):
            raise
        text = f"no module '{error.name}' on the Python path; PYTHONPATH can name the folder that holds it"
        raise InputError(Problem(text, path=f"plugin {module}")) from error


def _home(entry: object) -> str:
    module = getattr(entry, "__module__", "?")
    return f"{module}.{getattr(entry, '__qualname__', repr(entry))}"
