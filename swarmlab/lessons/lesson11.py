"""Lesson 11: its predictions, and the judges of its exercises. The swarms are in `scenes11`."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from random import Random
from typing import Any, NamedTuple

from ..cluster import Cluster
from ..events import FailureCounted
from ..viz.updatefold import update_of
from . import CORRECT, Prediction, Verdict
from .scenes11 import SECOND, fewest_running, lost, serving, state, updated, versions

PREDICTIONS = {
    "1": Prediction(
        "62 s: three times replacement (7 s) and delay (10 s), the last slot too, and then a last watch of 11 s.",
        {
            "a": "Those are the three replacements alone. Look at the dotted lines: after each slot its worker rests.",
            "b": "Those are the three delays alone. Look at the lanes: a replacement takes time as well.",
            "c": "The replacements and the delays, yes. Look at the status: after the last delay comes a last watch.",
            "d": "Yes.",
        },
    ),
    "2": Prediction(
        "It goes through to the end: a task counts as good when its process runs, and nothing else was asked.",
        {
            "a": "Nobody looks whether it answers: that is what a health check is for. Look at the lanes: all three are replaced.",
            "b": "Yes.",
            "c": "Only if something failed, and only if you asked for it: the usual failure action is pause. Look at the status.",
        },
    ),
    "3": Prediction(
        "The new one, bad as it is. The service's spec is the new version; whatever has to be started is made from it.",
        {
            "a": "Look at the outline of the lane: it says what is wanted, and that has been the new version since the command.",
            "b": "Yes.",
            "c": "A paused update replaces nothing by itself; restarts go on. Look at the lane of that slot.",
        },
    ),
    "4": Prediction(
        "The other goes on. Each worker takes a slot, replaces it, rests, and takes the next; they wait for nobody.",
        {
            "a": "There are no batches. Look at the lanes: slots are taken while the slow one is still being replaced.",
            "b": "Yes.",
            "c": "A slow start is no failure, and there is no time limit for it. Look at the status: it ends well.",
        },
    ),
    "5": Prediction(
        "The next leader goes on with the slots that are still old: spec and status are in the log of the managers.",
        {
            "a": "The update is no program on the old leader. Look at the lanes after the gap: the old slots are taken.",
            "b": "Nobody has to: the status was still `updating` when the new leader looked. Look at the lanes.",
            "c": "Yes. What it forgets is how many failures were counted.",
        },
    ),
}


# ── compare ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def compare() -> None:
    """Print our figures beside the real engine's."""
    rows = (
        (
            "3 slots, delay 10 s, 7 s each",
            f"completed after {_duration('--update-delay 10s'):.1f} s",
            "3 × (7 + 10) + 11 = 62 s",
        ),
        ("the same, delay 4 s", f"completed after {_duration('--update-delay 4s'):.1f} s", "3 × (7 + 4) + 5 = 38 s"),
        ("monitor, if nothing is said", f"{_monitor():g} s", "5 s"),
        ("ratio 0.34, one of three fails", _after_failures(0.34), "goes on: 0.34 is not exceeded"),
        ("ratio 0.33, one of three fails", _after_failures(0.33), "pauses: 0.333… is more"),
    )
    for what, ours, real in rows:
        print(f"{what:32} {ours:24} the real engine: {real}")


@lru_cache
def _duration(flags: str) -> float:
    run = updated(serving(messages=False), f"--image acme/web:2 {flags}", 70)
    return update_of(run.trace, "web").done.at  # type: ignore[union-attr]


def _monitor() -> float:
    (service,) = serving(messages=False).services
    return service.spec.update.monitor / SECOND


@lru_cache
def _after_failures(ratio: float) -> str:
    """One new task of three is killed as soon as it runs; what becomes of the update."""
    cluster = serving(messages=False)
    cluster.docker(
        f"service update --detach --image acme/web:2 --update-delay 4s --update-max-failure-ratio {ratio} web"
    )
    until_new(cluster, "web.1")
    kill(cluster, 1)
    cluster.run_for(60)
    return {"completed": "goes on, completed", "paused": "pauses"}.get(state(cluster), state(cluster))


