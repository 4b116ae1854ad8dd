"""Many runs in one picture: where each dot stands, what is said beside it, and that no words cover others."""

from itertools import combinations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from swarmlab.viz import dots, ink

MS = 1_000


def runs(count=200, low=150, width=150, never=0, first=0):
    """Runs as a trial gives them: most need one term, every tenth a second one, and the last ones find no leader."""
    found = [
        (first + n, (low + (n * 37) % width + (low + 20) * (n % 10 == 9)) * MS, 1 + (n % 10 == 9)) for n in range(count)
    ]
    return found[: count - never] + [(first + count + n, None, 30) for n in range(never)]


def words(ax):
    return [text.get_text() for text in ax.figure.findobj(lambda a: hasattr(a, "get_text")) if text.get_text()]


def boxes(ax):
    """Every text that is drawn, with the rectangle it takes in pixels."""
    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    texts = [text for text in ax.figure.findobj(Text) if text.get_text()]
    places = {(text.get_text(), n): text.get_window_extent(canvas.get_renderer()) for n, text in enumerate(texts)}
    return {text: box for text, box in places.items() if box.width > 1}  # not the labels that ticks have in reserve


def markers(ax, style):
    """The places of all dots of this style."""
    (line, *more) = [line for line in ax.lines if all(line.properties()[key] == value for key, value in style.items())]
    return [spot for one in (line, *more) for spot in zip(one.get_xdata(), one.get_ydata(), strict=True)]


def filled(ax):
    return markers(ax, {"marker": "o", "markerfacecolor": ink.CONTROL})


def hollow(ax):
    return markers(ax, {"marker": "o", "markerfacecolor": ink.PAPER})


MANY = {
    "150–150 ms": runs(20, never=20),
    "150–155 ms": runs(200, 150, 700),
    "150–175 ms": runs(200, 150, 25),
    "150–200 ms\nand much else": runs(200, 150, 50, never=3),
    "150–300 ms": runs(200, 150, 150),
    "12–24 ms": runs(200, 12, 12),
}
PICTURES = [
    (runs(), {}),
    (runs(), {"span": (0.01, 10), "guess": 0.5, "mark": 199}),
    (runs(never=200), {"guess": "3"}),
    (MANY, {"references": {"150–155 ms": 0.287}, "guess": 100}),
    ({"low": runs(300, 300, 80), "lower": runs(300, 300, 90), "lowest": runs(300, 300, 100)}, {"mark": 3}),
    ({"near": runs(1000, 9_000, 10_000), "far": runs(1000, 10_000, 3)}, {}),
]


def test_every_run_has_one_dot_and_those_with_more_terms_are_hollow():
    ax = dots.draw_dots(runs(200))
    assert (len(filled(ax)), len(hollow(ax))) == (180, 20)


def test_a_dot_stands_at_its_time_and_on_its_own_place():
    found = runs(200)
    ax = dots.draw_dots(found)
    spots = sorted(filled(ax) + hollow(ax))
    assert len({(round(x, 6), round(y, 6)) for x, y in spots}) == len(spots)
    wide = ink.inches(ax)[0]
    for (x, _), time in zip(spots, sorted(time / 1e6 for _, time, _ in found), strict=True):
        assert abs(dots._place(ax, x) - dots._place(ax, time)) < 0.05 < wide


def test_runs_without_a_leader_are_crosses_at_the_edge_and_counted():
    ax = dots.draw_dots(runs(20, never=8))
    crosses = markers(ax, {"marker": "x"})
    assert {x for x, _ in crosses} == {ax.get_xlim()[1]} and len(crosses) == 8
    assert "✕ 8 of 20: no leader" in words(ax)
    assert len(markers(dots.draw_dots(runs(20, never=20)), {"marker": "x"})) <= 20


def test_half_and_nine_of_ten_count_those_that_never_end():
    (curve,) = dots.curves_of([(n, (n + 1) * 100 * MS, 1) for n in range(8)] + [(8, None, 9), (9, None, 9)])
    assert (curve.by(0.5), curve.by(0.8), curve.by(0.9)) == (0.5, 0.8, float("inf"))
    said = words(dots.draw_dots(runs(10, never=2)))
    assert not any("9 of 10 within" in text for text in said)


def test_the_curve_is_a_step_per_run():
    ax = dots.draw_dots([(0, 100 * MS, 1), (1, 200 * MS, 1), (2, 400 * MS, 2), (3, None, 9)])
    (curve,) = [line for line in ax.lines if line.get_drawstyle() == "steps-post"]
    times, heights = curve.get_xdata(), curve.get_ydata()
    assert list(times[1:-1]) == [0.1, 0.2, 0.4]
    assert [height / dots.CURVES for height in heights] == pytest.approx([0, 0.25, 0.5, 0.75, 0.75])


