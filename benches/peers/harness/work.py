"""What is compared: the same work, done by the peer and by us in turns."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass


class DifferentWork(Exception):
    """The two sides did not do the same."""


@dataclass(frozen=True)
class Figure:
    """One number that both sides give."""

    key: str
    work: str
    unit: str
    goal: float | None = None
    less_is_better: bool = False

    def ratio(self, theirs, ours):
        """How many times better ours is."""
        return theirs / ours if self.less_is_better else ours / theirs


@dataclass(frozen=True)
class Result:
    """A figure, and the pairs `(theirs, ours)` of all rounds."""

    figure: Figure
    rounds: list[tuple[float, float]]

    @property
    def ratios(self):
        return [self.figure.ratio(theirs, ours) for theirs, ours in self.rounds]

    @property
    def ratio(self):
        return statistics.median(self.ratios)

    @property
    def theirs(self):
        return statistics.median(theirs for theirs, _ in self.rounds)

    @property
    def ours(self):
        return statistics.median(ours for _, ours in self.rounds)

    @property
    def verdict(self):
        """None where there is no goal."""
        if self.figure.goal is None:
            return None
        return "ok" if self.ratio >= self.figure.goal else "short"


@dataclass(frozen=True)
class Work:
    """`theirs` and `ours` each do the whole work once, in a new process, and return their figures by key. What is under
    `same` must be equal on both sides: the tokens that were read and written."""

    figures: list[Figure]
    theirs: Callable[[], dict]
    ours: Callable[[], dict]
    same: tuple[str, ...] = ()

    def measure(self, rounds):
        pairs = []
        for number in range(rounds):
            # Neither side is always the one that finds the machine warm.
            if number % 2 == 0:
                theirs, ours = self.theirs(), self.ours()
            else:
                ours, theirs = self.ours(), self.theirs()
            for key in self.same:
                if theirs[key] != ours[key]:
                    raise DifferentWork(f"{key}: theirs {theirs[key]}, ours {ours[key]}")
            pairs.append((theirs, ours))
        return [
            Result(figure, [(theirs[figure.key], ours[figure.key]) for theirs, ours in pairs]) for figure in self.figures
        ]
