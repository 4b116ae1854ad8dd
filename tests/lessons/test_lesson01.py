"""The judges of lesson 01: right answers are called correct, typical wrong ones get a helpful line, and none raises."""

from ipaddress import ip_network

import nbformat
import pytest

from swarmlab.lessons import counterexample, lesson01, scenes01
from swarmlab.viz import Player

from .judging import said

NOTEBOOK = "01_a_swarm_is_born.ipynb"


# ── recall ──


@pytest.fixture(scope="module")
def truth():
    return [attempt.reason for attempt in lesson01.fresh_joins()]


def test_recall_takes_the_checks_that_said_no(capsys, truth):
    assert said(capsys, "01.recall", truth) == "correct"
    assert said(capsys, "01.recall", tuple(f" {word.upper()}" for word in truth)) == "correct"


def test_the_joins_fail_for_four_reasons_that_can_be_told_apart(truth):
    assert len(set(truth)) == 4
    every = [lesson01.failed_join(reason, 3) for reason in lesson01.REASONS]
    assert len({attempt.text for attempt in every}) == len(every)
    took = {attempt.reason: round(attempt.seconds) for attempt in every}
    assert took == {"form": 0, "swarm": 0, "secret": 0, "network": 20, "address": 5}


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("form", "refused in no time"),
        ("swarm", "look for the word fingerprint"),
        ("secret", "a sentence about a valid join token"),
        ("network", "goes on trying"),
        ("address", "only a new manager is called back"),
    ],
)
def test_recall_says_how_a_wrong_guess_would_have_looked(capsys, truth, wrong, why):
    place = next(n for n, reason in enumerate(truth) if reason != wrong)
    line = said(capsys, "01.recall", [*truth[:place], wrong, *truth[place + 1 :]])
    assert line.startswith(f"not yet: join {place + 1} took ") and why in line


@pytest.mark.parametrize("answer", [None, 5, "form", [1] * 4, ["form"] * 3, ["port"] * 4, [[]] * 4])
def test_recall_survives_any_answer(capsys, answer):
    assert said(capsys, "01.recall", answer).startswith("not yet: ")


# ── modify ──


def drain(*names, to="drain"):
    return [f"node update --availability {to} {name}" for name in names]


PROMOTE = ["node promote worker-1 worker-2"]
RIGHT = {
    "promote, drain": PROMOTE + drain("manager-1", "worker-1", "worker-2"),
    "drain, promote": [*drain("worker-4", "manager-1", "worker-5"), "node promote worker-5", "node promote worker-4"],
    "as typed": [f"docker {line}" for line in PROMOTE + drain("manager-1", "worker-1", "worker-2")],
    "as in a cell": [f"%docker {line}" for line in PROMOTE + drain("manager-1", "worker-1", "worker-2")],
}
WRONG = {
    "only promoted": (PROMOTE, "being a manager keeps no tasks away"),
    "the first forgotten": (PROMOTE + drain("worker-1", "worker-2"), "manager-1 manages, and still runs a task"),
    "paused": (PROMOTE + drain("manager-1", "worker-1", "worker-2", to="pause"), "those that it has stay"),
    "only drained": (drain("manager-1", "worker-1", "worker-2"), "there are 1 managers and 5 workers"),
    "one too many": (["node promote worker-1 worker-2 worker-3"], "there are 4 managers and 2 workers"),
    "workers drained": (PROMOTE + drain("worker-3"), "still runs a task"),
    "all drained": (PROMOTE + drain("manager-1", *(f"worker-{n}" for n in range(1, 6))), "0 replicas run"),
    "scaled": ([*RIGHT["promote, drain"], "service scale -d web=9"], "9 replicas run, and six are wanted"),
    "typo": (["node promot worker-1"], "unknown command"),
    "no such node": (["node promote worker-9"], "node worker-9 not found"),
    "nobody named": (["node promote"], "requires at least 1 argument"),
    "no list": ("node promote worker-1", "a list of commands"),
    "nothing": ([], "a list of commands"),
    "no text": ([1], "a list of commands"),
    "none": (None, "a list of commands"),
}


