"""The linearizability checker: histories with a known verdict, brute force over all orders, and bugs planted in it."""

from itertools import combinations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmlab.check.linearizability import Operation, _Search, judge, key_value, register
from swarmlab.check.register import Wants

NEVER = 10**9
HISTORIES = 400  # seeds for which the checker is compared with brute force


def put(client, value, invoked, returned=None, key="x"):
    return Operation(client, "put", key, value, None, invoked, returned)


def get(client, output, invoked, returned=None, key="x"):
    return Operation(client, "get", key, None, output, invoked, returned)


def append(client, value, invoked, returned=None, key="x"):
    return Operation(client, "append", key, value, None, invoked, returned)


def cas(client, expected, new, output, invoked, returned=None, key="x"):
    return Operation(client, "cas", key, (expected, new), output, invoked, returned)


def plain(state, operation):
    """The same as `register`, but the search does not know it: it goes without what is special about registers."""
    return register(state, operation)


# ── histories with a known verdict ───────────────────────────────────────────────────────────────────────────────

SENSE = {
    "nothing happened": [],
    "a get of what nobody wrote finds nothing": [get("a", None, 0, 1)],
    "one after the other": [put("a", 1, 0, 10), get("b", 1, 20, 30)],
    "a get during a put finds the old value": [put("a", 1, 0, 10), put("a", 2, 20, 50), get("b", 1, 30, 40)],
    "a get during a put finds the new value": [put("a", 1, 0, 10), put("a", 2, 20, 50), get("b", 2, 30, 40)],
    "two puts at once, in the order of their calls": [put("a", 1, 0, 10), put("b", 2, 1, 9), get("c", 2, 20, 30)],
    "two puts at once, in the other order": [put("a", 1, 0, 10), put("b", 2, 1, 9), get("c", 1, 20, 30)],
    "a put of what is there already may wait": [
        put("a", 1, 0, 10),
        put("b", 1, 5, 40),
        put("a", 2, 20, 50),
        get("c", 1, 60, 70),
    ],
    "touching operations may be in either order": [put("a", 1, 0, 10), get("b", None, 10, 20)],
    "a put without an answer never happens": [put("a", 1, 0), get("b", None, 10, 20), get("b", None, 30, 40)],
    "a put without an answer shows up later": [put("a", 1, 0), get("b", None, 10, 20), get("b", 1, 30, 40)],
    "a put without an answer overwrites another": [
        put("a", 1, 0),
        put("b", 2, 10, 20),
        get("b", 2, 30, 40),
        get("b", 1, 50, 60),
    ],
    "a client that gave up goes on": [put("a", 1, 0), put("a", 2, 5, 10), get("a", 1, 20, 30)],
    "a get without an answer may have found anything": [put("a", 1, 0, 10), get("b", 7, 20)],
    "appends at once, in the other order": [append("a", "a", 0, 10), append("b", "b", 1, 9), get("c", "ba", 20, 30)],
    "an append without an answer": [append("a", "a", 0), append("b", "b", 1, 9), get("c", "ba", 20, 30)],
    "one of two swaps": [put("a", 1, 0, 1), cas("a", 1, 2, True, 5, 10), cas("b", 1, 3, False, 5, 10)],
    "a swap without an answer": [put("a", 1, 0, 1), cas("a", 1, 2, None, 5), get("b", 2, 10, 20), get("b", 2, 30, 40)],
}

# What nobody can explain, and the number of the operation with whose answer it becomes so.
NONSENSE = {
    "a get finds what nobody wrote": ([put("a", 1, 0, 10), get("b", 7, 20, 30)], 1),
    "a get finds nothing after a put": ([put("a", 1, 0, 10), get("b", None, 20, 30)], 1),
    "a stale read": ([put("a", 1, 0, 10), put("a", 2, 20, 30), get("b", 1, 40, 50)], 2),
    "a client does not see its own write, even if it asks at once": ([put("a", 1, 0, 10), get("a", None, 10, 20)], 1),
    "a get before the put was called": ([get("b", 1, 0, 5), put("a", 1, 10, 20)], 0),
    "new and then old": (
        [put("a", 1, 0, 10), put("a", 2, 20, 90), get("b", 2, 30, 40), get("c", 1, 50, 60)],
        3,
    ),
    "a lost update": (
        [put("a", 1, 0, 1), cas("a", 1, 2, True, 5, 10), cas("b", 1, 3, True, 6, 12), get("c", 3, 20, 30)],
        2,
    ),
    "a lost append": ([append("a", "a", 0, 10), append("b", "b", 1, 9), get("c", "b", 20, 30)], 2),
    "an unanswered put cannot be undone": ([put("a", 1, 0), get("b", 1, 10, 20), get("b", None, 30, 40)], 2),
    "an unanswered put cannot show up before its call": ([get("b", 1, 0, 5), put("a", 1, 10)], 0),
    "two see two puts in different orders": (
        [
            put("a", 1, 0, 100),
            put("b", 2, 0, 100),
            get("c", 1, 10, 20),
            get("d", 2, 30, 40),
            get("c", 1, 50, 60),
        ],
        4,
    ),
    "a swap of what is not there": ([put("a", 1, 0, 1), cas("b", 5, 6, True, 10, 20)], 1),
    "no swap of what is there": ([put("a", 1, 0, 1), cas("b", 1, 6, False, 10, 20)], 1),
}


