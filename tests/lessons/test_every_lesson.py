"""What holds for the predictions and exercises of every lesson."""

from importlib import import_module

import nbformat
import pytest

from swarmlab.lessons import reveal

from .judging import said

LESSONS = [*(f"{number:02}" for number in range(16)), "14b", "15b"]
ROOMS = {number: import_module(f"swarmlab.lessons.lesson{number}") for number in LESSONS}
EXERCISES = [f"{number}.{name}" for number, room in ROOMS.items() for name in room.CHECKS]
PREDICTIONS = [f"{number}.{name}" for number, room in ROOMS.items() for name in room.PREDICTIONS]


@pytest.mark.parametrize("exercise", EXERCISES)
def test_an_untouched_exercise_is_not_attempted(capsys, exercise):
    assert said(capsys, exercise, ...) == "not attempted"


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_every_option_of_a_prediction_is_offered_and_has_an_answer_of_its_own(capsys, root, prediction):
    number, _, name = prediction.partition(".")
    answers = ROOMS[number].PREDICTIONS[name].answers
    told = []
    for option in answers:
        reveal(prediction, option)
        told.append(capsys.readouterr().out)
    assert len(set(told)) == len(told) and all(answer.count("\n") == 1 for answer in told)
    if number != "00":  # which has words of its own for who is right
        assert sum(text == "Yes." or text.startswith("Yes. ") for text in answers.values()) == 1
    (path,) = (root / "notebooks").glob(f"{number}_*.ipynb")
    before = "".join(cell.source for cell in nbformat.read(path, 4).cells).partition(f'reveal("{prediction}"')[0]
    questions = before.split("**Guess")[1 if number == "00" else -1 :]
    assert any(all(f'`"{option}"`' in question for option in answers) for question in questions)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_who_has_not_guessed_and_who_guessed_anything_hears_the_fact(capsys, prediction):
    number, _, name = prediction.partition(".")
    fact = ROOMS[number].PREDICTIONS[name].fact
    reveal(prediction)
    assert capsys.readouterr().out == fact + "\n"
    reveal(prediction, "nonsense")
    said = capsys.readouterr().out
    assert fact in said and said.count("\n") == 1
