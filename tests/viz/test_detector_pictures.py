"""Detectors side by side: both axes logarithmic, and who never cries for nothing has a place of its own."""

from typing import NamedTuple

import pytest

from swarmlab.viz import ink
from swarmlab.viz.detecting import draw_detectors, tell_detectors


class Row(NamedTuple):
    detector: str
    p5: float
    median: float
    p95: float
    per_hour: float
    missed: float = 0.0


class Run(NamedTuple):
    detector: str
    time: float | None


TABLE = [Row("heartbeat", 9.4, 12.5, 15.8, 0), Row("time-out", 4, 4.4, 5, 3), Row("SWIM", 0, 1.5, 3, 1550, 0.02)]


def words(ax):
    return [text.get_text() for text in ink.figure_of(ax).findobj(lambda a: hasattr(a, "get_text"))]


def test_every_detector_has_its_name_and_its_median_at_its_dot():
    said = words(draw_detectors(TABLE))
    assert {"heartbeat 12.5 s", "time-out 4.40 s", "SWIM 1.50 s"} <= set(said)


def test_both_axes_are_logarithmic_and_no_false_alarm_is_called_none():
    ax = draw_detectors(TABLE)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert "none" in [ax.yaxis.get_major_formatter()(tick, 0) for tick in ax.yaxis.get_ticklocs()]
    loud = draw_detectors(TABLE[1:])
    assert "none" not in [loud.yaxis.get_major_formatter()(tick, 0) for tick in loud.yaxis.get_ticklocs()]


def test_names_do_not_cover_each_other_where_detectors_are_alike():
    alike = [Row(f"detector {n}", 4, 5 + n / 50, 6, 200 + n) for n in range(4)]
    ax = draw_detectors(alike)
    fig = ink.figure_of(ax)
    fig.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts if text.get_text().startswith("detector")]
    assert not any(a.overlaps(b) for n, a in enumerate(boxes) for b in boxes[n + 1 :])


def test_single_runs_are_a_cloud_without_those_that_noticed_nothing():
    ax = draw_detectors(TABLE, [Run("SWIM", 1.0), Run("SWIM", None), Run("SWIM", 2.0), Run("other", 1.0)])
    clouds = [line for line in ax.lines if line.get_marker() == "."]
    assert [len(line.get_xdata()) for line in clouds] == [2]


def test_one_knob_is_a_line():
    ax = draw_detectors({"threshold": [Row("4", 1, 2, 3, 100), Row("8", 2, 4, 6, 10)]})
    assert any(list(line.get_xdata()) == [2, 4] for line in ax.lines)


def test_detectors_in_words():
    assert tell_detectors(TABLE) == (
        "Median time to notice a crash, nine runs of ten between, and false alarms: heartbeat 12.5 s (9.40 s to 15.8 s), no "
        "false alarm; time-out 4.40 s (4.00 s to 5.00 s), 3 false alarms in an hour; SWIM 1.50 s (0 ms to 3.00 s), 1,550 "
        "false alarms in an hour, 2% of the crashes not noticed."
    )
    with pytest.raises(ValueError, match="no detector"):
        draw_detectors([])


def test_rates_that_are_near_to_each_other_have_labels_enough_to_be_read():
    ax = draw_detectors([Row("heartbeat", 9.4, 12.5, 15.8, 45), Row("phi", 2, 4.4, 5, 165)])
    assert list(ax.yaxis.get_ticklocs()) == [50, 100, 200]