@pytest.mark.parametrize("model", [register, plain])
@pytest.mark.parametrize("history", SENSE.values(), ids=SENSE)
def test_what_can_be_explained_is_accepted(history, model):
    verdict = judge(history, model)
    assert verdict.ok and explains(verdict.order, history)


@pytest.mark.parametrize("model", [register, plain])
@pytest.mark.parametrize(("history", "stuck"), NONSENSE.values(), ids=NONSENSE)
def test_what_cannot_be_explained_is_refused_with_the_answer_that_tells(history, stuck, model):
    verdict = judge(history, model)
    assert not verdict.ok and verdict.key == "x"
    assert verdict.stuck == history[stuck]
    assert verdict.window == (history[stuck].invoked, history[stuck].returned)
    assert explains(verdict.order, before(history, verdict.stuck))


def test_a_violation_is_told_with_all_that_could_be_explained_before_it():
    history = [put("a", 1, 0, 10), put("a", 2, 20, 30), get("b", 1, 40, 50), get("b", 2, 60, 70)]
    verdict = judge(history)
    assert [(placed.operation.value, placed.at) for placed in verdict.order] == [(1, 5), (2, 25)]
    assert str(verdict) == "not linearizable: no order has a place for “b: get x → 1” between 0.00004 s and 0.00005 s"


def test_an_unanswered_operation_is_placed_only_where_somebody_saw_it():
    unseen, seen = put("a", 1, 0), put("b", 2, 1)
    verdict = judge([unseen, seen, get("c", None, 10, 20), get("c", 2, 30, 40)])
    assert unseen not in [placed.operation for placed in verdict.order]
    assert seen in [placed.operation for placed in verdict.order]
    assert str(verdict) == "linearizable: an order explains all answers (3 operations)"


def test_each_key_is_judged_alone():
    history = [put("a", 1, 0, 10, "x"), put("a", 2, 20, 30, "y"), get("b", 1, 40, 50, "x"), get("b", 1, 60, 70, "y")]
    verdict = judge(history)
    assert (verdict.ok, verdict.key, verdict.stuck) == (False, "y", history[3])
    assert [placed.operation for placed in verdict.order] == [history[1]]


def test_any_model_can_be_judged():
    """A lock: who holds it; it is given to one at a time."""

    def lock(holder, operation):
        if operation.kind == "lock":
            return holder is None, operation.client
        return holder == operation.client, None

    first = [Operation("a", "lock", "l", invoked=0, returned=5), Operation("a", "unlock", "l", invoked=9, returned=12)]
    assert judge([*first, Operation("b", "lock", "l", invoked=1, returned=11)], lock).ok
    verdict = judge([*first, Operation("b", "lock", "l", invoked=1, returned=8)], lock)
    assert not verdict.ok and verdict.stuck.client == "b"


# ── what is no history ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("history", "words"),
    [
        ([put("a", 1, 10, 5)], "a: put x=1: returned at 5 µs, before it was invoked at 10 µs"),
        (
            [put("a", 1, 0, 10), get("a", 1, 9, 12)],
            "a: get x → 1: invoked at 9 µs, while “a: put x=1” lasts until 10 µs",
        ),
        ([Operation("a", "burn", "x")], "a: burn x: cannot be judged: its kind is none of put, get, append, cas"),
        ([put("a", 1, 0.5, 1.5)], "a: put x=1: times are whole microseconds, not 0.5 and 1.5"),
        ([put("a", [1], 0, 1)], "a: put x=[1]: cannot be judged: unhashable type: 'list'"),
    ],
)
def test_what_is_no_history_gets_one_clear_line(history, words):
    with pytest.raises(ValueError) as refusal:
        judge(history)
    assert str(refusal.value) == words


def test_a_search_that_is_too_long_is_given_up():
    dice = Random(1)
    crowd = [put(f"p{n}", dice.randrange(9), 0, 100) for n in range(30)]
    verdict = judge([*crowd, get("c", 99, 200, 300)], plain, tries=10_000)
    assert verdict.ok is None and str(verdict) == "undecided: too many orders to try for key x"


# ── brute force ──────────────────────────────────────────────────────────────────────────────────────────────────


