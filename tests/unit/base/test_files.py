"""Output appears whole or not at all."""

from pathlib import Path

import pytest

from simulator.base.errors import InputError
from simulator.base.files import fresh_folder, write_atomic


def everything(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_write_atomic_makes_parents_replaces_and_leaves_no_trace(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a" / "b.txt", "µs\n")
    write_atomic(tmp_path / "a" / "b.txt", b"\x00\r\n")
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"\x00\r\n"
    assert everything(tmp_path) == ["a", "a/b.txt"]


def test_write_atomic_that_fails_keeps_the_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_atomic(tmp_path / "f", "old")

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(InputError) as caught:
        write_atomic(tmp_path / "f", "new")
    assert str(caught.value) == f"{tmp_path / 'f'}: cannot be written: No space left on device"
    assert (tmp_path / "f").read_text() == "old"
    assert everything(tmp_path) == ["f"]


def test_write_atomic_below_a_file_is_the_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    with pytest.raises(InputError, match="cannot be written: "):
        write_atomic(tmp_path / "f" / "g", "x")


def test_fresh_folder_moves_into_place_and_leaves_other_files(tmp_path: Path) -> None:
    target = tmp_path / "reports" / "x"
    target.mkdir(parents=True)
    (target / "experiment.yaml").write_text("mine")
    (target / "result.json").write_text("old")
    with fresh_folder(target) as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "t.csv").write_text("1")
        (folder / "result.json").write_text("new")
        assert (target / "result.json").read_text() == "old"
    assert everything(target) == ["experiment.yaml", "result.json", "sub", "sub/t.csv"]
    assert list((tmp_path / "reports").iterdir()) == [target]
    assert (target / "result.json").read_text() == "new"


def test_fresh_folder_that_fails_changes_nothing(tmp_path: Path) -> None:
    def write(target: Path) -> None:
        with fresh_folder(target) as folder:
            (folder / "half").write_text("")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "x")
    assert everything(tmp_path) == []


def test_fresh_folder_where_a_file_is(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(InputError) as caught, fresh_folder(tmp_path / "x"):
        pass
    assert str(caught.value) == f"{tmp_path / 'x'}: cannot be written: it is a file"
    assert everything(tmp_path) == ["x"]


def test_fresh_folder_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with fresh_folder("out") as folder:
        (folder / "a").write_text("1")
    assert everything(tmp_path) == ["out", "out/a"]
