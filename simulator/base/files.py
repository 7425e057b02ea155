"""Writing output so that nothing half-written is ever seen under its final name."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from simulator.base.errors import InputError, Problem


def write_atomic(path: str | Path, content: bytes | str) -> None:
    """Write a file under a temporary name beside it and rename it into place.

    Parameters
    ----------
    path : str or Path
        The file; missing parent folders are made, an existing file is replaced.
    content : bytes or str
        All of it; text is written as UTF-8 with the line ends it has.

    Raises
    ------
    InputError
        If the place cannot be written.
    """
    path = Path(path)
    temporary = _sibling(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(temporary, path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        with suppress(OSError):  # renamed, or never written
            temporary.unlink()


@contextmanager
def fresh_folder(path: str | Path) -> Iterator[Path]:
    """Give a temporary folder whose files move into `path` if the block succeeds.

    Files of the same name are replaced, one rename each; other files of an existing folder stay (the
    `experiment.yaml` beside its generated reports). If the block raises, nothing of it remains.

    Parameters
    ----------
    path : str or Path
        The folder that the files are for; made if missing.

    Yields
    ------
    Path
        A new, empty folder on the same file system.

    Raises
    ------
    InputError
        If the place cannot be written.
    """
    path = Path(path)
    temporary = _sibling(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_dir():
            raise NotADirectoryError(0, "it is a file")
        temporary.mkdir()
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        yield temporary
        _move_files(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _move_files(source: Path, target: Path) -> None:
    try:
        target.mkdir(exist_ok=True)
        for entry in sorted(source.rglob("*")):
            place = target / entry.relative_to(source)
            if entry.is_dir():
                place.mkdir(exist_ok=True)
            else:
                os.replace(entry, place)
    except OSError as error:
        raise _cannot_write(target, error) from error


def _sibling(path: Path) -> Path:
    return path.absolute().parent / f".{path.absolute().name}.{os.urandom(4).hex()}.part"


def _cannot_write(path: Path, error: OSError) -> InputError:
    return InputError(Problem(f"cannot be written: {error.strerror}", file=str(path)))
