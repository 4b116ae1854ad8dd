"""Figures: what they are drawn from, and that they say it in words and the same way each time."""

from types import SimpleNamespace

import pretend
import pytest
from matplotlib.figure import Figure

from swarmlab import events as e
from swarmlab.viz import charts, ink, lanes, outagebar, still
from swarmlab.viz.frames import frames, outage, world_at

SECOND = 1_000_000


@pytest.fixture(scope="module")
def story():
    return pretend.story()


@pytest.fixture(scope="module")
def crashes(story):
    return story.of(e.MachineCrashed)


def words(fig):
    """Every text on a figure."""
    return [text.get_text() for text in fig.findobj(lambda artist: hasattr(artist, "get_text")) if text.get_text()]


def bars_of(trace, lane):
    return [bar for bar in lanes.lanes(frames(trace)) if bar["lane"] == lane]


# task lanes


def test_a_replacement_is_another_bar_on_another_machine(story):
    old, new = bars_of(story, "vote_vote.2")
    assert (old["machine"], new["machine"]) == ("worker-2", "worker-4")
    assert old["task"] != new["task"] and old["line"] == new["line"] == 0


def test_the_filling_ends_with_the_machine_and_the_outline_when_somebody_knows(story):
    old, new = bars_of(story, "vote_vote.2")
    assert old["ended"] == "gone" and old["ended_at"] == 50 * SECOND == old["phases"][-1][1]
    assert old["unwished"] == 62.5 * SECOND
    runs = next(phase for phase in new["phases"] if phase[2] == "running")
    assert new["wished"] < new["assigned"] < runs[0] and new["unwished"] is None


def test_phases_of_a_task_follow_each_other_without_a_gap(story):
    for bar in lanes.lanes(frames(story)):
        for (_, until, _), (since, _, _) in zip(bar["phases"], bar["phases"][1:], strict=False):
            assert until == since


def test_a_task_that_failed_says_so_where_its_filling_ends(story):
    (bar,) = bars_of(story, "vote_redis.1")
    assert bar["ended"] == "failed" and bar["ended_at"] == 84 * SECOND


def test_a_task_without_a_machine_has_no_filling(story):
    (bar,) = bars_of(story, "vote_vote.4")
    assert bar["assigned"] is None and bar["phases"] == [] and bar["machine"] == ""


def test_two_tasks_of_a_slot_that_overlap_get_a_line_each():
    pen = pretend.Pen(pretend.machines(1, 2))
    pen.leader = "manager-1"
    for n in (1, 2):
        pen.store(0.1, pretend.node(f"worker-{n}"))
    pen.store(1, pretend.task("a", "web", 1, "worker-1", state="assigned"))
    pen.note(2, "worker-1", e.TaskProgressed("a", "web", 1, "running", ""))
    pen.store(10, pretend.task("a", "web", 1, "worker-1", "shutdown", "running"))
    pen.store(10, pretend.task("b", "web", 1, "worker-2", state="assigned"))
    pen.note(11, "worker-2", e.TaskProgressed("b", "web", 1, "running", ""))
    pen.note(20, "worker-1", e.TaskProgressed("a", "web", 1, "shutdown", ""))
    first, second = bars_of(pen.trace, "web.1")
    assert (first["line"], second["line"]) == (0, 1)
    assert first["ended"] == "shutdown" and first["unwished"] == 10 * SECOND < first["ended_at"]


def test_lanes_can_be_limited_to_services_and_a_stretch_of_time(story):
    ax = charts.draw_tasks(story, services=["vote_vote"], start=40, end=60)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["vote_vote.1", "vote_vote.2", "vote_vote.3"]
    assert ax.get_xlim() == (40, 60)
    assert {"worker-2 lost power", "worker-2"} <= set(words(ax.figure))
    assert "manager-1 lost power" not in words(ax.figure)


def test_lanes_name_the_machine_in_the_bar_and_each_fault_above(story):
    said = words(charts.draw_tasks(story).figure)
    assert said.count("worker-4") == 3  # redis, and both tasks that worker-2 lost
    assert {"manager-1 lost power", "manager-1 booted", "worker-2 lost power", "cut the network"} <= set(said)