@pytest.mark.parametrize("commands", RIGHT.values(), ids=RIGHT)
def test_modify_takes_any_way_to_managers_free_of_work(capsys, commands):
    assert said(capsys, "01.modify", commands) == "correct"


@pytest.mark.parametrize(("commands", "why"), WRONG.values(), ids=WRONG)
def test_modify_says_what_is_not_so_yet(capsys, commands, why):
    line = said(capsys, "01.modify", commands)
    assert line.startswith("not yet: ") and why in line
    if "counterexample" in line:
        assert counterexample("01.modify").now > 0


# ── build ──


def solution(machine, swarm):
    """The one that the notebook shows."""
    found = [f"port {port} is shut" for port in machine.shut if port in (2377, 7946, 4789)]
    if machine.advertises != machine.reached_at:
        found.append("nobody reaches the address that it advertises")
    if ip_network(swarm.pool).overlaps(ip_network(swarm.lan)):
        found.append("the pool covers the network of the machines")
    return found


def looks_at(ports=(2377, 7946, 4789), address=True, pool=True):
    """A preflight that looks at some things only."""

    def preflight(machine, swarm):
        found = [port for port in machine.shut if port in ports]
        found += ["address"] * (address and machine.advertises != machine.reached_at)
        return found + ["pool"] * (pool and ip_network(swarm.pool).overlaps(ip_network(swarm.lan)))

    return preflight


def by_its_first_number(machine, swarm):
    alike = swarm.pool.partition(".")[0] == swarm.lan.partition(".")[0]
    return looks_at(pool=False)(machine, swarm) + ["pool"] * alike


def by_the_first_network(machine, swarm):
    first = swarm.pool.partition("/")[0] == swarm.lan.partition("/")[0]
    return looks_at(pool=False)(machine, swarm) + ["pool"] * first


def only_managers_listen(machine, swarm):
    found = solution(machine, swarm)
    return [] if machine.role == "worker" and machine.shut and machine.shut[0] in lesson01.PORTS else found


def test_build_takes_the_solution_of_the_notebook(capsys, root):
    assert said(capsys, "01.build", solution) == "correct"
    assert said(capsys, "01.build", lambda machine, swarm: tuple(solution(machine, swarm))) == "correct"
    cells = nbformat.read(root / "notebooks" / NOTEBOOK, 4).cells
    shown = next(c.source for c in cells if "def preflight" in c.source and "```python" in c.source)
    names = {}
    exec(shown.partition("```python\n")[2].partition("```")[0], names)
    assert said(capsys, "01.build", names["preflight"]) == "correct"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda machine, swarm: [], "it is content, but it does not get in"),
        (lambda machine, swarm: ["no"], "it complains of 'no', but all goes well"),
        (looks_at(ports=(7946, 4789)), "it is content, but it does not get in: Newcomer"),
        (looks_at(ports=(2377, 7946)), "it is content, but it is in, and a visitor who asks it gets: timed out"),
        (looks_at(ports=(2377, 4789)), "a visitor who asks it gets: connection refused"),
        (looks_at(ports=(2377, 7946, 4789, *lesson01.HARMLESS)), "it complains of 9100, but all goes well"),
        (looks_at(address=False), "advertises='10.0.2.15'"),
        (looks_at(pool=False), "covers the addresses of the machines"),
        (by_its_first_number, "it complains of 'pool', but all goes well"),
        (by_the_first_network, "covers the addresses of the machines"),
        (only_managers_listen, "role='worker'"),
        (lambda machine, swarm: True, "it returned True"),
        (lambda machine, swarm: "port", "it returned 'port'"),
        (lambda machine, swarm: None, "it returned None"),
        (lambda machine: [], "it raised TypeError"),
        (lambda machine, swarm: machine.ports, "it raised AttributeError"),
        (solution(*lesson01.example()), "a function"),
        (None, "a function"),
    ],
)
def test_build_shows_a_machine_that_it_judges_wrongly(capsys, answer, why):
    line = said(capsys, "01.build", answer)
    assert line.startswith("not yet: ") and why in line
    if "counterexample" in line:
        run = counterexample("01.build")
        assert run.now > 0 and "Player" in repr(Player(run.trace))


