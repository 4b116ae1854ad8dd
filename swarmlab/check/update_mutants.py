"""Bugs to plant in the updater and in restarts, one at a time, each with the laws of updates that must catch it.

Numbers are those of the traps in swarm.md §21, or of its section 8 where no trap names it.
"""

from collections.abc import Callable
from typing import Any

from ..effects import SECOND
from ..manager import failures, restart, updater
from ..objects import RUNNING, replace
from .mutants import Catch, Mutant, Patch

MUTANTS: dict[str, Mutant] = {}
ROOM, WANTED, PAUSED, BACK = (
    "enough slots run",
    "not too many are wanted",
    "paused stays paused",
    "a rollback leads back",
)
DONE = "completed means all"
LOST, OFTEN, EARLY, LATE = (
    "nothing is lost",
    "no more attempts than allowed",
    "the delay is respected",
    "a minute of patience",
)

STOP_FIRST = "--replicas 4 --update-parallelism 2 --update-delay 1s --constraint node.role==worker nginx:1.25"
START_FIRST = STOP_FIRST.replace("--update-delay", "--update-order start-first --update-delay")
FAILING = "--replicas 3 --restart-delay 1s --update-delay 8s {} --constraint node.role==worker nginx:1.25"
CRASHING = "--replicas 2 --restart-delay 1s {} --constraint node.role==worker alpine crash 2 1"


def plant(name: str, number: int, about: str, *caught: str, **focus: Any) -> Callable:
    """Note the function below as the mutant of this name."""

    def note(patches: Callable[[], list[Patch]]) -> Callable[[], list[Patch]]:
        MUTANTS[name] = Mutant(number, about, caught, patches, focus)
        return patches

    return note


# ── how many at once ─────────────────────────────────────────────────────────────────────────────────────────────


@plant("one worker too many", 8, "an update takes one slot more at once than it may", ROOM, WANTED, kind="calm", create=STOP_FIRST)  # fmt: skip
def _() -> list[Patch]:
    honest = failures.Update.__init__

    def greedy(update: Any, *what: Any) -> None:
        honest(update, *what)
        update.workers += 1

    return [(failures.Update, "__init__", greedy)]


SLOW = STOP_FIRST.replace("delay 1s", "delay 0s").replace("nginx", "--health-cmd /ok --health-interval 2s nginx")


@plant("does not wait for the new one", 13, "a worker goes on before its new task runs", ROOM, kind="calm", create=SLOW)
def _() -> list[Patch]:
    honest = updater._advance

    def hasty(store: Any, update: Any, news: Any, memory: Any, now: int) -> list:
        waiting = [id for id in update.swaps if (task := store.get("task", id)) and task.desired >= RUNNING]
        for id in waiting:
            del update.swaps[id]
        return honest(store, update, news, memory, now)

    return [(updater, "_advance", hasty)]


@plant("start-first stops first", 8, "the old task goes before the new one runs, whatever the order", ROOM, kind="calm", create=START_FIRST)  # fmt: skip
def _() -> list[Patch]:
    honest = updater._renew

    def hasty(store: Any, update: Any, slot: Any, memory: Any, now: int) -> list:
        return [*honest(store, update, slot, memory, now), *updater.shut_down(updater._still_wanted(store, slot.tasks))]

    return [(updater, "_renew", hasty)]


@plant("start-first keeps the old", 8, "the old tasks are not stopped when the new ones run", WANTED, LOST, "unrest", kind="calm", create=START_FIRST)  # fmt: skip
def _() -> list[Patch]:
    honest = updater._hear

    def forgetful(*what: Any) -> list:
        honest(*what)
        return []

    return [(updater, "_hear", forgetful)]


# ── pause, rollback, another leader ──────────────────────────────────────────────────────────────────────────────


@plant("paused goes on", 8, "who finds an update paused goes on with it", PAUSED, kind="leader", create=FAILING.format(""), update="--args 'crash 1 1'")  # fmt: skip
def _() -> list[Patch]:
    return [(updater, "PAUSED", ())]


@plant("stops without a word", 8, "an update that fails takes no more slots, and does not say that it is paused", LOST, kind="workers", create=FAILING.format(""), update="--args 'crash 1 1'")  # fmt: skip
def _() -> list[Patch]:
    honest = failures._stop

    def mute(*what: Any) -> list:
        honest(*what)
        return []

    return [(failures, "_stop", mute)]


@plant("rolls back to what failed", 8, "an automatic rollback keeps the spec that failed", BACK, kind="workers", create=FAILING.format("--update-failure-action rollback"), update="--args 'crash 1 1'")  # fmt: skip
def _() -> list[Patch]:
    def stubborn(service: Any, status: tuple) -> Any:
        return replace(service, update_status=status)

    return [(failures, "_rolled_back", stubborn)]


