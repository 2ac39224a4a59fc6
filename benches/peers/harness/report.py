"""Telling what was measured."""

from . import machine

HEAD = ["peer", "work", "unit", "theirs", "ours", "ratio", "rounds", "goal", ""]
WIDTHS = [13, 34, 20, 9, 9, 7, 14, 5, 5]


class Table:
    """A row for each comparison, in the order of measuring."""

    def __init__(self, rounds):
        self.rounds = rounds

    def head(self, description):
        print(f"{description}; {self.rounds} rounds in turns; medians, of the ratios the extremes, too\n")
        self.row(HEAD)

    def line(self, peer, result):
        figure = result.figure
        ratios = result.ratios
        goal = "" if figure.goal is None else f"{figure.goal:g}"
        self.row([peer, figure.work, figure.unit, number(result.theirs), number(result.ours), f"{result.ratio:.2f}",
                  f"{min(ratios):.2f} to {max(ratios):.2f}", goal, result.verdict or ""])

    def row(self, cells):
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS)).rstrip(), flush=True)

    def end(self):
        print(f"\nload at the end: {machine.load():.1f}")


class Brief:
    """A line for every comparison that has a goal: `peer work ratio ok|short`."""

    def head(self, description):
        pass

    def line(self, peer, result):
        if result.verdict:
            work = result.figure.work.replace(",", "").replace(" ", "-")
            print(f"{peer} {work} {result.ratio:.2f} {result.verdict}", flush=True)

    def end(self):
        pass


def number(value):
    """Three digits that count."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
