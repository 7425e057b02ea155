"""What users read when their input is wrong."""

import pickle

import pytest

from simulator.base.errors import InputError, Problem, did_you_mean, nearest, shown


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("unknown key", "a.yaml", 7, 5, "x.y"), "a.yaml:7:5: x.y: unknown key"),
        (Problem("not YAML", "a.yaml", 7), "a.yaml:7: not YAML"),
        (Problem("no such file", "a.yaml"), "a.yaml: no such file"),
        (Problem("too small", "--set", path="x.y"), "--set: x.y: too small"),
        (Problem("missing", path="x"), "x: missing"),
        (Problem("missing"), "missing"),
    ],
)
def test_problem_leaves_out_what_is_absent(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_input_error_prints_one_problem_per_line_and_keeps_them_as_args() -> None:
    problems = (Problem("first", "a.yaml", 1, 2), Problem("second", "b.yaml", 3, 4, "k"))
    error = InputError(*problems)
    assert str(error) == "a.yaml:1:2: first\nb.yaml:3:4: k: second"
    assert error.args == error.problems == problems
    assert type(error)(*error.args).problems == problems
    assert pickle.loads(pickle.dumps(error)).problems == problems


def test_did_you_mean_names_the_nearest_option_or_nothing() -> None:
    assert did_you_mean("bandwith", ["banks", "bandwidth"]) == "; did you mean 'bandwidth'?"
    assert did_you_mean("lpddr5", ["LPDDR5", "DDR5"]) == "; did you mean 'LPDDR5'?"
    assert did_you_mean("colour", ["rows", "cols"]) == ""
    assert nearest("rwos", ["rows", "cols"]) == "rows"
    assert nearest("rows", []) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "'a'"),
        (64, "64"),
        (0.5, "0.5"),
        (True, "true"),
        (None, "nothing"),
        ({}, "a mapping"),
        ([], "a list"),
    ],
)
def test_shown_is_how_yaml_has_it(value: object, text: str) -> None:
    assert shown(value) == text
