"""Restart supervisor and updater written a second time, from swarm.md §4, §7 and §8 alone: a referee for the planners.

It is asked whenever a planner looks, sees the whole store and nothing of what changed, and says what is to be written.
"""

from contextlib import contextmanager
from unittest import mock

from swarmlab.effects import SECOND
from swarmlab.manager import turns
from swarmlab.manager.constraints import match, parse
from swarmlab.manager.tasks import is_dirty, new_task
from swarmlab.objects import COMPLETE, READY, REMOVE, RUNNING, SHUTDOWN, Drop, Put, replace

MINUTE = 60 * SECOND


def lost(node):
    return node is None or node.state == "down" or node.spec.availability == "drain"


def fits(service, node):
    return match(parse(service.spec.task.placement.constraints), node)


def want(task, desired):
    return Put(replace(task, desired=desired))


class Second:
    """What a leader remembers: starts that are to come, restarts in each place, one `Rollout` per service."""

    def __init__(self):
        self.begun = False
        self.starts = {}  # new task → (due, old task or None, until when it waits for that)
        self.history = {}  # (service, place) → (version, times of restarts)
        self.rollouts = {}
        self.seen = {}  # service → its version when somebody last looked whether it has to be updated

    # ── §7 ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def restart(self, store, now):
        """What the planner of this name has to ask for."""
        self.store, self.now, self.asked = store, now, []
        self.history = {key: value for key, value in self.history.items() if store.get("service", key[0])}
        orphans = [task for task in store.all("task") if store.get("service", task.service) is None]
        if self.begun:
            self.asked += [want(task, REMOVE) for task in orphans if task.desired < REMOVE]
        else:
            self.asked += [Drop("task", task.id) for task in orphans]
            self.take_over()
        done = self.start_what_is_due()
        for task in list(store.all("task")):
            if task.id not in done and task.id not in self.starts and self.has_to_go(task):
                self.replace(task)
        return self.asked

    def take_over(self):
        """A new leader: what is left of delays counts from when the state was written, attempts from what is there."""
        self.begun, places = True, {}
        for task in list(self.store.all("task")):
            service, delay = self.store.get("service", task.service), task.spec.restart.delay
            if service is None:
                continue
            if task.desired == READY and task.state <= COMPLETE:
                due = max(self.now, min(task.heard_at + delay, self.now + delay))
                self.starts[task.id] = (due, None, due)
            places.setdefault((service.id, task.slot or task.node), []).append(task)
        for key, tasks in places.items():
            newest = max(task.spec_version for task in tasks)
            for task in sorted((t for t in tasks if t.spec_version == newest), key=lambda t: t.created_at)[1:]:
                self.record(key, task, task.created_at)

    def start_what_is_due(self):
        """After the delay, and when the old task has stopped, cannot tell any more, or has had its minute."""
        done = []
        for id, (due, old, limit) in list(self.starts.items()):
            if self.now < due or (self.still_runs(old) and self.now < limit):
                continue
            del self.starts[id]
            task = self.store.get("task", id)
            if task and task.desired < RUNNING and self.store.get("service", task.service):
                done.append(id)
                if self.has_to_go(task):
                    self.replace(task)
                else:
                    self.asked.append(want(task, RUNNING))
        return done

    def still_runs(self, id):
        task = self.store.get("task", id) if id else None
        if task is None or task.state > RUNNING:
            return False
        node = self.store.get("node", task.node)
        return not task.node or (node is not None and node.state != "down")

    def has_to_go(self, task):
        service = self.store.get("service", task.service)
        if task.desired > RUNNING or service is None:
            return False
        is_lost = task.node and lost(self.store.get("node", task.node))
        return task.state > RUNNING or (service.spec.mode == "replicated" and is_lost)

    def replace(self, task):
        self.asked.append(want(task, SHUTDOWN))
        service, node = self.store.get("service", task.service), self.store.get("node", task.node)
        is_global = service.spec.mode == "global"
        if is_global and (lost(node) or node.spec.availability == "pause" or not fits(service, node)):
            return
        if not self.may_restart(task):
            return
        new = new_task(self.store, service, task.slot, task.node if is_global else "", READY, self.now, after=task.id)
        self.asked.append(Put(new))
        self.record((service.id, task.slot or task.node), new, self.now)
        delay = 0 if node and node.spec.availability == "drain" else task.spec.restart.delay
        waits = task.id if self.still_runs(task.id) else None
        self.starts[new.id] = (self.now + delay, waits, self.now + MINUTE)

    def may_restart(self, task):
        policy = task.spec.restart
        if policy.condition == "none" or (policy.condition == "on-failure" and task.state == COMPLETE):
            return False
        version, times = self.history.get((task.service, task.slot or task.node), (None, []))
        if not policy.max_attempts or version != task.spec_version:
            return True
        if policy.window:
            times[:] = [at for at in times if at > task.heard_at - policy.window]
            times = [at for at in times if at < task.heard_at]
        return len(times) < policy.max_attempts

    def record(self, key, new, at):
        if new.spec.restart.max_attempts:
            version, times = self.history.get(key, (None, []))
            self.history[key] = (new.spec_version, [*times, at] if version == new.spec_version else [at])

    # ── §8 ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def updater(self, store, now):
        """What the planner of this name has to ask for."""
        self.store, self.now, self.asked = store, now, []
        self.rollouts = {id: one for id, one in self.rollouts.items() if store.get("service", id)}
        for service in list(store.all("service")):
            self.look_at(service)
        return self.asked

    def look_at(self, service):
        """Whoever writes a service has it looked at; another spec, or a word to one that has stopped, begins anew."""
        known, state = self.rollouts.get(service.id), (service.update_status or ("",))[0]
        if known and known.service.spec == service.spec and not known.is_told_to_go_on(state):
            self.seen[service.id] = service.version
            known.go(self, service)
            return
        self.rollouts.pop(service.id, None)
        if not known and self.seen.get(service.id) == service.version:
            return
        self.seen[service.id] = service.version
        if "paused" not in state:
            self.begin(service, state)

    def begin(self, service, state):
        dirty = [slot for slot in self.slots(service) if len(slot) > 1 or is_dirty(self.store, service, slot[0])]
        if dirty:
            self.rollouts[service.id] = rollout = Rollout(service, dirty, state)
            if not state:
                status = ("updating", "update in progress", self.now, 0)
                self.asked.append(Put(replace(service, update_status=status)))
            rollout.go(self, service)
        elif state in ("updating", "rollback_started"):
            self.complete(service)

    def complete(self, service):
        state, _, started, _ = service.update_status
        status = ("rollback_completed", "rollback completed") if state == "rollback_started" else ()
        status = status or ("completed", "update completed")
        self.asked.append(Put(replace(service, update_status=(*status, started, self.now))))

    def slots(self, service):
        """§4: live slots, in order. A place on a node that is paused or of no use is left alone."""
        places = {}
        for task in self.store.tasks_of(service.id):
            places.setdefault(task.slot or task.node, []).append(task)
        rolls_back = service.update_status and service.update_status[0] == "rollback_started"
        for place in sorted(places):
            tasks, node = places[place], self.store.get("node", place)
            if service.spec.mode == "global" and (
                lost(node) or node.spec.availability == "pause" or not fits(service, node)
            ):
                continue
            live = [task for task in tasks if task.desired <= RUNNING]
            last = max(tasks, key=lambda task: (task.heard_at, task.created_at, task.version))
            if not live and not rolls_back and last.desired != REMOVE and not self.may_restart(last):
                live = [last]
            if live:
                yield live


