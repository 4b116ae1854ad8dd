"""Lesson 09 in a real browser: every cell runs, the queues can be played, and the knobs count anew."""

import pytest

from swarmlab.lessons.lesson09 import knobs
from swarmlab.viz.trafficfold import panel


def test_lesson_09_runs_and_its_queues_and_knobs_answer(lab):
    lesson = lab.lesson("09")
    page = lesson.page
    queues = page.locator(".sl-queues").first
    queues.scroll_into_view_if_needed()
    queues.locator(".sl-scrub").focus()
    page.keyboard.press("End")
    assert int(queues.get_attribute("data-time")) > 59_000_000
    first = queues.locator(".sl-column2").first
    assert first.get_attribute("data-task") == "web.1" and int(first.get_attribute("data-queue")) > 20

    lesson.show(".sl-traffic [data-knob=load] input").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".sl-traffic[data-position*='0.85']")
    rows = page.locator(".sl-traffic .sl-run")
    assert rows.count() == 2
    for row, run in zip(rows.all(), knobs(load=0.85).values(), strict=True):
        made = panel(run)
        assert row.get_attribute("data-counts") == " ".join(map(str, made.counts))
        assert float(row.get_attribute("data-p99")) == pytest.approx(made.marks["p99"])
    assert lesson.complaints() == []
