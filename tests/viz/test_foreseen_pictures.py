"""A plan beside the run: the same blocks above and below each other, and the learner's guess through both."""

from typing import Any, NamedTuple

from swarmlab.viz import ink
from swarmlab.viz.foreseen import draw_foreseen, tell_foreseen

from .test_update_pictures import updated


class Stage(NamedTuple):
    time: float
    state: str


class Sums(NamedTuple):
    slots: int = 2
    workers: int = 1
    swap: float = 3.0
    delay: float = 10.0
    watch: float = 11.0
    duration: float | None = 37.0
    fewest_running: int = 1


class Plan(NamedTuple):
    service: str = "web"
    stages: tuple = (Stage(0, "updating"), Stage(37, "completed"))
    ends: str = "completed"
    duration: float | None = 37.0
    fewest_running: int = 1
    forecast: Any = Sums()


def words(drawn):
    return [text.get_text() for text in ink.figure_of(drawn).findobj(lambda a: hasattr(a, "get_text"))]


def test_sums_plan_and_run_stand_under_each_other_with_their_times():
    said = words(draw_foreseen(Plan(), updated()))
    assert {"by the sums", "the plan", "what came", "its workers"} <= set(said)
    assert "completed 37.0 s · least 1 run" in said and "completed 39.0 s · least 1 run" in said
    assert said.count("last watch") == 2 and said.count("rest") == 4


def test_a_guess_that_is_no_number_is_left_out():
    assert "the guess: 30.0 s" in words(draw_foreseen(Plan(), updated(), guess=30))
    assert not any("guess" in text for text in words(draw_foreseen(Plan(), updated(), guess=...)))


def test_a_plan_without_sums_and_one_that_hangs_are_told():
    hangs = Plan(stages=(Stage(0, "updating"),), ends="hangs", duration=None, forecast=None)
    assert "by the sums" not in words(draw_foreseen(hangs, updated()))
    assert tell_foreseen(hangs, updated()) == "The plan: hangs, least 1 run; what came: completed 39.0 s, least 1 run."


def test_foreseen_in_words():
    assert tell_foreseen(Plan(), updated(), guess=30) == (
        "The sums foresee 37.0 s; the plan: completed 37.0 s, least 1 run; what came: completed 39.0 s, least 1 run; "
        "the guess was 30.0 s."
    )
