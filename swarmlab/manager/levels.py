"""Placing many tasks at once, in Docker's own order: the same nodes as `placing.Group.walk`, found without a scan.

The best nodes are those without a task of the service, fewest tasks first: whole levels of the board. So the cost
follows the tasks that are placed, not the nodes that there are. A test holds it against the plain rule.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import chain, pairwise

from .places import Board, Place
from .placing import Group

Suits = Callable[[Place], bool] | None  # does it pass the filters? None: all available ones do


def place(group: Group) -> bool:
    """Place all tasks of the group; False, with nothing done, when every node has to be looked at after all."""
    board, wish, n = group.board, group.pipeline.wish, len(group.tasks)
    filters = [filter for filter in group.pipeline.filters if filter.name != "ready"]  # whoever has a level is ready

    def suits(place: Place) -> bool:
        return all(filter.passes(wish, place) for filter in filters)

    if not any(filter.wears for filter in filters):
        numbers = choose(board, group.tasks[0].service, n, suits if filters else None)
        group.settle(numbers)
        return bool(numbers)
    taken = fresh(board, wish.counts, n, suits)
    numbers = list(chain.from_iterable(found for _, found, _ in taken))
    if len(numbers) == n:
        climb(board, wish.counts, taken)
        group.settle(numbers)
        return True
    numbers += own(board, wish.counts, suits)
    if len(numbers) < n:
        return False  # some node gets several tasks, and may be full before it has them all
    group.walk([board.numbered[number] for number in numbers[:n]], n)
    return True


def choose(board: Board, service: str, n: int, suits: Suits = None) -> list[int]:
    """The nodes that n alike tasks get, in the order of the tasks, and already counted; none if no node suits.

    Only for tasks that reserve nothing: such a node suits as well after it has got some of them.
    """
    counts = board.counts_of(service)
    taken = fresh(board, counts, n, suits)
    numbers = taken[0][1] if len(taken) == 1 else list(chain.from_iterable(found for _, found, _ in taken))
    if len(numbers) == n:
        climb(board, counts, taken)
        return numbers
    order = (numbers + own(board, counts, suits))[:n]
    numbers = walk(board, counts, order, n) if order else []
    for number, more in Counter(numbers).items():
        board.count(board.numbered[number], service, more)
    return numbers


def fresh(board: Board, counts: Mapping, n: int, suits: Suits) -> list[tuple[int, list[int], list[int]]]:
    """The best n nodes without a task of the service, level by level: (level, those found, those passed over)."""
    taken = []
    for level in sorted(board.levels):
        if counts or suits:
            found, over = _sift(board, board.levels[level], counts, n, suits)
        else:
            found, over = board.levels[level][:n], []
        taken.append((level, found, over))
        n -= len(found)
        if not n:
            break
    return taken


def _sift(board: Board, numbers: list[int], counts: Mapping, n: int, suits: Suits) -> tuple[list[int], list[int]]:
    found: list[int] = []
    over: list[int] = []
    for number in numbers:
        if number in counts or (suits and not suits(board.numbered[number])):
            over.append(number)
        else:
            found.append(number)
            if len(found) == n:
                break
    return found, over


def climb(board: Board, counts: dict[int, int], taken: list[tuple[int, list[int], list[int]]]) -> None:
    """Each of the nodes that were found holds one more task, the first of its service."""
    places, levels = board.numbered, board.levels
    for level, found, over in reversed(taken):
        if not found:
            continue
        numbers = levels[level]
        numbers[: len(found) + len(over)] = over
        if not numbers:
            del levels[level]
        for number in found:
            places[number].tasks += 1
        counts.update(dict.fromkeys(found, 1))
        above = levels.setdefault(level + 1, [])
        in_order = not above or above[-1] < found[0]
        above += found
        if not in_order:
            above.sort()


def own(board: Board, counts: Mapping, suits: Suits) -> list[int]:
    """The nodes that hold tasks of the service already, best first."""
    places = board.numbered
    numbers = [number for number in counts if places[number].available and (not suits or suits(places[number]))]
    return sorted(numbers, key=lambda number: (counts[number], places[number].tasks, number))


def walk(board: Board, counts: Mapping, order: list[int], n: int) -> list[int]:
    """Docker's walk over nodes that are never full: climb past each as soon as the next is better, then go round."""
    places = board.numbered
    numbers: list[int] = []
    for number, after in pairwise(order):
        ahead = counts.get(after, 0) - counts.get(number, 0)
        turns = ahead if places[after].tasks < places[number].tasks + ahead else ahead + 1
        numbers += [number] * min(turns, n - len(numbers))
        if len(numbers) == n:
            return numbers
    rest = n - len(numbers) - 1
    return [*numbers, order[-1], *(order * (rest // len(order) + 1))[:rest]]