def test_a_run_without_tasks_can_be_drawn():
    pen = pretend.Pen(pretend.machines(1, 1))
    pen.note(0, "manager-1", e.MachineStarted())
    charts.draw_tasks(pen.trace)
    charts.draw_filmstrip(pen.trace, [0])


def test_drawing_uses_the_axes_that_are_given(story):
    fig = Figure()
    ax = fig.subplots()
    assert charts.draw_tasks(story, ax) is ax
    assert charts.draw_outage(outage(story, story.of(e.MachineCrashed)[0]), fig.add_subplot(212)).figure is fig


# the filmstrip


def test_key_instants_are_those_of_the_outage_in_seconds(story, crashes):
    assert charts.key_instants(story, crashes[0]) == {
        name: outage(story, crashes[0])[name] / SECOND for name in ("fault", "noticed", "decided", "healed")
    }


def test_instants_that_never_came_are_left_out(story, crashes):
    trace = story.mark()._replace(facts=crashes[0].number + 1, messages=0).prefix()
    assert list(charts.key_instants(trace, crashes[0].number)) == ["fault"]


def test_frames_are_titled_by_what_happened_and_when(story, crashes):
    instants = charts.key_instants(story, crashes[0])
    said = words(charts.draw_filmstrip(story, instants))
    assert {"fault · 18.000 s", "noticed · 30.200 s", "decided · 30.203 s"} <= set(said)
    unnamed = words(charts.draw_filmstrip(story, list(instants.values())))
    assert {"manager-1 lost power", "manager-2 asks for votes in term 2", "manager-2 leads in term 2"} <= set(unnamed)


def test_an_instant_may_be_a_record_or_lie_between_events(story, crashes):
    said = words(charts.draw_filmstrip(story, [crashes[1], 50.25]))
    assert {"50.000 s", "worker-2 lost power", "50.250 s", "250 ms after: worker-2 lost power"} <= set(said)


def test_titles_can_be_given(story):
    assert {"calm", "storm"} <= set(words(charts.draw_filmstrip(story, [17, 19], titles=["calm", "storm"])))


def test_a_machine_keeps_its_place_in_all_frames_and_no_two_boxes_overlap(story):
    for trace, width in ((story, 3.1), (pretend.crowd(30, 60, 900), 4.8)):
        rows = frames(trace)
        boxes = still.layout(rows, [world_at(rows, rows["end"])], width)["boxes"]
        assert len(boxes) == sum(machine["row"] != "outside" for machine in rows["machines"])
        for name, (x, y, wide, high) in boxes.items():
            assert x >= 0 and x + wide <= width
            for other, (x2, y2, wide2, high2) in boxes.items():
                assert name == other or x + wide <= x2 or x2 + wide2 <= x or y + high <= y2 or y2 + high2 <= y


def test_managers_stand_above_workers(story):
    rows = frames(story)
    boxes = still.layout(rows, [world_at(rows, 0)], 3.1)["boxes"]
    assert max(box[1] for name, box in boxes.items() if "manager" in name) < min(
        boxes[f"worker-{n}"][1] for n in (1, 2, 3, 4)
    )


def test_the_board_sums_up_outlines_and_fillings(story):
    rows = frames(story)
    assert still.counts(world_at(rows, 17 * SECOND)) == "9 of 9 tasks run · manager-1 leads"
    assert still.counts(world_at(rows, 19 * SECOND)) == "8 of 9 tasks run · nobody leads"


def test_no_two_services_have_the_same_letters():
    assert still.initials(["vote_redis", "vote_result", "r"]) == {"vote_redis": "R", "vote_result": "Re", "r": "R2"}


def test_a_lens_shows_what_that_machine_believes(story):
    said = words(charts.draw_filmstrip(story, [51], lens="manager-2"))
    assert "9 of 9 tasks run · manager-2 leads" in said
    assert "7 of 9 tasks run · manager-2 leads" in words(charts.draw_filmstrip(story, [51]))
    assert any(text.startswith("as manager-2 sees it") for text in said)


# the outage bar


def row(noticed=12.0, decided=12.002, healed=18.0, **more):
    at = {"noticed": noticed, "decided": decided, "healed": healed}
    instants = {name: None if value is None else round((value + 5) * SECOND) for name, value in at.items()}
    return {"machine": "worker-1", "of": "work", "fault": 5 * SECOND, **instants, **more}


