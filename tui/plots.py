"""Plots: buckets as columns over time, drawn by plotext. Signs tell the sentiment, colours only repeat it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, tzinfo

from store.domain.insight import Bucket
from tui.lettering import clock, day, paint, percent

SIGNS = {"negative": "█", "neutral": "▒", "positive": "░"}
GUTTER = 7  # cells of the labels left of the axis: the same in every plot, so that plots below each other line up
WIDEST_COLUMN, LEAST_WIDTH, LEAST_HEIGHT = 10, 20, 5
CEILINGS = (1, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 30, 40, 50, 60, 80)

_RUNS = re.compile("|".join(f"(?P<{name}>{sign}+)" for name, sign in SIGNS.items()))

Layer = tuple[str, Sequence[float | None]]  # whose sign, and how high (None: no column)


def volume(buckets: Sequence[Bucket], width: int, height: int, colour: bool, zone: tzinfo = UTC) -> str:
    """Mentions as stacked columns, the negative ones at the bottom: `height` lines, at most `width` cells wide."""
    shown = _merged(buckets, width)
    top = _ceiling(max((bucket.mentions for bucket in shown), default=0))
    layers = (
        ("positive", [bucket.mentions if bucket.positive else None for bucket in shown]),
        ("neutral", [bucket.neutral + bucket.negative if bucket.neutral else None for bucket in shown]),
        ("negative", [bucket.negative or None for bucket in shown]),
    )
    ticks = [0, top // 2, top] if top % 2 == 0 else [0, top]
    return _columns(shown, layers, {tick: _short(tick) for tick in ticks}, (width, height), colour, zone)


def net_sentiment(buckets: Sequence[Bucket], width: int, height: int, colour: bool, zone: tzinfo = UTC) -> str:
    """Net sentiment as columns up and down from zero. Where as many liked as disliked it there is a neutral sign on the
    line, where nobody spoke there is none."""
    shown = _merged(buckets, width)
    nets = [bucket.net for bucket in shown]
    most = max((abs(net) for net in nets if net is not None), default=1.0)
    top = next(limit for limit in (0.1, 0.25, 0.5, 1.0) if most <= limit)
    layers = (
        ("positive", [net if net is not None and net > 0 else None for net in nets]),
        ("neutral", [net if net == 0 else None for net in nets]),
        ("negative", [net if net is not None and net < 0 else None for net in nets]),
    )
    ticks = {tick: percent(tick, signed=True) for tick in (-top, 0.0, top)}
    return _columns(shown, layers, ticks, (width, height), colour, zone)


def _columns(
    buckets: Sequence[Bucket],
    layers: Sequence[Layer],
    ticks: dict[float, str] | dict[int, str],
    size: tuple[int, int],
    colour: bool,
    zone: tzinfo,
) -> str:
    import plotext

    if not buckets:
        return ""
    width, height = size
    step = _step(len(buckets), width)
    inner = step * len(buckets)
    thick = max(step - 2, 0)  # from the first to the last cell of a column; one cell stays free between columns
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.limit_size(False, False)  # or it cuts the plot to the terminal of this process
    plotext.plotsize(inner + GUTTER + 1, max(height, LEAST_HEIGHT))
    plotext.xaxes(True, False)
    plotext.yaxes(True, False)
    if min(ticks) < 0:
        plotext.hline(0)
    plotext.rectangle([0, 0], [0, 0], marker=" ", lines=True)  # without anything drawn there would be no axes
    for name, values in layers:
        for i, value in enumerate(values):
            if value is not None:
                xs, ys = [i * step, i * step + thick], [0, value]
                plotext.rectangle(xs, ys, marker=SIGNS[name], lines=True, fill=True)
    plotext.xlim(0, max(inner - 1, 1))  # x counts cells, so that every column comes out equally wide
    plotext.ylim(min(ticks), max(ticks))
    plotext.yticks(list(ticks), [label.rjust(GUTTER) for label in ticks.values()])
    marks = _marks(buckets, step, zone)
    plotext.xticks([i * step + thick / 2 for i in marks], list(marks.values()))
    lines = plotext.uncolorize(plotext.build()).splitlines()
    return "\n".join(_painted(line.rstrip(), colour) for line in lines if line.strip())


def together(buckets: Sequence[Bucket], width: int) -> int:
    """How many buckets share a column of a plot that is `width` cells wide: 1 where there is room for each."""
    return max(-(-len(buckets) // _room(width)), 1)


def column(buckets: Sequence[Bucket], width: int, at: int) -> tuple[int, int]:
    """(first cell, cells) of the column that shows bucket `at` in a plot that is `width` cells wide."""
    several = together(buckets, width)
    step = _step(-(-len(buckets) // several), width)
    return GUTTER + 1 + at // several * step, max(step - 1, 1)


def _step(columns: int, width: int) -> int:
    """Cells from one column to the next; one of them is free where there are two."""
    return max(1, min(_room(width) // columns, WIDEST_COLUMN))


def _room(width: int) -> int:
    return max(width, LEAST_WIDTH) - GUTTER - 1


def _merged(buckets: Sequence[Bucket], width: int) -> list[Bucket]:
    """Neighbours added up where there are more buckets than cells."""
    several = together(buckets, width)
    groups = [buckets[i : i + several] for i in range(0, len(buckets), several)]
    return [
        Bucket(
            group[0].start,
            group[-1].end,
            sum(bucket.positive for bucket in group),
            sum(bucket.neutral for bucket in group),
            sum(bucket.negative for bucket in group),
        )
        for group in groups
    ]


def _marks(buckets: Sequence[Bucket], step: int, zone: tzinfo) -> dict[int, str]:
    """Which columns are named below the axis, as many as there is room for."""
    labels = _labels(buckets, zone)
    apart = -(-(max(map(len, labels)) + 2) // step)
    return {i: labels[i] for i in range(0, len(labels), apart)}


def _labels(buckets: Sequence[Bucket], zone: tzinfo) -> list[str]:
    hours = min((bucket.end - bucket.start).total_seconds() for bucket in buckets[1:-1] or buckets) / 3_600
    if hours < 23:
        return [clock(bucket.start, zone) for bucket in buckets]
    if hours < 28 * 24 - 1:
        return [day(bucket.start, zone, year=False) for bucket in buckets]
    return [day(bucket.start, zone).split(" ", 1)[1] for bucket in buckets]


def _ceiling(most: int) -> int:
    """The smallest round number that is not below `most`."""
    power = 1
    while True:
        for each in CEILINGS:
            if each * power >= most:
                return each * power
        power *= 10


def _short(value: int) -> str:
    """At most GUTTER cells: 12,000 stays, 1,200,000 is 1.2M."""
    if value < 1_000_000:
        return f"{value:,}"
    scaled, unit = (value / 1e9, "G") if value >= 1e9 else (value / 1e6, "M")
    return f"{scaled:.4g}{unit}"


def _painted(line: str, colour: bool) -> str:
    return _RUNS.sub(lambda run: paint(run[0], run.lastgroup or "", colour), line)