def test_the_forty_machines_hold_every_trap():
    newcomers = [lesson01.newcomer(number) for number in range(lesson01.MACHINES)]
    went = [lesson01.what_happens(number) for number in range(lesson01.MACHINES)]
    for port in lesson01.PORTS:  # each port alone, on workers and on managers
        shut = [(machine, what) for (machine, _), what in zip(newcomers, went, strict=True) if port in machine.shut]
        assert {machine.role for machine, _ in shut} == {"worker", "manager"} and all(what for _, what in shut)
        assert any(machine.shut == (port,) for machine, _ in shut)
    well = [(machine, swarm) for (machine, swarm), what in zip(newcomers, went, strict=True) if not what]
    assert any(machine.shut for machine, _ in well) and any(not machine.shut for machine, _ in well)
    begin_alike = {swarm.lan.split(".")[0] for _, swarm in well if swarm.pool.split(".")[0] == swarm.lan.split(".")[0]}
    assert begin_alike == {"10", "172"}
    assert any(machine.advertises != machine.reached_at for machine, _ in newcomers)
    assert "network number 1 " in " ".join(went) and any(f"number {n} " in " ".join(went) for n in (8, 11, 51))
    assert 10 <= len(well) <= 30


def test_what_happens_is_what_the_solution_foresees():
    for number in range(lesson01.MACHINES):
        assert bool(solution(*lesson01.newcomer(number))) == bool(lesson01.what_happens(number)), number


# ── what the scenes show ──


def test_2377_keeps_a_machine_out_and_the_other_two_keep_visitors_out():
    for machine in "node-1", "node-2":
        says = {port: scenes01.shut(port, machine)[1] for port in ("nothing", *lesson01.PORTS)}
        assert says["nothing"].endswith("A visitor asks node-2: answered.")
        assert "Timeout was reached before node joined" in says[2377] and "visitor" not in says[2377]
        assert all("joined a swarm as a worker. A visitor" in says[port] for port in (7946, 4789))
        assert not any(says[port].endswith("answered.") for port in lesson01.PORTS)


def test_a_pool_that_nobody_else_uses_makes_no_address_mean_two_things():
    for pool, twice in ("", 2), ("172.20.0.0/16", 0):
        cluster = scenes01.office(pool)
        cluster.docker("network create -d overlay shop")
        assert len(scenes01.ambiguous(cluster)) == twice


def test_the_stepper_shows_the_join_that_was_the_last_when_it_was_made():
    cluster = scenes01.first_machine(3)
    scenes01.join(cluster, "node-2", scenes01.token_of(cluster))
    draw, steps = scenes01.step_by_step(cluster), scenes01.steps_of(cluster)
    scenes01.join(cluster, "node-3", "SWMTKN-1-wrong")
    assert "node-2" in {text.get_text() for text in draw(1)[0].texts}
    assert draw(1)[1] == "Step 1: node-2 to node-1: who are you?"
    assert "node-1 asks: whose secret? (role) yes" in [draw(n)[1].partition(": ")[2] for n in range(steps + 1)]
    assert "joined a swarm as a worker" in draw(steps)[1]


def test_a_certificate_says_what_its_owner_is_now():
    cluster = scenes01.first_machine(2)
    scenes01.join(cluster, "node-2", scenes01.token_of(cluster))
    rows, life = scenes01.certificate(cluster, "node-2")
    assert dict(rows)["subject OU"] == "swarm-worker" and dict(rows)["signature ok"].startswith("yes")
    assert life.node == next(node.id for node in cluster.nodes if node.machine == "node-2")
    cluster.docker("node promote node-2")
    cluster.run_for(5)
    assert dict(scenes01.certificate(cluster, "node-2")[0])["subject OU"] == "swarm-manager"
    assert scenes01.calls_back(cluster) == ["node-1 → node-2: do you hear me?", "node-2 → node-1: yes"]


def test_compare_puts_the_figures_beside_the_real_ones(capsys):
    lesson01.compare()
    token, call, silence, pool = capsys.readouterr().out.splitlines()
    assert token.count("50 and 25") == 2 and pool.count("10.0.0.0/24 and 10.0.1.0/24") == 2
    assert "turned away after 5.1 s" in call and "prompt back after 20 s" in silence


# ── predictions ──
