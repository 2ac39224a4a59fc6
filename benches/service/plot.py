"""Line plots as SVG, drawn here."""

import math
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 440, 300
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 34, 46
COLOURS = ["#1f6feb", "#d1570a"]


@dataclass(frozen=True)
class Panel:
    """One plot: named series of points `(x, y)`, from zero where an axis is not logarithmic."""

    title: str
    x: str
    y: str
    series: list[tuple[str, list[tuple[float, float]]]]
    log_x: bool = False
    log_y: bool = False

    def draw(self, offset):
        points = [point for _, points in self.series for point in points]
        across = Axis([x for x, _ in points], self.log_x, 2)
        up = Axis([y for _, y in points], self.log_y, 10)
        left, right, bottom, top = offset + LEFT, offset + WIDTH - RIGHT, HEIGHT - BOTTOM, TOP
        place_x = lambda value: left + across.share(value) * (right - left)
        place_y = lambda value: bottom - up.share(value) * (bottom - top)
        out = [text(offset + LEFT, 20, self.title, weight="bold")]
        for tick in up.ticks:
            out.append(f'<line x1="{left}" x2="{right}" y1="{place_y(tick):.1f}" y2="{place_y(tick):.1f}" stroke="#ddd"/>')
            out.append(text(left - 6, place_y(tick) + 4, f"{tick:,g}", anchor="end"))
        for tick in across.ticks:
            out.append(text(place_x(tick), bottom + 16, f"{tick:,g}", anchor="middle"))
        out.append(f'<line x1="{left}" x2="{right}" y1="{bottom}" y2="{bottom}" stroke="#666"/>')
        out.append(text((left + right) / 2, HEIGHT - 8, self.x, anchor="middle"))
        out.append(text(right, 20, self.y, anchor="end"))
        for (name, points), colour in zip(self.series, COLOURS):
            line = " ".join(f"{place_x(x):.1f},{place_y(y):.1f}" for x, y in points)
            out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
            if len(points) <= 20:
                out += [f'<circle cx="{place_x(x):.1f}" cy="{place_y(y):.1f}" r="3" fill="{colour}"/>' for x, y in points]
            if name:
                x, y = points[-1]
                out.append(text(place_x(x) - 4, place_y(y) - 8, name, anchor="end", colour=colour))
        return "\n".join(out)


class Axis:
    """From the least to the greatest value, or from zero, with marks at round numbers."""

    def __init__(self, values, logarithmic, base):
        self.logarithmic = logarithmic
        most = max(values)
        if logarithmic:
            low, high = (round_to(math.log(value, base)) for value, round_to in [(min(values), math.floor), (most, math.ceil)])
            high = max(high, low + 1)
            self.low, self.high = low * math.log(base), high * math.log(base)
            self.ticks = [base**power for power in range(low, high + 1)]
        else:
            step = 10 ** math.floor(math.log10(most)) if most > 0 else 1
            step = next(step * part for part in (0.2, 0.5, 1, 2) if most / (step * part) <= 6)
            count = math.ceil(most / step)
            self.low, self.high = 0, count * step
            self.ticks = [number * step for number in range(count + 1)]

    def share(self, value):
        """Of the axis' length."""
        value = math.log(value) if self.logarithmic else value
        return (value - self.low) / (self.high - self.low)


def text(x, y, words, anchor="start", weight="normal", colour="#333"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" fill="{colour}">{escape(words)}</text>'


def write(path, panels):
    """The panels side by side."""
    width = WIDTH * len(panels)
    drawn = "\n".join(panel.draw(WIDTH * number) for number, panel in enumerate(panels))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" font-family="sans-serif" font-size="12">\n'
        f'<rect width="{width}" height="{HEIGHT}" fill="white"/>\n{drawn}\n</svg>\n',
        encoding="utf-8",
    )
