"""The judges of lesson 12: right answers are called correct, typical wrong ones get a helpful line, and none raises."""

import nbformat
import pytest

from swarmlab.lessons import counterexample, lesson12, scenes12
from swarmlab.lessons.lesson12 import Kept, Stolen
from swarmlab.lessons.scenes01 import token_of

from .judging import said

NOTEBOOK = "notebooks/12_secrets_and_configs.ipynb"


@pytest.fixture(scope="module")
def rotated():
    base = scenes12.shopping(messages=False)
    return {order: scenes12.changed(base, commands) for order, commands in scenes12.ORDERS.items()}


# ── what the predictions say is what happens ─────────────────────────────────────────────────────────────────────


def test_a_secret_is_on_all_managers_and_where_a_task_needs_it():
    cluster = scenes12.vault(1)
    assert {copy.machine for copy in cluster.where_is("db_password")} == {
        "manager-1",
        "manager-2",
        "manager-3",
        "worker-1",
    }


def test_the_managers_disk_tells_it_and_the_workers_does_not():
    cluster = scenes12.vault(1)
    assert "db_password = correct-horse" in scenes12.loot(cluster.steal("manager-1"))
    assert scenes12.loot(cluster.steal("worker-1")).startswith("no manager's disk")
    assert cluster.steal("worker-1").where("correct-horse") == ()


def test_either_order_of_two_updates_fails_logins_and_loses_visits(rotated):
    for order, run in rotated.items():
        assert scenes12.failed_logins(run) > 10
        bar = scenes12.turned_away(run, order)
        assert bar["fault"] <= bar["noticed"] < bar["decided"] < bar["healed"] and bar["lost"]


def test_the_lanes_hold_what_the_logins_were(rotated):
    for run in rotated.values():
        rows = scenes12.lanes(run)
        assert sum(len(row.failed) for row in rows) == scenes12.failed_logins(run)
        assert {row.slot for row in rows} == {"db.1", "shop.1", "shop.2"}
        assert [row.passwords for row in rows if row.until is None] == [("pw2",)] * 3
    assert scenes12.draw_logins(rotated).figure
    assert scenes12.tell_logins(rotated).count("failed logins") == 2


def test_a_token_evicts_nobody_and_a_removed_node_is_refused():
    cluster = scenes12.swarm(1, 1, messages=False)
    token = token_of(cluster)
    cluster.add_machine("mallory")
    cluster.docker(f"swarm join --token {token} {scenes12.FIRST}", "mallory")
    cluster.docker("swarm join-token --rotate worker")
    cluster.docker("swarm ca --rotate -q")
    cluster.run_for(30)
    assert scenes12.refusals(cluster) == []
    cluster.docker("node rm --force mallory")
    cluster.run_for(30)
    (line,) = scenes12.refusals(cluster)
    assert line.startswith("manager-1 to mallory: ") and line.endswith("was removed from swarm")


def test_a_certificate_that_expires_during_a_cut_is_refused():
    cluster = scenes12.cut_off(minutes=90)
    assert len(scenes12.issued(cluster, "worker-1")) > 4
    assert len(scenes12.issued(cluster, "worker-2")) == 2
    assert "certificate has expired" in scenes12.refusals(cluster)[0]


# ── recall ───────────────────────────────────────────────────────────────────────────────────────────────────────

RIGHT = ["yes", "yes", "no", "yes", "no", "yes"]


def test_recall_takes_what_can_really_be_read(capsys):
    assert said(capsys, "12.recall", RIGHT) == "correct"


@pytest.mark.parametrize(
    ("place", "hint"),
    [
        (0, "the log still holds the old one"),
        (1, "lies in clear with its container"),
        (2, "the key of the log is sealed as well"),
        (3, "autolock guards a disk at rest"),
        (4, "memory is gone with the power"),
        (5, "the unlock key opens"),
    ],
)
def test_recall_says_what_was_overlooked(capsys, place, hint):
    wrong = list(RIGHT)
    wrong[place] = {"yes": "no", "no": "yes"}[wrong[place]]
    line = said(capsys, "12.recall", wrong)
    assert line.startswith(f"not yet: theft {place + 1}: ") and hint in line


@pytest.mark.parametrize("answer", [None, "yes", ["yes"], [*RIGHT[:5], "perhaps"], 6])
def test_recall_says_what_an_answer_looks_like(capsys, answer):
    assert said(capsys, "12.recall", answer).startswith("not yet: ")


@pytest.mark.parametrize("seed", range(3))
def test_fresh_thefts_have_both_kinds_and_a_reason_each(seed):
    thefts = lesson12.fresh_thefts(seed)
    assert len({one.text for one in thefts}) == 6 and all(one.why for one in thefts)
    assert 2 <= sum(one.read for one in thefts) <= 4


# ── modify ───────────────────────────────────────────────────────────────────────────────────────────────────────

WIDEN = "docker service update --secret-add pw2 db"
MOVE = "docker service update --secret-rm pw1 --secret-add source=pw2,target=db_password shop"
NARROW = "docker service update --secret-rm pw1 db"


DB_ALONE = "docker service update --secret-rm pw1 --secret-add pw2 db"


@pytest.mark.parametrize("commands", [[WIDEN, MOVE, NARROW], [WIDEN, MOVE, NARROW, "secret rm pw1"]])
def test_modify_takes_widen_move_narrow(capsys, commands):
    assert said(capsys, "12.modify", commands) == "correct"