def test_an_outage_has_a_segment_up_to_each_instant():
    assert [(part["until"], part["from"], part["to"]) for part in outagebar.parts(row())] == [
        ("noticed", 0.0, 12.0),
        ("decided", 12.0, 12.002),
        ("healed", 12.002, 18.0),
    ]


def test_an_unfinished_outage_ends_open_and_says_what_never_came():
    assert outagebar.parts(row(healed=None))[-1] == {
        "until": "healed",
        "waiting": "repairing",
        "from": 12.002,
        "to": None,
    }
    assert len(outagebar.parts(row(noticed=None, decided=None, healed=None))) == 1
    assert "not healed by the end of the run" in words(charts.draw_outage(row(healed=None)).figure)


def test_the_axis_reaches_as_far_as_an_outage_was_watched_that_nobody_noticed():
    watched = row(noticed=None, decided=None, healed=None)
    watched["end"] = watched["fault"] + 100_000_000
    low, high = charts.draw_outage(watched).get_xlim()
    assert low == 0 and 100 <= high < 110


def test_what_is_lost_long_after_is_counted_and_not_drawn_beyond_the_axis():
    bar = row(healed=None) | {"fault": 0, "lost": [1_000_000, 500_000_000]}
    ax = charts.draw_outage([bar, row()])
    assert "2 requests lost" in words(ax.figure)
    crosses = [x for line in ax.lines if line.get_marker() == "x" for x in line.get_xdata()]
    assert crosses == [1.0]


def test_what_took_longest_is_bold():
    fig = charts.draw_outage([row(), row(noticed=1, decided=1.5, healed=9)]).figure
    bold = [
        text.get_text() for text in fig.findobj(lambda a: hasattr(a, "get_text")) if text.get_fontweight() == "bold"
    ]
    assert bold == ["noticed +12.0 s", "healed +7.50 s"]


def test_the_axis_is_logarithmic_only_when_spans_differ_much():
    assert charts.draw_outage([row(), row(healed=30.0)]).get_xscale() == "linear"
    assert charts.draw_outage([row(), row(noticed=0.001, decided=0.002, healed=0.03)]).get_xscale() == "log"


def test_the_labels_of_instants_never_cover_each_other():
    widths = [0.5, 1.4, 1.2, 1.2]
    centres = ink.spread([0.0, 4.0, 4.0, 4.001], widths, 8.0, 0.15)
    for n in range(3):
        assert centres[n] + widths[n] / 2 + 0.15 <= centres[n + 1] - widths[n + 1] / 2 + 1e-9
    assert ink.spread([7.9], [1.0], 8.0, 0.15) == [7.5]


def test_labels_above_go_a_line_up_when_there_is_no_room():
    assert ink.levels([0, 1, 5], [2, 2, 1], 0.1) == [1, 0, 0]


@pytest.mark.parametrize("guess", [None, ..., [...], []])
def test_an_untouched_guess_is_not_drawn(guess):
    ax = charts.draw_outage(row(), guesses=guess)
    assert "guess" not in ax.get_xlabel()


def test_guess_and_reference_are_on_the_axis():
    ax = charts.draw_outage(row(), guesses=30.0, references={"noticed": (9.0, 16.5)})
    assert ax.get_xlim()[1] > 30 and "guess" in ax.get_xlabel()
    assert "real engine: noticed" in words(ax.figure)


@pytest.mark.parametrize(("guess", "said"), [(300, "300 s →"), ("300", "300 s →")])
def test_a_guess_far_off_is_named_at_the_edge_and_leaves_room_for_the_bars(guess, said):
    ax = charts.draw_outage(row(), guesses=guess)
    assert said in words(ax.figure) and ax.get_xlim()[1] < 100


@pytest.mark.parametrize("guess", [None, ..., "soon", [3]])
def test_what_is_no_number_is_no_guess(guess):
    assert "guess" not in charts.draw_outage(row(), guesses=[guess]).get_xlabel()