@plant("rollback leaves one out", 8, "a rollback leaves its last slot as it is", BACK, DONE, kind="workers", create=FAILING.format("--update-failure-action rollback --update-parallelism 0"), update="--args 'crash 3 1'")  # fmt: skip
def _() -> list[Patch]:
    honest = failures.Update.__init__

    def careless(update: Any, *what: Any) -> None:
        honest(update, *what)
        if update.rolls_back and len(update.waiting) > 1:
            update.waiting.pop()

    return [(failures.Update, "__init__", careless)]


@plant("the next leader thinks it is done", 8, "a new leader calls an update completed that it finds under way", DONE, kind="leader", create=FAILING.format(""))  # fmt: skip
def _() -> list[Patch]:
    honest = updater._begin

    def hopeful(store: Any, service: Any, memory: Any, now: int) -> list:
        state = service.update_status[0] if service.update_status else ""
        return updater._finish(service, now) if state == "updating" else honest(store, service, memory, now)

    return [(updater, "_begin", hopeful)]


@plant("the next leader forgets", 8, "a new leader does not look at an update that it finds under way", LOST, kind="leader", create=FAILING.format(""))  # fmt: skip
def _() -> list[Patch]:
    honest = updater._begin

    def blind(store: Any, service: Any, memory: Any, now: int) -> list:
        return [] if service.update_status else honest(store, service, memory, now)

    return [(updater, "_begin", blind)]


@plant("no starts after a fail-over", 1, "a new leader does not start what its predecessor had made ready", LOST, "unrest", kind="leader", create=FAILING.format("--network front"))  # fmt: skip
def _() -> list[Patch]:
    def empty(store: Any, memory: Any, now: int) -> list:
        memory.begun = True
        return []

    return [(restart, "_recall", empty)]


# ── restarts ─────────────────────────────────────────────────────────────────────────────────────────────────────


@plant("attempts are not counted", 3, "restarts are not remembered", OFTEN, kind="restarts", create=CRASHING.format("--restart-max-attempts 2"))  # fmt: skip
def _() -> list[Patch]:
    return [(restart, "_remember", lambda *what: None)]


@plant("one attempt too many", 3, "as many restarts as allowed are followed by one more", OFTEN, kind="restarts", create=CRASHING.format("--restart-max-attempts 2"))  # fmt: skip
def _() -> list[Patch]:
    honest = restart.may_restart

    def generous(service: Any, task: Any, memory: Any) -> bool:
        policy = task.spec.restart
        more = policy._replace(max_attempts=policy.max_attempts and policy.max_attempts + 1)
        return honest(service, replace(task, spec=replace(task.spec, restart=more)), memory)

    return [(restart, "may_restart", generous)]


@plant("the window forgets all", 3, "what lies inside the window is forgotten, too", OFTEN, kind="restarts", create=CRASHING.format("--restart-max-attempts 2 --restart-window 60s"))  # fmt: skip
def _() -> list[Patch]:
    def forget(memory: Any, service: Any, old: Any) -> None:
        memory.history.pop(service.id, None)

    return [(restart, "_forget_outside", forget)]


@plant("no condition", 3, "a task is restarted whatever its condition", OFTEN, kind="restarts", create=CRASHING.format("--restart-condition none"))  # fmt: skip
def _() -> list[Patch]:
    return [(restart, "may_restart", lambda *what: True)]


@plant("no delay", 1, "a restart does not wait", EARLY, kind="restarts", create=CRASHING.format(""))
def _() -> list[Patch]:
    honest = restart.start_later

    def hasty(store: Any, new: Any, old: Any, delay: int, memory: Any, now: int) -> None:
        honest(store, new, old, delay // 2, memory, now)

    return [(restart, "start_later", hasty)]


@plant("endless patience", 7, "a new task waits for the old one as long as that takes", LATE, kind="workers", create="--replicas 2 --stop-grace-period 100s --constraint node.role==worker alpine serve", update="--env-add A=b")  # fmt: skip
def _() -> list[Patch]:
    return [(restart, "PATIENCE", 3600 * SECOND)]


@plant("failed tasks fill their slots", 3, "a slot whose task failed counts as filled", LOST, kind="workers", create=FAILING.format(""), update="--force")  # fmt: skip
def _() -> list[Patch]:
    return [(restart, "may_restart", lambda *what: False)]


@plant("old tasks are forgotten", 8, "dirty tasks are looked for among the lower half of the slots", DONE, kind="calm", create=STOP_FIRST)  # fmt: skip
def _() -> list[Patch]:
    honest = updater._dirty_slots
    return [(updater, "_dirty_slots", lambda *what: (found := honest(*what))[: len(found) // 2])]


def hunt(make: Callable, name: str, seeds: int = 40) -> Catch:
    """Run seed after seed with this bug, until what must catch it does. `make` is `Cluster`."""
    from . import updates

    mutant = MUTANTS[name]
    for seed in range(seeds):
        finding = updates.run(make, updates.draw(seed, mutant.focus), mutant)
        if finding and finding.law in mutant.caught:
            return Catch(name, finding.law, seed, finding)
    return Catch(name, "", -1)