def kill(cluster: Cluster, slot: int) -> None:
    """End the container that runs in a slot of web, from outside."""
    run = next(run for run in cluster.running if run.slot == slot)
    cluster.docker(f"kill $(docker ps -q --filter name=web.{slot}.)", run.machine)


# ── recall: how many failures count ──────────────────────────────────────────────────────────────────────────────────

RECALL = 0
RATIO = 0.3  # of four slots: one failure may be
TOLD = f"  0.0 s  the update begins: four slots, one at a time, delay 9 s, monitor 5 s, ratio {RATIO}"


class Story(NamedTuple):
    """An update in which containers were killed."""

    cluster: Cluster
    lines: tuple[str, ...]  # what happened, in order
    failures: int
    state: str


@lru_cache
def fresh_update(seed: int = RECALL) -> Story:
    """Four slots, one after the other, and somebody who kills containers."""
    dice = Random(f"update {seed}")
    cluster = serving("--health-cmd true --health-interval 3s", 4, seed=f"update {seed}", messages=False)
    start, lines = cluster.now, [TOLD]
    flags = f"--image acme/web:2 --update-delay 9s --update-max-failure-ratio {RATIO}"
    cluster.docker(f"service update --detach {flags} web")
    again, longer = dice.random() < 0.5, 7.0 if dice.random() < 0.5 else 1.5
    steps = [(1, 2.0, "new"), *([(1, 1.0, "started again after its failure")] if again else [])]
    steps += [(4, 0.5, "still the old version"), (2, longer, "new"), (3, 2.5, "new")]
    for slot, after, what in steps:
        if what != "still the old version":
            if not until_new(cluster, f"web.{slot}"):
                break
            lines.append(f"{cluster.now - start:5.1f} s  web.{slot} runs ({what})")
        cluster.run_for(after)
        kill(cluster, slot)
        lines.append(f"{cluster.now - start:5.1f} s  web.{slot} ({what}) is killed")
    cluster.run_for(60)
    counted = cluster.trace.of(FailureCounted)
    return Story(cluster, tuple(lines), counted[-1].fact.failures if counted else 0, state(cluster))


def until_new(cluster: Cluster, name: str) -> bool:
    """Let time pass until this slot runs version 2. Says whether it does."""
    return cluster.run_until(lambda now: versions(now).get(name) == "2", limit=40)


def show_story(story: Story) -> None:
    """Print what happened."""
    print(*story.lines, sep="\n")


def _recall(answer: Any) -> Verdict:
    story = fresh_update()
    if not isinstance(answer, Sequence) or isinstance(answer, str) or len(answer) != 2:
        return Verdict(False, 'answer with two things: how many failures count, and the state, as (1, "completed")')
    number, word = answer
    if str(word) not in ("completed", "paused", "updating"):
        return Verdict(False, f"{word!r} is none of completed, paused, updating")
    if number != story.failures:
        hint = "what was made before the update, or as a replacement of a failed one, does not count; nor what ran longer than the monitor"
        return Verdict(
            False,
            f"{number!r} failures are not what was counted: {hint}. Look at who was killed, and when it had begun",
            story.cluster,
        )
    if word != story.state:
        return Verdict(
            False,
            f"{number} of 4 is a share of {number / 4:g}; compare it with {RATIO}: it must be exceeded",
            story.cluster,
        )
    return CORRECT


# ── modify: not one visitor lost ─────────────────────────────────────────────────────────────────────────────────────

TRIES = 3


def slow_update(flags: str = "", seed: int | str = 0) -> Cluster:
    """A service without a health check gets an image that listens eight seconds after its start, with more flags."""
    return updated(_unwatched(seed), f"--image acme/web:slow {flags}", 150)


@lru_cache(maxsize=8)
def _unwatched(seed: int | str) -> Cluster:
    return serving("", seed=f"slow {seed}", messages=False)


def _modify(answer: Any) -> Verdict:
    if not isinstance(answer, str) or not answer.strip():
        return Verdict(False, 'answer with flags of docker service update, as "--update-delay 10s"')
    if "--image" in answer:
        return Verdict(False, "the image stays acme/web:slow: change how it is brought in")
    for seed in range(TRIES):
        try:
            run = slow_update(answer, f"unseen {seed}")
        except ValueError as error:
            return Verdict(False, f"docker says: {error}")
        if text := _missed(run, answer):
            return Verdict(False, text, run)
    return CORRECT