def test_outages_are_told_with_their_numbers():
    bar = {"machine": "m", "title": "a worker dies", "fault": 0, "noticed": 9_000_000, "decided": 9_001_500}
    told = charts.tell_outage(
        [bar | {"healed": 15_000_000, "lost": 2}, bar | {"noticed": None, "decided": None, "healed": None}]
    )
    assert told == (
        "A worker dies: noticed after 9.0 s, decided 1.5 ms later, healed 6.0 s later; 2 requests lost. "
        "A worker dies: never noticed."
    )


def test_an_outage_may_have_its_own_words_for_a_wait():
    bar = {"machine": "m", "of": "task", "fault": 0, "noticed": 9_000_000, "decided": 12_000_000, "healed": 15_000_000}
    said = words(charts.draw_outage(bar | {"waiting": {"noticed": "no login failed yet"}}).figure)
    assert "no login failed yet" in said and "no manager knows" not in said and "deciding" in said


def test_lost_requests_are_those_sent_between_fault_and_healing(story, crashes):
    bar = outage(story, crashes[1])
    lost = charts.lost_requests(story, bar)
    failed = [record.fact.request for record in story.of(e.RequestFailed)]
    sent = [
        r.time for r in story.of(e.RequestSent) if r.fact.request in failed and bar["fault"] <= r.time <= bar["healed"]
    ]
    assert lost == sent and len(lost) > 1
    assert f"{len(lost)} requests lost" in words(charts.draw_outage(bar | {"lost": lost}).figure)


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0.0012, "1.2 ms"),
        (0.368, "368 ms"),
        (9.557, "9.56 s"),
        (17.76, "17.8 s"),
        (200, "3 min 20 s"),
        (86400, "24 h 0 min"),
    ],
)
def test_spans_are_said_as_people_say_them(seconds, text):
    assert ink.span(seconds) == text


# show, and what all figures have in common


@pytest.fixture
def shown(monkeypatch):
    import IPython.display

    calls = []
    monkeypatch.setattr(IPython.display, "display", lambda data, **options: calls.append((data, options)))
    return calls


def test_a_figure_without_words_is_refused(story, shown):
    for alt in ("", "a picture", " " * 30):
        with pytest.raises(ValueError, match="20 characters"):
            charts.show(charts.draw_tasks(story), alt)
    assert shown == []


def test_show_displays_one_png_and_prints_its_words(story, shown, capsys):
    alt = "worker-2 dies at 50 s; its two tasks begin again on worker-4."
    charts.show(charts.draw_tasks(story), alt)
    ((data, options),) = shown
    assert set(data) == {"image/png", "text/plain"} and data["text/plain"] == alt
    assert options["metadata"]["image/png"]["alt"] == alt
    assert capsys.readouterr() == (f"{alt}\n", "")


def test_show_closes_the_figure(story, shown):
    from matplotlib import pyplot

    pyplot.switch_backend("agg")
    fig, ax = pyplot.subplots()
    charts.show(charts.draw_tasks(story, ax), "the lanes of every task of the run")
    assert not pyplot.fignum_exists(fig.number)


def test_the_same_run_gives_the_same_bytes(story, crashes):
    def draw():
        return [
            ink.png(charts.draw_tasks(story).figure),
            ink.png(charts.draw_filmstrip(story, charts.key_instants(story, crashes[0]))),
            ink.png(charts.draw_outage([outage(story, crash) for crash in crashes]).figure),
        ]

    assert draw() == draw()


def test_all_text_is_large_enough_to_read_and_the_paper_is_white(story, crashes):
    for fig in (
        charts.draw_tasks(story).figure,
        charts.draw_filmstrip(story, [17, 51], lens="manager-2"),
        charts.draw_outage([outage(story, crash) for crash in crashes], guesses=3, references=9.5).figure,
    ):
        assert fig.get_facecolor() == (1, 1, 1, 1)
        assert all(
            text.get_fontsize() >= 9 for text in fig.findobj(lambda a: hasattr(a, "get_text")) if text.get_text()
        )


def test_five_services_stay_neutral_and_four_get_a_colour_each():
    assert ink.hues(list("abcde")) == {}
    assert len(set(ink.hues(list("abcd")).values())) == 4


def test_a_figure_is_found_behind_its_axes():
    fig = Figure()
    assert ink.figure_of(fig) is fig and ink.figure_of(fig.subplots()) is fig
    with pytest.raises(AttributeError):
        ink.figure_of(SimpleNamespace())
