"""What lessons need besides the engine: predictions that answer back, exercises that check themselves, source to read.

reveal("00.1", guess)        one line that answers this very guess
check("00.build", healed)    one line: not attempted · correct · not yet, because …
counterexample("00.build")   the run in which an answer failed, to be opened in the player
source(spread)               a piece of the engine, to be read
"""

from importlib import import_module
from inspect import getsource
from types import ModuleType
from typing import Any, NamedTuple


class Prediction(NamedTuple):
    """A question before a scene. Every wrong option is a common misconception, and has its own answer."""

    fact: str  # what is so; said whatever was guessed
    answers: dict[str, str]  # option → what to look at, said to who chose it


class Verdict(NamedTuple):
    """What a check found. `run` is a cluster in which the answer failed."""

    correct: bool
    text: str = ""
    run: Any = None


CORRECT = Verdict(True)

_failed: dict[str, Any] = {}  # exercise → the run in which the last answer failed


def reveal(name: str, guess: Any = ...) -> None:
    """Print what is so, after an answer to the guess. Predictions are never scored."""
    prediction = _lesson(name).PREDICTIONS[_part(name)]
    if guess is ...:
        print(prediction.fact)
    elif str(guess).strip().lower() in prediction.answers:
        print(f"{prediction.answers[str(guess).strip().lower()]} {prediction.fact}")
    else:
        print(f"{guess!r} is none of {', '.join(prediction.answers)}. {prediction.fact}")


def check(name: str, answer: Any = ...) -> None:
    """Print whether the answer to an exercise is right. It is run over seeds that nobody has seen, and never raises."""
    _failed.pop(name, None)
    if answer is ...:
        print("not attempted")
        return
    verdict = _judge(_lesson(name).CHECKS[_part(name)], answer)
    if verdict.correct:
        print(f"correct. {verdict.text}" if verdict.text else "correct")
        return
    how = f' See it: swarmlab.lessons.counterexample("{name}")' if verdict.run is not None else ""
    _failed[name] = verdict.run
    print(f"not yet: {verdict.text}{how}")


def counterexample(name: str) -> Any:
    """The run in which the last answer to this exercise failed."""
    run = _failed.get(name)
    if run is None:
        raise ValueError(f"there is no run to show for {name}: check an answer first")
    return run


def source(thing: Any) -> None:
    """Print the source of a function, class or room of the engine."""
    print(getsource(thing).rstrip())


def _judge(judge: Any, answer: Any) -> Verdict:
    from contextlib import redirect_stdout
    from io import StringIO

    try:
        with redirect_stdout(StringIO()):  # what a learner's function prints, twenty times over
            return judge(answer)
    except (Exception, SystemExit) as error:  # it may do anything; the notebook must go on
        return Verdict(False, " ".join(f"it raised {type(error).__name__}: {error}".split()))


def _lesson(name: str) -> ModuleType:
    return import_module(f"swarmlab.lessons.lesson{name.partition('.')[0]}")


def _part(name: str) -> str:
    return name.partition(".")[2]


__all__ = ["check", "counterexample", "reveal", "source"]