def test_curves_are_told_apart_without_colour():
    ax = dots.draw_dots(MANY)
    curves = [line for line in ax.lines if line.get_drawstyle() == "steps-post"]
    assert len({line._unscaled_dash_pattern[1] for line in curves}) == len(MANY)
    assert {line.get_color() for line in curves} == {ink.CONTROL}
    said = words(ax)
    assert all(said.count(letter) == 2 for letter in "BCDEF") and said.count("A") == 1  # A never leaves the ground
    assert not set("ABC") & set(words(dots.draw_dots(runs())))


@pytest.mark.parametrize("found, options", PICTURES)
def test_no_words_cover_each_other_or_leave_the_paper(found, options):
    ax = dots.draw_dots(found, **options)
    places = boxes(ax)
    paper = ax.figure.bbox
    for (text, _), box in places.items():
        assert box.x0 >= paper.x0 and box.x1 <= paper.x1 and box.y0 >= paper.y0 and box.y1 <= paper.y1, text
    for ((one, _), a), ((other, _), b) in combinations(places.items(), 2):
        assert not a.overlaps(b), (one, other)


@pytest.mark.parametrize("found, options", PICTURES)
def test_all_text_can_be_read_and_the_paper_is_white(found, options):
    fig = dots.draw_dots(found, **options).figure
    assert fig.get_facecolor() == (1, 1, 1, 1)
    assert all(text.get_fontsize() >= 9 for text in fig.findobj(lambda a: hasattr(a, "get_text")) if text.get_text())


def test_published_numbers_and_the_guess_stand_beside():
    ax = dots.draw_dots({"150–155 ms": runs()}, references={"150–155 ms": 0.287}, guess="0.3")
    assert markers(ax, {"marker": "D"})[0][0] == 0.287 and markers(ax, {"marker": "v"})[0][0] == 0.3
    assert "◇ published: half within 287 ms" in words(ax) and "▽ the guess" in ax.get_xlabel()


@pytest.mark.parametrize("guess", [None, ..., "soon", "", -1, 0, float("inf"), float("nan"), [3]])
def test_what_is_no_length_of_time_is_no_guess(guess):
    assert "guess" not in dots.draw_dots(runs(10), guess=guess).get_xlabel()


def test_a_guess_far_off_stays_on_the_paper():
    ax = dots.draw_dots(runs(10), span=(0.1, 1), guess=1000)
    assert ax.get_xlim() == (0.1, 1) and 0.9 < markers(ax, {"marker": "v"})[0][0] < 1


def test_one_run_can_be_pointed_out_by_its_seed():
    ax = dots.draw_dots(runs(50), mark=9)
    ((x, y),) = markers(ax, {"marker": "o", "markersize": 11})
    assert (x, y) in hollow(ax) and "seed 9: 353 ms" in words(ax)
    assert not any("seed" in text for text in words(dots.draw_dots(runs(50), mark=777)))


def test_the_same_axis_for_all_positions_of_a_knob():
    for found in (runs(20), runs(20, 2000, 9000), runs(5, never=5)):
        assert dots.draw_dots(found, span=(0.01, 10)).get_xlim() == (0.01, 10)


def test_the_picture_in_words():
    assert dots.tell_dots([(0, 100 * MS, 1), (1, 250 * MS, 2)]) == (
        "2 runs, half have a leader within 100 ms, 9 of 10 within 250 ms, all within 250 ms; 1 needed more than one term."
    )
    assert (
        dots.tell_dots({"a\nb": [(0, None, 7)]}) == "a b: 1 run, 1 without one in the end; 1 needed more than one term."
    )


def test_it_draws_on_given_axes_and_the_same_bytes():
    ax = Figure(figsize=(10, 5)).subplots()
    assert dots.draw_dots(runs(20), ax) is ax
    assert ink.png(dots.draw_dots(MANY).figure) == ink.png(dots.draw_dots(MANY).figure)


def test_nothing_and_too_much_are_refused():
    for nothing in ([], {}, {"a": []}):
        with pytest.raises(ValueError, match="no runs"):
            dots.draw_dots(nothing)
    with pytest.raises(ValueError, match="7 curves in one picture: no more than 6"):
        dots.draw_dots({str(n): runs(3) for n in range(7)})