class Rollout:
    """One update or rollback under way."""

    def __init__(self, service, dirty, state):
        self.service, self.queue, self.slots = service, list(dirty), len(dirty)
        self.rolls_back = state == "rollback_started"
        self.config = service.spec.rollback if self.rolls_back else service.spec.update
        self.monitor = self.config.monitor or 5 * SECOND
        self.workers = self.config.parallelism or len(dirty)
        self.busy = []  # ("new" | "kept", task, slot) or ("rest", until, None)
        self.ran = {}  # task that was made → when a worker saw it run or end; in the order of their making
        self.ended, self.read = [], []
        self.failures, self.stopped, self.stuck, self.end = 0, False, False, None

    def is_told_to_go_on(self, state):
        return self.stopped and (not state if self.stuck else "paused" not in state)

    def go(self, second, service):
        """Everything that can happen at this instant."""
        now = second.now
        for id in self.ran:
            task = second.store.get("task", id)
            if task and task.state > RUNNING and id not in self.ended:
                self.ended.append(id)
        self.busy = [one for one in self.busy if one[0] != "rest" or one[1] > now]
        for one in [one for one in self.busy if one[0] != "rest"]:
            self.hear(second, one)
        if self.queue:
            self.count(second, service, self.monitor)
        while self.queue and len(self.busy) < self.workers:
            self.take(second, self.queue.pop(0))
        if self.queue or self.busy or self.stopped:
            return
        window = self.config.delay + SECOND if self.config.delay >= self.monitor else self.monitor
        self.end = self.end or now + window
        self.count(second, service, window)
        if not self.stopped and now >= self.end:
            del second.rollouts[service.id]
            if service.update_status:
                second.complete(service)

    def hear(self, second, one):
        """A worker waits until the task it made runs or has ended, or until the one it kept has been started."""
        kind, id, slot = one
        task = second.store.get("task", id)
        if task and (task.desired < RUNNING or (kind == "new" and task.state < RUNNING)):
            return
        if kind == "new":
            self.ran[id] = second.now
            if self.config.order == "start-first" and task and task.state == RUNNING:
                self.stop(second, slot)
        self.busy.remove(one)
        self.rest(second)

    def rest(self, second):
        if self.config.delay:
            self.busy.append(("rest", second.now + self.config.delay, None))

    def stop(self, second, tasks):
        """The last task that was told to end, and whether others were quicker."""
        asked = [task for task in tasks if task.desired <= RUNNING]
        found = [second.store.get("task", task.id) for task in asked]
        left = [task for task in found if task and task.desired <= RUNNING]
        second.asked += [want(task, SHUTDOWN) for task in left]
        return left[-1] if left else None, bool(asked) and not left

    def take(self, second, slot):
        """What is up to date stays, what is to run already first; the others go. Else a new task is made."""
        clean = [task for task in slot if not is_dirty(second.store, self.service, task)]
        kept = next((task for task in clean if task.desired == RUNNING), clean[-1] if clean else None)
        if kept:
            old, late = self.stop(second, [task for task in slot if task is not kept])
            task = second.store.get("task", kept.id)
            if not late and task and task.desired < RUNNING:
                self.start(second, "kept", task, old, slot)
            else:
                self.rest(second)
            return
        first = self.config.order == "start-first"
        old, late = (None, False) if first else self.stop(second, slot)
        if late:
            self.rest(second)
            return
        node = slot[0].node if self.service.spec.mode == "global" else ""
        new = new_task(second.store, self.service, slot[0].slot, node, RUNNING if first else READY, second.now)
        second.asked.append(Put(new))
        self.ran[new.id] = None
        self.start(second, "new", new, old, slot)

    def start(self, second, kind, task, old, slot):
        self.busy.append((kind, task.id, slot))
        if task.desired < RUNNING:
            waits = old.id if old and second.still_runs(old.id) else None
            second.starts[task.id] = (second.now, waits, second.now + MINUTE)

    def count(self, second, service, window):
        """Tasks that ended before they ran, or not more than `window` before this reading after they did."""
        for id in [id for id in self.ran if id in self.ended and id not in self.read]:
            self.read.append(id)
            late = self.ran[id] is not None and second.now - self.ran[id] > window
            if late or self.stopped or self.config.failure_action == "continue":
                continue
            self.failures += 1
            if self.failures / self.slots > self.config.max_failure_ratio:
                self.stopped, self.queue = True, []
                self.give_up(second, service, f"due to failure or early termination of task {id}")

    def give_up(self, second, service, why):
        state, _, started, _ = service.update_status or ("", "", second.now, 0)
        back = self.config.failure_action == "rollback"
        if back and not self.rolls_back and state:
            self.stuck = service.previous_spec is None
            if self.stuck:
                return
            old = {"spec": service.previous_spec, "spec_version": service.previous_spec_version}
            status = ("rollback_started", f"update rolled back {why}", started, 0)
            old |= {"previous_spec": None, "previous_spec_version": 0}
            second.asked.append(Put(replace(service, update_status=status, **old)))
            return
        word = "rollback" if back and self.rolls_back else "update"
        state = "rollback_paused" if state == "rollback_started" else "paused"
        second.asked.append(Put(replace(service, update_status=(state, f"{word} paused {why}", started, 0))))


# ── both at once ─────────────────────────────────────────────────────────────────────────────────────────────────


def compared(planner):
    """The planner, with somebody who compares what it asks for with what should be."""
    if planner.name not in ("restart", "updater"):
        return planner

    def plan(store, changed, memory, now):
        vars(memory).setdefault("second", Second())
        due = getattr(memory.second, planner.name)(store, now)
        changes, wake_at = planner.plan(store, changed, memory, now)
        alike = sorted(changes, key=repr) == sorted(due, key=repr)
        assert alike, f"{planner.name} asks for {changes}, not for {due}"
        return changes, wake_at

    return planner._replace(plan=plan)


@contextmanager
def refereed():
    """Inside, every leader's restarts and updates are compared."""
    with mock.patch.object(turns, "PLANNERS", tuple(compared(planner) for planner in turns.PLANNERS)):
        yield