@pytest.mark.parametrize(
    ("commands", "hint"),
    [
        ([WIDEN, MOVE], "db still has the old password"),
        ([MOVE, WIDEN, NARROW], "failed logins"),
        ([WIDEN, NARROW, MOVE], "Who knew only one, and when?"),
        ([MOVE, DB_ALONE], "failed logins"),
        ([WIDEN], "shop does not use pw2"),
        ([WIDEN, "service update --secret-rm pw1 --secret-add pw2 shop"], "at /run/secrets/db_password?"),
        (["docker secret update pw1"], "docker says: "),
        (["docker secret rm pw1"], "is in use by"),
        (["service rm shop"], "must both be there"),
        (["service scale shop=0", DB_ALONE, MOVE, "service scale shop=2"], "without any task of the shop"),
        ([line.replace("update", "update --detach") for line in (WIDEN, MOVE, NARROW)], "--detach does not wait"),
        ([], "a list of commands"),
        ("docker service ls", "a list of commands"),
        (5, "a list of commands"),
    ],
)
def test_modify_says_what_is_wrong(capsys, commands, hint):
    line = said(capsys, "12.modify", commands)
    assert line.startswith("not yet: ") and hint in line


def test_a_failed_rotation_can_be_looked_at(capsys):
    said(capsys, "12.modify", [WIDEN, NARROW, MOVE])
    assert scenes12.draw_logins({"mine": counterexample("12.modify")}).figure


# ── build ────────────────────────────────────────────────────────────────────────────────────────────────────────


def exposed(secret, stolen):
    in_memory = stolen.role == "manager" or stolen.machine in secret.used_on
    lies_open = secret.kind == "config" and stolen.machine in (*secret.used_on, *secret.left_on)
    in_log = stolen.role == "manager" and (not stolen.autolock or stolen.has_key)
    return lies_open or in_log or (stolen.how == "machine" and in_memory)


def test_build_takes_what_agrees_with_every_copy(capsys):
    assert said(capsys, "12.build", exposed).startswith("correct. ")


@pytest.mark.parametrize(
    ("mine", "hint"),
    [
        (lambda secret, stolen: True, "cannot be read"),
        (lambda secret, stolen: False, "can be read"),
        (lambda secret, stolen: stolen.role == "manager", "where is its key"),
        (lambda secret, stolen: exposed(secret, stolen._replace(how="disk")), "in the memory of a running machine"),
        (lambda secret, stolen: exposed(secret, stolen._replace(autolock=False)), "where is its key"),
        (lambda secret, stolen: exposed(secret._replace(kind="secret"), stolen), "in clear in the folder"),
        (lambda secret, stolen: exposed(secret._replace(left_on=()), stolen), "also when that has ended"),
        (lambda secret, stolen: exposed(secret._replace(kind="config"), stolen), "cannot be read"),
        (lambda secret, stolen: None, "True or False"),
        (lambda secret, stolen: 1 / 0, "ZeroDivisionError"),
        (True, "write a function"),
    ],
)
def test_build_says_what_is_wrong(capsys, mine, hint):
    line = said(capsys, "12.build", mine)
    assert line.startswith("not yet: ") and hint in line


@pytest.mark.parametrize("seed", range(4))
def test_what_where_is_calls_readable_is_what_the_bytes_of_a_stolen_disk_tell(seed):
    cluster = lesson12.some_swarm(f"bytes {seed}")
    for kept, stolen, read in lesson12.cases(f"bytes {seed}"):
        assert exposed(kept, stolen) == read
        if stolen.how == "disk":
            loot = cluster.steal(stolen.machine).read(scenes12.unlock_key(cluster) if stolen.has_key else "")
            found = loot.secrets if kept.kind == "secret" else loot.configs
            assert (f"thing-{kept.kind}" in found) == read


def test_the_swarms_of_the_build_hold_what_is_easily_overlooked():
    seen = [case for seed in range(lesson12.SWARMS) for case in lesson12.cases(f"unseen {seed}")]
    assert {kept.kind for kept, _, _ in seen if kept.left_on} == {"secret", "config"}
    assert {stolen.autolock for _, stolen, _ in seen} == {True, False}
    assert any(stolen.role == "manager" and stolen.machine in kept.used_on for kept, stolen, _ in seen)


def test_the_example_is_of_the_kinds_that_are_told():
    kept, stolen = lesson12.example()
    assert isinstance(kept, Kept) and isinstance(stolen, Stolen) and exposed(kept, stolen) is False


# ── the notebook ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_solutions_in_the_notebook_are_correct(capsys):
    text = "\n".join(cell.source for cell in nbformat.read(NOTEBOOK, 4).cells if cell.cell_type == "markdown")
    blocks = [block.partition("```")[0] for block in text.split("```python\n")[1:]]
    found: dict = {}
    for block in blocks:
        exec(block, found)
    assert said(capsys, "12.modify", found["commands"]) == "correct"
    assert said(capsys, "12.build", found["exposed"]).startswith("correct")
    assert f"`{RIGHT}`".replace("'", '"') in text


@pytest.mark.parametrize("steals", ["manager-2", "worker-4"])
@pytest.mark.parametrize("wants", scenes12.WHAT.values())
def test_the_last_position_of_every_knob_can_be_drawn(steals, wants):
    drawn, words = scenes12.thief(steals, how="machine", autolock="key", tasks=4, wants=wants)
    assert drawn.figure and words.startswith(f"Who has {steals} reads {wants} in: ")