def precedes(one, other):
    """Whether one was over before the other began."""
    if one.returned is None:
        return False
    first = (one.invoked, one.returned) < (other.invoked, other.returned or NEVER)
    own = one[0] == other[0] and one.key == other.key and first
    return one.returned < other.invoked or (own and one.returned == other.invoked)


def follow(store, one):
    """What one machine does with an operation, and what it answers."""
    found = store.get(one.key)
    if one.kind == "get":
        return found
    if one.kind == "cas" and found != one.value[0]:
        return False
    store[one.key] = f"{found or ''}{one.value}" if one.kind == "append" else one.value
    if one.kind == "cas":
        store[one.key] = one.value[1]
        return True
    return None


def legal(order):
    """Whether one machine that does this in order gives these answers."""
    store = {}
    answers = [follow(store, one) for one in order]
    return all(one.returned is None or one.output == answer for one, answer in zip(order, answers, strict=True))


def orders(operations, placed=()):
    """All legal orders of these operations that keep what came before what."""
    if not operations:
        yield placed
    for n, one in enumerate(operations):
        rest = operations[:n] + operations[n + 1 :]
        if not any(precedes(other, one) for other in rest) and legal((*placed, one)):
            yield from orders(rest, (*placed, one))


def possible(history):
    """Whether any order, with some of the unanswered operations, explains all answers."""
    told = [one for one in history if one.returned is not None]
    unknown = [one for one in history if one.returned is None]
    subsets = (some for size in range(len(unknown) + 1) for some in combinations(unknown, size))
    return any(True for some in subsets for _ in orders((*told, *some)))


def before(history, answer):
    """What was known just before an operation was answered."""
    told = sorted((one for one in history if one.returned is not None), key=lambda one: (one.returned, one.invoked))
    told = told[: told.index(answer)]
    begun = [one for one in history if one.invoked <= answer.returned]
    return [one if one in told else one._replace(output=None, returned=None) for one in begun]


def explains(placed, history):
    """Whether this is a legal order in real time, with a place for every answer."""
    known = {(one.client, one.kind, one.key, one.invoked, one.value): one for one in history}
    order = [known[one.client, one.kind, one.key, one.invoked, one.value] for one, _ in placed]
    times = [at for _, at in placed]
    in_window = all(one.invoked <= at <= (one.returned or NEVER) for one, at in placed)
    in_order = not any(precedes(late, early) for early, late in combinations(order, 2) if early.key == late.key)
    complete = {one for one in history if one.returned is not None} <= set(order)
    return complete and in_window and in_order and times == sorted(times) and legal(order)


def small_history(dice, keys="xy", gap=0, scale=1):
    """Up to six operations of three clients: what one machine answers, or with one answer changed.

    With a gap between operations and a scale no two moments are at one instant.
    """
    operations, free = [], dict.fromkeys("abc", 0)
    for _ in range(dice.randint(1, 6)):
        client, kind = dice.choice("abc"), dice.choice(("put", "put", "get", "get", "get", "append", "cas"))
        value = {"get": None, "cas": (dice.choice((None, "a", "b")), dice.choice("ab"))}.get(kind, dice.choice("ab"))
        invoked = free[client] + dice.randint(gap, 3)
        returned = invoked + dice.randint(0, dice.choice((2, 6, 20)))
        free[client] = returned + (returned == invoked)  # what takes no time has an instant of its own
        apart = scale > 1 and len(operations)
        window = scale * invoked + apart, scale * returned + apart + scale // 2
        operations.append(Operation(client, kind, dice.choice(keys), value, None, *window))
    return spoilt(dice, answered(dice, operations))


def answered(dice, operations):
    """The operations as one machine answers them, each done at some instant of its window; some are not answered."""
    store, told = {}, []
    for _, n in sorted((dice.randint(one.invoked, one.returned), n) for n, one in enumerate(operations)):
        one, fate = operations[n], dice.choice(("", "", "", "", "answer lost", "lost"))
        answer = None if fate == "lost" else follow(store, one)
        told.append((n, one._replace(returned=None) if fate else one._replace(output=answer)))
    return [one for _, one in sorted(told)]


def spoilt(dice, history):
    """Half of the time one answer is another."""
    n = dice.randrange(2 * len(history))
    if n < len(history) and history[n].returned is not None:
        other = {"get": dice.choice((None, "a", "b", "ab")), "cas": not history[n].output}.get(history[n].kind)
        history[n] = history[n]._replace(output=other)
    return history


def agrees(history, model=register, **settings):
    """Whether the checker says what brute force says, with reasons that hold."""
    verdict, truth = judge(history, model, **settings), possible(history)
    if verdict.ok is not truth:
        return False
    if truth:
        return explains(verdict.order, history)
    some = [one for one in history if verdict.key in (None, one.key)]
    early = before(some, verdict.stuck)
    late = [verdict.stuck if one == verdict.stuck._replace(output=None, returned=None) else one for one in early]
    return explains(verdict.order, early) and possible(early) and not possible(late)


