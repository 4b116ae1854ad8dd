"""The page of all outages: one logarithmic axis, a bar per fault, what never came stays open (course.md §1, lesson 15)."""

import pytest

from swarmlab.viz import charts, outagepage
from swarmlab.viz.outagebar import STYLES

S = 1_000_000
DIES = {"title": "a worker dies", "fault": 5 * S, "noticed": 16 * S, "decided": 16 * S, "healed": 21 * S}
DIES |= {"lost": [6 * S, 7 * S], "real": {"noticed": (9, 16.5)}}
HANGS = {"title": "it hangs", "fault": 5 * S, "noticed": None, "decided": None, "healed": None, "lost": 7}
WAITS = {"title": "no quorum", "fault": 0, "noticed": 20 * S, "decided": 1800 * S, "healed": 1801 * S, "real": 20}


def words(ax):
    texts = ax.figure.findobj(lambda artist: hasattr(artist, "get_text"))
    return "\n".join(text.get_text() for text in texts)


def filled(ax, line):
    """(until what, from, to) of the segments of a bar."""
    names = {style["facecolor"]: name for name, style in STYLES.items()}
    boxes = [p for p in ax.patches if p.get_clip_on() and line < p.get_y() < line + 1]
    from matplotlib.colors import to_hex

    return [(names[to_hex(p.get_facecolor())], p.get_x(), p.get_x() + p.get_width()) for p in boxes]


def test_all_bars_share_one_logarithmic_axis_from_a_millisecond_to_a_day():
    ax = charts.draw_outages([DIES, HANGS, WAITS])
    assert ax.get_xscale() == "log" and ax.get_xlim() == (0.001, 86_400)
    assert filled(ax, 0) == [("noticed", 0.001, 11), ("healed", 11, 16)]
    assert filled(ax, 2) == [("noticed", 0.001, 20), ("decided", 20, 1800), ("healed", 1800, 1801)]


def test_what_nobody_notices_stays_open_to_the_end_of_the_axis():
    ax = charts.draw_outages([DIES, HANGS])
    assert filled(ax, 1) == [("noticed", 0.001, 86_400)]
    assert "not healed" in words(ax)


def test_a_bar_has_its_requests_lost_and_the_real_engines_figure_beside_it():
    said = words(charts.draw_outages([DIES, HANGS, WAITS])).splitlines()
    assert {"16.0 s", "2", "7", "noticed 9–16.5 s", "20 s"} <= set(said)
    assert outagepage.real_of({"real": {"noticed": (212.2, 302.2)}}) == "noticed 3.54–5.04 min"


@pytest.mark.parametrize(
    ("guess", "drawn"), [(12, [12]), ("12", [12]), (1e9, [86_400]), (0, [0.001]), (None, []), (..., [])]
)
def test_a_guess_is_a_hollow_triangle_on_the_axis(guess, drawn):
    ax = charts.draw_outages([DIES, HANGS], guesses=[guess])
    assert [x for line in ax.lines if line.get_marker() == "v" for x in line.get_xdata()] == drawn
    assert ("the guess" in words(ax)) == bool(drawn)


def test_what_was_lost_of_an_outage_that_did_not_end_says_in_which_time():
    """It is no figure to compare with those of outages that healed."""
    ended, lasts = DIES | {"end": 65 * S}, HANGS | {"end": 65 * S}
    said = words(charts.draw_outages([ended, lasts, HANGS | {"lost": []}]))
    assert {"2", "7 in 60 s", "0"} <= set(said.splitlines()) and "lost so far" in said
    assert list(charts.outage_table([ended, lasts])["lost"]) == [2, "7 in 60 s"]


def test_where_the_real_engine_has_no_figure_there_are_words():
    never, none = HANGS | {"real": "never noticed"}, HANGS | {"no_figure": "one's own wait"}
    ax = charts.draw_outages([never, none])
    assert "never noticed" in words(ax) and not [line for line in ax.lines if line.get_marker() == "|"]
    assert list(charts.outage_table([never, none])["real engine"]) == ["never noticed", "none: one's own wait"]
    assert outagepage.real_of({"real": {"healed": (86_409, 86_416)}}) == "healed 24 h"


def test_no_two_texts_of_the_page_cover_each_other():
    wide = {"title": "a title of thirty characters, so", "real": {"noticed": (212.2, 302.2)}}
    long = {"lost": 8_888, "end": 90 * S}
    ax = charts.draw_outages([DIES | wide, HANGS | long, WAITS], guesses=[1, 2, 3])
    fig = ax.figure
    fig.draw_without_rendering()
    texts = [t for t in fig.findobj(lambda a: hasattr(a, "get_text")) if t.get_text().strip() and t.get_visible()]
    boxes = [(t.get_text(), t.get_window_extent()) for t in texts]
    assert all(0 <= box.x0 and box.x1 <= fig.bbox.width for _, box in boxes)
    clash = [(a, b) for n, (a, one) in enumerate(boxes) for b, two in boxes[:n] if one.overlaps(two)]
    assert clash == []


def test_the_table_holds_what_the_picture_shows():
    table = charts.outage_table([DIES, HANGS, WAITS], [30])
    assert list(table.loc["a worker dies"]) == [11.0, 11.0, 16.0, 2, "noticed 9–16.5 s", 30]
    assert list(table.loc["it hangs"]) == [None, None, None, 7, "", None]


def test_the_words_name_the_soonest_the_slowest_and_what_never_healed():
    said = charts.tell_outages([DIES, HANGS, WAITS], [..., 60])
    assert "soonest: a worker dies, after 16.0 s; slowest: no quorum, after 30 min 1 s" in said
    assert "Not healed by the end of the run: it hangs." in said and "Guessed: it hangs, 60 s." in said
