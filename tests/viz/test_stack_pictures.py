"""A stack file beside its objects, a text to edit, the dip of a change, and outages of a container and of a rack."""

from types import SimpleNamespace

import pretend
import pytest
from test_raft_pictures import covered, outside, words

from swarmlab import events as e
from swarmlab.viz import outagebar
from swarmlab.viz.capacity import capacity, draw_capacity, tell_capacity
from swarmlab.viz.charts import tell_outage
from swarmlab.viz.frames import frames, outage
from swarmlab.viz.lanes import lanes
from swarmlab.viz.stackfile import stack_file, stack_html, stack_text, tell_stack

SECOND = 1_000_000


def line(number, text, *becomes, note=""):
    return SimpleNamespace(number=number, text=text, becomes=becomes, note=note)


LINES = (
    line(1, "services:"),
    line(2, "  web: &a <b>", ("service", "demo_web", "", "")),
    line(3, "    image: nginx", ("service", "demo_web", "Image", "nginx<1>")),
    line(4, "    links: [db]", note="ignored, with a warning"),
)


def test_each_line_stands_beside_what_it_becomes():
    assert stack_text(LINES).splitlines()[2].split("│")[1].strip() == "service demo_web Image = nginx<1>"
    html = stack_html(LINES)
    assert html.count("<b>service demo_web</b>") == 1 and "ignored, with a warning" in html
    assert "&lt;b&gt;" in html and "<b>services" not in html and "nginx&lt;1&gt;" in html
    assert repr(stack_file(LINES)) == stack_text(LINES) and stack_file(LINES)._repr_html_() == html


def test_it_says_what_becomes_of_nothing():
    assert tell_stack(LINES) == "A stack file of 4 lines becomes service demo_web; 1 line ignored, with a warning."


def test_an_edited_text_shows_what_comes_of_it_and_an_error_is_one_line():
    widgets = pytest.importorskip("swarmlab.viz.edit", reason="ipywidgets is not installed")
    edit = widgets.Edit("a: 1", lambda text: stack_file(LINES) if "1" in text else 1 / 0)
    assert "demo_web" in edit.seen.value
    edit.area.value = "a: 2 <x>"
    assert edit.seen.value == "<p><b>✕</b> division by zero</p>"
    edit.area.value = "a: 1\n"
    assert "demo_web" in edit.seen.value and repr(edit) == "Edit(2 lines)"


@pytest.fixture(scope="module")
def trace():
    """Two tasks; one container is removed by hand, then both machines lose power at once."""
    pen = pretend.Pen(pretend.machines(1, 4))
    pen.leader = "manager-1"
    for n in (1, 2, 3, 4):
        pen.store(0.1, pretend.node(f"worker-{n}"))
    pen.store(1, pretend.service("web", 2))

    def born(at, id, slot, machine):
        pen.store(at, pretend.task(id, "web", slot, machine, state="assigned"))
        pen.note(at + 0.2, machine, e.TaskProgressed(id, "web", slot, "running", ""))

    born(2, "a", 1, "worker-1")
    born(2, "b", 2, "worker-2")
    pen.note(5, "worker-1", e.ContainerExited("c", "a", 137))
    pen.note(5, "worker-1", e.ContainerRemoved("c", "a"))
    pen.note(5, "worker-1", e.TaskProgressed("a", "web", 1, "failed", ""))
    pen.store(5.1, pretend.task("a", "web", 1, "worker-1", "shutdown", "failed"))
    born(5.3, "d", 1, "worker-1")
    for n in (1, 2):
        pen.note(10, f"worker-{n}", e.MachineCrashed())
    pen.store(20, pretend.node("worker-1", state="down"))
    born(20.5, "x", 1, "worker-3")
    pen.store(21, pretend.node("worker-2", state="down"))
    born(21.5, "y", 2, "worker-4")
    pen.note(30, "manager-1", e.Commanded("docker node ls"))
    return pen.trace


def test_a_removed_container_is_the_outage_of_its_one_task(trace):
    for kind in (e.ContainerExited, e.ContainerRemoved):
        row = outage(trace, trace.of(kind)[0])
        assert (row["of"], row["machine"]) == ("task", "worker-1")
        assert [row[key] for key in ("fault", "noticed", "decided", "healed")] == [
            5 * SECOND, round(5.1 * SECOND), round(5.3 * SECOND), round(5.5 * SECOND),
        ]  # fmt: skip
    assert tell_outage(row).startswith("Task web.1 on worker-1: noticed after 0.1 s")
    assert covered(outagebar.draw_outage(row)) == []


def test_a_rack_is_healed_when_its_last_machine_is(trace):
    row = outage(trace, trace.of(e.MachineCrashed))
    assert row["machine"] == "worker-1, worker-2" and row["fault"] == 10 * SECOND
    assert [row[key] for key in ("noticed", "decided", "healed")] == [
        20 * SECOND,
        round(20.5 * SECOND),
        round(21.7 * SECOND),
    ]


def test_a_command_that_ended_no_task_is_no_outage(trace):
    row = outage(trace, trace.of(e.Commanded)[0])
    assert [row[key] for key in ("noticed", "decided", "healed")] == [None] * 3


def test_a_task_that_was_removed_by_hand_ended_as_failed(trace):
    bar = next(bar for bar in lanes(frames(trace)) if bar["task"] == "a")
    assert bar["ended"] == "failed" and bar["ended_at"] == 5 * SECOND


def test_capacity_is_what_runs_against_what_should(trace):
    row = capacity(trace)["web"]
    assert row["wanted"] == [[SECOND, 2]]
    assert [count for _, count in row["ran"]] == [2, 1, 2, 0, 1, 2]
    assert tell_capacity(trace) == (
        "Tasks that ran against tasks that should, at the worst instant: web at least 0 of 2, at 10.0 s."
    )


def test_what_has_not_yet_begun_is_no_dip(trace):
    assert "web at least 1 of 2, at 5.0 s" in tell_capacity(trace, end=9)


def test_no_label_covers_another(trace):
    ax = draw_capacity(trace)
    assert covered(ax) == [] and outside(ax) == []
    assert {"least 0 of 2", "at 10.0 s"} <= set(words(ax))