def _missed(run: Cluster, flags: str) -> str:
    """What is wrong with such an update; '' if nothing is."""
    failed = sum(one.status != 200 for one in run.trace.requests)
    if failed and "health" not in flags:
        return f"{lost(run)} visits are lost: a new task is sent visitors as soon as its process runs. Look at the lanes: who could tell that it does not listen yet?"
    if failed:
        return f"{lost(run)} visits are lost. Look at where in the lanes they are"
    if state(run) != "completed":
        return f"the update is {state(run)}, not completed: does the check let a task of eight seconds live? Look at its failures, and at retries × interval"
    if set(versions(run).values()) != {"slow"}:
        return "not all slots run the new version"
    return ""


# ── build: a policy for a goal ───────────────────────────────────────────────────────────────────────────────────────

SLOTS = 4
IMAGES = {"good": "2", "slow": "slow", "crashing": "bad", "hanging": "mute"}
BASE = "--health-cmd 'curl -f http://localhost/' --health-interval 2s --health-timeout 1s --health-retries 6"


class Goal(NamedTuple):
    """What an update of four slots has to keep to. No image may cost a visit."""

    running: int  # so many slots have a running task at every moment
    tasks: int  # so many tasks run at the same time at the most
    duration: float  # seconds until a good or slow image is everywhere and the update is completed
    heals: bool  # whether a bad image has to be gone by itself


GOALS = (Goal(4, 5, 45, True), Goal(2, 4, 30, False), Goal(3, 4, 55, True), Goal(4, 6, 30, True))


def try_policy(policy: Callable, goal: Goal, image: str, seed: int | str = "shown") -> Cluster:
    """An update to this kind of image as the policy wants it."""
    return updated(_watched(seed), f"--image acme/web:{IMAGES[image]} {policy(goal)}", 110)


@lru_cache(maxsize=8)
def _watched(seed: int | str) -> Cluster:
    return serving(BASE, SLOTS, seed=f"policy {seed}", messages=False)


def _build(policy: Any) -> Verdict:
    if not callable(policy):
        return Verdict(False, 'write a function: def policy(goal): return "--update-parallelism 1"')
    for goal in GOALS:
        if not isinstance(policy(goal), str):
            return Verdict(False, f"for {goal} it must return flags as one text, not {policy(goal)!r}")
        for image in IMAGES:
            try:
                run = try_policy(policy, goal, image, "unseen")
            except ValueError as error:
                return Verdict(False, f"for {goal} docker says: {error}")
            if text := _against(goal, image, run):
                return Verdict(False, f"{image} image, {goal}: {text}", run)
    return Verdict(True, "four images, four goals")


def _against(goal: Goal, image: str, run: Cluster) -> str:
    """What this run does that the goal forbids; '' for nothing."""
    rows = update_of(run.trace, "web")
    fewest, most = fewest_running(run), max(number for _, number in rows.tasks)
    failed = sum(one.status != 200 for one in run.trace.requests)
    if fewest < goal.running:
        return f"only {fewest} slots ran: look at the capacity, at how many are replaced at once, and in which order"
    if most > goal.tasks:
        return (
            f"{most} tasks ran at once: with start-first, old and new run side by side, as many as are replaced at once"
        )
    if failed:
        return f"{failed} visits were lost: look at how many slots ran"
    if image in ("good", "slow"):
        if state(run) != "completed":
            return f"it is {state(run)}, not completed, after {rows.end:.0f} s"
        if rows.done and rows.done.at > goal.duration:
            return f"it took {rows.done.at:.0f} s: add up replacements, delays and the last watch. Which can be done at the same time?"
        return ""
    if goal.heals and not (state(run) == "rollback_completed" and list(versions(run).values()) == ["1"] * SLOTS):
        return f"it is {state(run)}, and the bad version is still what is wanted: what follows a failure unless you say otherwise?"
    return ""


CHECKS: dict[str, Callable[[Any], Verdict]] = {"recall": _recall, "modify": _modify, "build": _build}