def agrees_about(dice):
    """Whether it does for some histories, whatever the checker knows about their model."""
    history, one_key, apart = small_history(dice), small_history(dice, "x"), small_history(dice, gap=1, scale=100)
    small = (agrees(history, model) for history in (history, one_key, once(dice)) for model in (register, plain))
    return all(small) and agrees(apart, key_value, split=False)


def once(dice):
    """A history in which each value is written once, and read at any time."""
    some = [one for one in small_history(dice, "x") if one.kind in ("put", "get")]
    values = [None, *(n for n, one in enumerate(some) if one.kind == "put")]
    outputs = [dice.choice(values) if one.kind == "get" else None for one in some]
    writes = [n if one.kind == "put" else None for n, one in enumerate(some)]
    return [one._replace(value=v, output=o) for one, v, o in zip(some, writes, outputs, strict=True)]


@given(st.randoms(use_true_random=False))
def test_it_agrees_with_brute_force(dice):
    assert agrees_about(dice)


def test_it_agrees_with_brute_force_about_the_histories_that_find_planted_bugs():
    assert first_disagreement() is None


def first_disagreement():
    """The first seed about whose histories the checker is wrong."""
    return next((seed for seed in range(HISTORIES) if not agrees_about(Random(seed))), None)


# ── planted bugs ─────────────────────────────────────────────────────────────────────────────────────────────────


class OnlyPlaced(set):
    """A cache that forgets the state and remembers only what was placed."""

    def add(self, key):
        super().add(key[0])

    def __contains__(self, key):
        return super().__contains__(key[0])


def after(method, spoil):
    """Something is spoilt after a method of the search, or of what it knows about registers."""

    def spoilt(self, *args):
        method(self, *args)
        spoil(self)

    return {method.__name__: spoilt}


def timeless(search, link=_Search.link):
    """All calls come at once."""
    honest = search.operations
    search.operations = [one._replace(invoked=0) for one in honest]
    link(search)
    search.operations = honest


def needs_nothing(search):
    search.needs = [0] * len(search.needs)


def never_late(search):
    search.needs = [-1 if one.returned is None else 0 for one in search.operations]


BUGS = {
    "the cache forgets the state": (_Search, after(_Search.link, lambda search: setattr(search, "seen", OnlyPlaced()))),
    "real time is ignored": (_Search, {"link": timeless}),
    "a client's own order is ignored": (_Search, after(_Search.link, needs_nothing)),
    "what was not answered is held for failed": (_Search, after(_Search.link, never_late)),
    "a second writer of a lost value is forgotten": (Wants, {"starts": lambda wants, n: 0}),
    "a value written twice is held for written once": (
        Wants,
        after(Wants.__init__, lambda wants: setattr(wants, "once", True)),
    ),
    "what changed nothing here is held for what only looks": (
        Wants,
        after(Wants.__init__, lambda wants: setattr(wants, "looks", range(len(wants.operations)))),
    ),
}


@pytest.mark.parametrize(("room", "changes"), BUGS.values(), ids=BUGS)
def test_a_bug_planted_in_the_checker_is_found(room, changes, monkeypatch):
    for name, method in changes.items():
        monkeypatch.setattr(room, name, method)
    assert first_disagreement() is not None


# ── larger histories ─────────────────────────────────────────────────────────────────────────────────────────────


def crowd(dice, clients=5, each=12, keys="xyz"):
    """Clients that ask one after the other, a key of their choice; each put writes another value."""
    operations = []
    for client in range(clients):
        clock = 0
        for number in range(each):
            invoked = clock + dice.randint(1, 20)
            clock = invoked + dice.randint(0, 60)
            kind = dice.choice(("put", "get", "get"))
            value = f"{client}.{number}" if kind == "put" else None
            operations.append(Operation(f"c{client}", kind, dice.choice(keys), value, None, invoked, clock))
    return answered(dice, operations)


@given(st.randoms(use_true_random=False))
def test_what_one_machine_answered_is_always_accepted(dice):
    history = crowd(dice)
    verdict = judge(history)
    assert verdict.ok and explains(verdict.order, history)


@given(st.randoms(use_true_random=False))
def test_a_stale_read_among_many_is_found(dice):
    history = crowd(dice)
    stale = [
        (n, old.value)
        for n, read in enumerate(history)
        if read.kind == "get" and read.returned is not None
        for old, new in combinations([one for one in history if one.kind == "put" and one.key == read.key], 2)
        if precedes(old, new) and precedes(new, read)
    ]
    if not stale:
        return
    n, value = dice.choice(stale)
    history[n] = history[n]._replace(output=value)
    verdict = judge(history)
    assert verdict.stuck == history[n]
    assert explains(verdict.order, before([one for one in history if one.key == verdict.key], history[n]))
