"""What one step of gossip asks for, and its dice: shared by the parts of the core."""

from collections.abc import Callable, Sequence
from typing import Any

from ..effects import Dice, Note, Save, Send


class Outbox:
    """Collects effects while a step lasts."""

    def __init__(self, machine: str, dice: Dice):
        self.machine, self.dice, self.now = machine, dice, 0
        self.salt = dice.getrandbits(32)  # of choices that depend on nothing but their number
        self.exchanges = 0  # how often it asked another for all it knows
        self.effects: list = []  # of the step that goes on
        self.has_facts = False  # some of them are facts

    def send(self, to: str, channel: str, message: Any, size: int = 0, coin: int = 0) -> None:
        self.effects.append(Send(to, channel, message, size, coin))

    def note(self, fact: Any) -> None:
        self.effects.append(Note(fact))
        self.has_facts = True

    def save(self, key: str, value: Any) -> None:
        self.effects.append(Save(key, value))

    def next_exchange(self) -> int:
        """A number for the next question."""
        self.exchanges += 1
        return self.exchanges

    # ── chance ──

    def draw(self, below: int) -> int:
        return int(self.dice.random() * below)

    def some(self, names: list[str], number: int, more: Sequence[str] = ()) -> list[str]:
        """Up to so many different ones of these, by chance."""
        total, known = len(names) + len(more), len(names)
        if total <= number:
            return self.shuffled([*names, *more]) if number > 1 else [*names, *more]
        chosen: dict[str, None] = {}
        while len(chosen) < number:
            place = int(self.dice.random() * total)
            chosen[names[place] if place < known else more[place - known]] = None
        return list(chosen)

    def some_that(self, names: list[str], number: int, suits: Callable[[str], bool]) -> list[str]:
        """The same of those that suit. Of many names a few draws find them; of few, a look at all."""
        if len(names) < 3 * number:
            return [name for name in self.shuffled(names) if suits(name)][:number]
        chosen: dict[str, None] = {}
        for _ in range(3 * len(names)):
            name = names[self.draw(len(names))]
            if suits(name):
                chosen[name] = None
                if len(chosen) == number:
                    break
        return list(chosen)

    def shuffled(self, names: list[str]) -> list[str]:
        """A copy in random order [Fisher and Yates]."""
        names, chance = list(names), self.dice.random
        for last in range(len(names) - 1, 0, -1):
            other = int(chance() * (last + 1))
            names[last], names[other] = names[other], names[last]
        return names

    def pick(self, names: list[str], number: int) -> str:
        """One of these: the same number, the same choice. So choices that are left out need not be made up for."""
        mixed = (self.salt + number) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
        mixed = (mixed ^ mixed >> 31) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
        return names[(mixed >> 32) * len(names) >> 32]


def next_tick(time: int, phase: int, period: int) -> int:
    """The next instant, from `time` on, at which a clock of this phase ticks."""
    return time + (phase - time) % period


def tick_after(time: int, phase: int, period: int) -> int:
    """The same, but later than `time`."""
    return time + period - (time - phase) % period
