"""Which points are looked at: all, some at random, or what a search proposes after each round of answers.

A search is asked for a round of points and told what they came to. Rounds do not depend on how many workers
there are or who finishes first, and every random choice comes from the seed: the same question asks for the
same points again, and those that the store knows cost nothing. This is how a search resumes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simulator.base.errors import InputError, Problem

if TYPE_CHECKING:
    import optuna

    from simulator.experiment.sweep.load import Objective, Sweep
    from simulator.experiment.sweep.space import Point, Space

#: Objectives of a point, None where it has none; and by how much it misses each limit.
Answer = tuple[tuple[float, ...] | None, tuple[float, ...]]
#: Draws for each point that is wanted, before a space counts as exhausted.
_PATIENCE = 200
#: Points of a space that are counted one by one, with all conditions, before a search.
_FEW = 20_000


def rounds(
    sweep: Sweep, answer: Callable[[Sequence[Point]], Sequence[Answer]]
) -> Iterator[Sequence[Point] | Iterable[Point]]:
    """Rounds of points; between two rounds the first is answered by ``answer``.

    A grid and random points are one round.
    """
    search = sweep.search
    if search.kind == "grid":
        yield sweep.space.grid()
    elif search.kind == "random":
        yield draw(sweep.space, search.evaluations, sweep.seed)
    else:
        yield from _guided(sweep, answer)


def draw(space: Space, count: int, seed: int) -> list[Point]:
    """Different points drawn evenly from a space, as many as are wanted or as there seem to be."""
    import numpy as np  # heavy, and not for a grid

    rng = np.random.default_rng(seed)
    sizes = {chip: [len(axis.values) for axis in space.axes_of(chip)] for chip in space.chips}
    weights = np.array([float(np.prod([float(size) for size in sizes[chip]])) for chip in space.chips])
    found: dict[Any, Point] = {}
    count = min(count, _room(space))
    for _ in range(_PATIENCE * count):
        chip = space.chips[int(rng.choice(len(space.chips), p=weights / weights.sum()))]
        point = space.at(chip, [int(rng.integers(size)) for size in sizes[chip]])
        if point is not None:
            found.setdefault(point.identity, point)
        if len(found) == count:
            break
    if not found:
        raise InputError(Problem("no point meets the constraints", space.file, path="constraints"))
    return list(found.values())


def _room(space: Space) -> int:
    """How many points there are at most; of a space that is soon gone through, exactly."""
    return sum(1 for _ in space.grid()) if space.size <= _FEW else space.size


class Guided:
    """A search that learns: optuna's samplers over the places along the axes, asked and told in rounds.

    A place along an axis of numbers is a whole number, so that near is near; words and chips are choices. A
    point that was asked for before is answered from memory and costs no evaluation.

    Parameters
    ----------
    space, objectives
        Where, and what for.
    kind
        ``nsga2`` or ``tpe``.
    evaluations
        Different points in all.
    population
        Points of a round.
    seed
        Of all random choices.
    """

    def __init__(
        self, space: Space, objectives: Sequence[Objective], *, kind: str, evaluations: int,
        population: int, seed: int,
    ) -> None:  # fmt: skip
        self.space, self.evaluations = space, min(evaluations, _room(space))
        self.population = min(population, evaluations)
        self.answers: dict[Any, Answer] = {}
        self._study = _study(objectives, kind, self.population, seed)
        self._choices = _distributions(space)
        self._asked: list[tuple[optuna.trial.Trial, Point | None]] = []
        self._idle = 0

    def ask(self) -> list[Point]:
        """Points of the next round that were not asked for before; empty when the search is over."""
        while len(self.answers) < self.evaluations and self._idle < _PATIENCE:
            fresh: dict[Any, Point] = {}
            self._asked = []
            for _ in range(self.population):
                trial = self._study.ask(self._choices)
                point = self._point(trial.params)
                self._asked.append((trial, point))
                new = point is not None and point.identity not in self.answers
                if new and len(self.answers) + len(fresh) < self.evaluations:
                    assert point is not None
                    fresh.setdefault(point.identity, point)
            if fresh:
                self._idle = 0
                return list(fresh.values())
            self._idle += 1
            self._tell()
        return []

    def tell(self, points: Sequence[Point], answers: Sequence[Answer]) -> None:
        """What the points of the last round came to."""
        self.answers.update({p.identity: a for p, a in zip(points, answers, strict=True)})
        self._tell()

    def _tell(self) -> None:
        from optuna.trial import TrialState  # heavy; only for such a search

        for trial, point in self._asked:
            values, misses = self.answers.get(point.identity, (None, ())) if point else (None, ())
            if values is None:
                self._study.tell(trial, state=TrialState.FAIL)
                continue
            for number, missed in enumerate(misses):
                trial.set_constraint(f"limit {number}", missed)
            self._study.tell(trial, list(values))
        self._asked = []

    def _point(self, params: Mapping[str, Any]) -> Point | None:
        chip = params.get("chip", self.space.chips[0])
        places = [int(params[axis.name]) for axis in self.space.axes_of(chip)]
        return self.space.at(chip, places)


def _guided(sweep: Sweep, answer: Callable[[Sequence[Point]], Sequence[Answer]]) -> Iterator[Sequence[Point]]:
    search = sweep.search
    guided = Guided(
        sweep.space, sweep.objectives, kind=search.kind, evaluations=search.evaluations,
        population=search.population, seed=sweep.seed,
    )  # fmt: skip
    while points := guided.ask():
        yield points
        guided.tell(points, answer(points))


def _study(objectives: Sequence[Objective], kind: str, population: int, seed: int) -> optuna.Study:
    import warnings

    import optuna  # heavy; only for such a search

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler: optuna.samplers.BaseSampler
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if kind == "nsga2":
            sampler = optuna.samplers.NSGAIISampler(population_size=population, seed=seed)
        else:
            sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, n_startup_trials=population)
    way = optuna.study.StudyDirection
    ways = [way.MAXIMIZE if objective.maximize else way.MINIMIZE for objective in objectives]
    return optuna.create_study(directions=ways, sampler=sampler)


def _distributions(space: Space) -> dict[str, optuna.distributions.BaseDistribution]:
    """What each axis may be; of axes that only some chips have, all the same."""
    from optuna.distributions import CategoricalDistribution, IntDistribution

    found: dict[str, optuna.distributions.BaseDistribution] = {}
    if len(space.chips) > 1:
        found["chip"] = CategoricalDistribution(space.chips)
    for axis in space.axes:
        last = len(axis.values) - 1
        found[axis.name] = (
            IntDistribution(0, last) if axis.ordered else CategoricalDistribution(tuple(range(last + 1)))
        )
    return found
