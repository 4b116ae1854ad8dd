"""The linearizability checker: 1 700 operations of 50 clients, as one machine answers them, and with one stale read."""

from itertools import count
from random import Random
from time import process_time

from swarmlab.check.linearizability import Operation, judge, register

from .measure import Figure

CLIENTS, EACH, SEEDS = 50, 34, range(5)


def history(seed: int, keys: int, kinds: tuple[str, ...]) -> list[Operation]:
    """Clients that ask one after the other, nearly always waiting for an answer; one in fifty never comes."""
    dice, store, written, operations = Random(seed), {}, count(), []
    for moment, client, invoked, returned in sorted(windows(dice)):
        kind, key = dice.choice(kinds), f"k{dice.randrange(keys)}"
        value = None if kind == "get" else f"{next(written)} "
        found, lost = store.get(key), dice.random() < 0.02
        if kind != "get" and not (lost and moment % 2):
            store[key] = value if kind == "put" else (found or "") + value
        answer = (None, None) if lost else (found if kind == "get" else None, returned)
        operations.append(Operation(f"c{client}", kind, key, value, answer[0], invoked, answer[1]))
    return operations


def windows(dice: Random) -> list[tuple[int, int, int, int]]:
    """(when it takes effect, client, when it is asked for, when it is answered)"""
    found = []
    for client in range(CLIENTS):
        now = dice.randrange(1_000)
        for _ in range(EACH):
            asked = now + dice.randrange(1, 200)
            moment = asked + dice.randrange(1, 400)
            now = moment + dice.randrange(1, 400)
            found.append((moment, client, asked, now))
    return found


def stale(operations: list[Operation]) -> list[Operation]:
    """The same with one late answer that is long out of date."""
    for n in range(len(operations) * 9 // 10, len(operations)):
        read = operations[n]
        puts = [one for one in operations[: n // 2] if one.kind == "put" and one.key == read.key and one.returned]
        if read.kind == "get" and read.returned and len(puts) > 1 and puts[0].returned < puts[-1].invoked:
            return [*operations[:n], read._replace(output=puts[0].value), *operations[n + 1 :]]
    raise ValueError("no get near the end whose answer could be out of date")


def judged(histories: list[list[Operation]], expected: bool, model=register) -> tuple[float, int]:
    """The most CPU seconds that one of these took, and how many of them got the expected verdict."""
    worst, right = 0.0, 0
    for operations in histories:
        start = process_time()
        verdict = judge(operations, model)
        worst = max(worst, process_time() - start)
        right += verdict.ok is expected
    return worst, right


def plain(state, operation):
    """The same model, but the search does not know that it is a register."""
    return register(state, operation)


def figures() -> list[Figure]:
    store = [history(seed, 10, ("put", "append", "append", "get", "get")) for seed in SEEDS]
    one_key = [history(seed, 1, ("put", "get")) for seed in SEEDS]
    found = []
    for where, histories in (("10 keys", store), ("one register", one_key)):
        for what, some, expected in (("", histories, True), (", a stale read", [stale(h) for h in histories], False)):
            worst, right = judged(some, expected)
            told = f"worst of {len(some)}, {right} judged right"
            if histories is store:
                slow, right = judged(some, expected, plain)
                told += f"; no look-ahead: {slow:.2f} s, {right} right"
            found.append(Figure(f"1,700 operations, {where}{what}", worst, "CPU s", 1, 1, False, told))
    return found
