"""The picture of a history: where its bars are, what they say, and that its words can be read."""

from itertools import combinations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from matplotlib.text import Text

from swarmlab.check.linearizability import Operation, judge
from swarmlab.viz import ink
from swarmlab.viz.history import bars, draw_history, says, tell_history


def put(client, value, invoked, returned=None):
    return Operation(client, "put", "x", value, None, invoked * 1000, returned and returned * 1000)


def get(client, output, invoked, returned=None):
    return Operation(client, "get", "x", None, output, invoked * 1000, returned and returned * 1000)


STALE = [
    put("client-1", 1, 0, 30),
    get("client-2", None, 5, 12),
    get("client-2", 1, 20, 40),
    put("client-1", 2, 45, 80),
    get("client-3", 1, 50, 62),
    get("client-3", 2, 66, 78),
    put("client-2", 3, 60),
    get("client-2", 2, 90, 104),
    get("client-3", 3, 100, 112),
    get("client-1", 3, 118, 126),
    get("client-2", 2, 122, 140),
    put("client-3", 4, 120, 150),
]
FINE = [*STALE[:-2], get("client-2", 3, 122, 140), STALE[-1]]


def words(ax):
    return [text.get_text() for text in ax.figure.findobj(lambda a: hasattr(a, "get_text")) if text.get_text()]


def boxes(ax):
    """The bars, left edge in ms → patch."""
    return {
        round(patch.get_x()): patch for patch in ax.patches if abs(patch.get_height()) < 1 and patch.get_zorder() > 1
    }


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (put("a", 3, 0, 1), "put x=3"),
        (put("a", 3, 0), "put x=3 → ?"),
        (get("a", 1, 0, 1), "get x → 1"),
        (get("a", None, 0, 1), "get x → nothing"),
        (get("a", None, 0), "get x → ?"),
        (("a", "append", "x", "b ", None, 0, 1), "append x+=b"),
        (("a", "cas", "x", (1, 2), True, 0, 1), "cas x: 1→2 ✓"),
        (("a", "cas", "x", (None, 2), False, 0, 1), "cas x: nothing→2 ✕"),
        (("a", "lock", "door", None, None, 0, 1), "lock door"),
        (get("a", "one two three four five", 0, 1), "get x → …three four five"),
    ],
)
def test_an_operation_is_said_in_few_words(row, said):
    assert says(row) == said


def test_plain_rows_and_plain_verdicts_are_enough():
    verdict = judge(STALE)
    plain = (verdict.ok, [(tuple(one), at) for one, at in verdict.order], "x", tuple(verdict.stuck), verdict.window)
    assert bars([tuple(one) for one in STALE], plain) == bars(STALE, verdict)
    assert draw_history([list(one) for one in STALE]).get_xlim() == draw_history(STALE, plain).get_xlim()


def test_every_client_has_a_row_and_an_unanswered_operation_one_below_it():
    ax = draw_history([get("c10", None, 0, 1), *(one._replace(client="c9") for one in STALE[6:8])])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["c9", "c10"]
    found = bars(STALE)
    assert {(bar.client, bar.says) for bar in found if bar.line} == {("client-2", "put x=3 → ?")}
    alone = bars([put("a", 1, 0, 5), put("a", 2, 7)])
    assert [bar.line for bar in alone] == [0, 0]


def test_bars_last_from_call_to_answer_and_without_one_to_the_edge():
    ax = draw_history(STALE)
    drawn = boxes(ax)
    assert drawn[45].get_width() == 35
    assert drawn[60].get_x() + drawn[60].get_width() == pytest.approx(ax.get_xlim()[1])
    assert drawn[60].get_linewidth() == 0  # its rim is dashed, above and below
    assert "simulated time, ms" in ax.get_xlabel() and "open end: no answer" in ax.get_xlabel()


def test_ticks_stand_where_operations_took_effect_with_their_numbers():
    verdict = judge(FINE)
    ax = draw_history(FINE, verdict)
    ticks = {lines.get_segments()[0][0][0] for lines in ax.collections if lines.get_linewidth()[0] == 3}
    assert ticks == {at / 1000 for _, at in verdict.order}
    assert {str(number) for number in range(1, len(verdict.order) + 1)} <= set(words(ax))


def test_what_fits_into_no_order_has_a_vermillion_rim_and_its_window_is_shaded():
    verdict = judge(STALE)
    ax = draw_history(STALE, verdict)
    wrong = [x for x, patch in boxes(ax).items() if same_color(patch.get_edgecolor(), ink.WRONG)]
    assert wrong == [122] and verdict.window == (122_000, 140_000)
    assert "no place in this window" in words(ax)
    assert any(patch.get_x() == 122 and patch.get_width() == 18 and patch.get_zorder() == 0 for patch in ax.patches)
    fine = draw_history(FINE, judge(FINE))
    assert not any(same_color(patch.get_edgecolor(), ink.WRONG) for patch in fine.patches)


def written(ax):
    """All words of the picture and where they are, in pixels."""
    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    texts = [text for text in ax.figure.findobj(Text) if text.get_text().strip()]
    places = [(text.get_text(), text.get_window_extent(canvas.get_renderer())) for text in texts]
    return [(text, place) for text, place in places if place.width > 1]  # not the labels that ticks have in reserve


@pytest.mark.parametrize("history", [STALE, FINE], ids=["wrong", "right"])
def test_the_words_of_a_dozen_operations_do_not_cover_each_other(history):
    for verdict in (judge(history), None):
        ax = draw_history(history, verdict)
        places = written(ax)
        assert [(a, b) for (a, one), (b, other) in combinations(places, 2) if one.overlaps(other)] == []
        page, said = ax.figure.bbox, [place for text, place in places if not text.lstrip("−").isdigit()]
        assert all(page.contains(one.x0, one.y0) and page.contains(one.x1, one.y1) for one in said)
        assert all(text.get_fontsize() >= 9 for text in ax.texts)


def test_it_is_told_in_words():
    assert tell_history(STALE, judge(STALE)) == (
        "12 operations of 3 clients, 1 without an answer. "
        "No order has a place for client-2's get x → 2 between 122 ms and 140 ms."
    )
    two = [put("a", 1, 0, 10), get("b", 1, 20, 30)]
    assert tell_history(two, judge(two)) == (
        "2 operations of 2 clients. An order that explains all answers: a put x=1, b get x → 1."
    )


def test_what_could_not_be_decided_and_nothing_at_all_can_be_drawn():
    draw_history([])
    draw_history([], judge([]))
    draw_history(STALE, (None, (), "x", None, None))
    draw_history([put("a", 1, 0, 0)], judge([put("a", 1, 0, 0)]))


def test_it_draws_on_the_axes_that_are_given_and_the_same_each_time():
    fig = Figure()
    ax = fig.subplots()
    assert draw_history(STALE, judge(STALE), ax) is ax
    assert ink.png(draw_history(STALE, judge(STALE)).figure) == ink.png(draw_history(STALE, judge(STALE)).figure)
