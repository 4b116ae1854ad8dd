"""A little machine for one worker core: it carries out Save on a disk, and sorts the other effects."""

import random

from swarmlab.effects import STARTED, WOKEN, Disk, Note, Received, Save, Send, Tell, Told
from swarmlab.messages import Assignments, Certified, Renewed, RootCertificate, SessionAnswer
from swarmlab.objects import RUNNING, Attachment, ContainerSpec, Network, NetworkSpec, Task, TaskSpec
from swarmlab.trust import certificates, signing, tokens

FRONT = Network("net1", NetworkSpec("front"), subnet="10.0.1.0/24")
MANAGERS = (("n1", "manager-1", "10.0.0.1"), ("n2", "manager-2", "10.0.0.2"), ("n3", "manager-3", "10.0.0.3"))


class Rig:
    def __init__(self, kind, *arguments, seed=1):
        self.kind, self.arguments, self.seed = kind, arguments, seed
        self.values, self.now = {}, 0
        self.boot()

    def boot(self):
        """Power on: the core is built from what it saved, as after a crash."""
        self.core = self.kind("worker-1", Disk(dict(self.values), []), random.Random(self.seed), *self.arguments)
        return self.do(STARTED)

    def do(self, event):
        effects = self.core.step(event, self.now)
        for effect in effects:
            if isinstance(effect, Save):
                self.values[effect.key] = effect.value
        self.values = {key: value for key, value in self.values.items() if value is not None}
        return effects

    def told(self, sender, message):
        return self.do(Told(sender, message))

    def heard(self, sender, message):
        return self.do(Received(sender, message))

    def run_for(self, duration):
        """Let time pass; all effects of the wake-ups on the way."""
        end, effects = self.now + duration, []
        while self.core.deadline <= end:
            self.now = max(self.now, self.core.deadline)
            effects += self.do(WOKEN)
            assert self.core.deadline > self.now, "woken, and the deadline is still in the past"
        self.now = end
        return effects

    @property
    def quiet(self):
        """Nothing is due today; certificates are renewed after weeks."""
        return self.core.deadline > self.now + certificates.DAY


ROOT_KEY = 7
ROOT = signing.new_root(ROOT_KEY, 1, 0)
DIGEST = tokens.digest(ROOT)
OTHER_ROOT = signing.new_root(8, 1, 0)


def signed(csr, role="worker", node="node1", now=0, lifetime=90 * certificates.DAY, root=ROOT, key=ROOT_KEY):
    """What the swarm's own certificate authority makes of this request."""
    return signing.issue(csr, signing.Subject(node, role, "swarm1"), root, key, 1, now, lifetime)


def certified(rig, role="worker"):
    """The answer to a join; before it, the root certificate, if the machine has not seen it."""
    joining = rig.core.swarm.joining
    if joining and not joining.root:
        rig.heard("manager-1", RootCertificate(ROOT))
    csr = signing.request(joining.key if joining else 1)
    return Certified("node1", role, MANAGERS, signed(csr, role, now=rig.now))


def renewed(rig, question, role, managers=MANAGERS):
    """The answer to a Renew."""
    return Renewed(question.number, role, managers, signed(question.csr, role, now=rig.now), (), ROOT)


def told(effects, core):
    return [effect.message for effect in effects if isinstance(effect, Tell) and effect.core == core]


def sent(effects, kind):
    return [effect for effect in effects if isinstance(effect, Send) and isinstance(effect.message, kind)]


def facts(effects):
    return [effect.fact for effect in effects if isinstance(effect, Note)]


def task(id="t1", desired=RUNNING, networks=("net1",), image="nginx", **more):
    attached = tuple(Attachment(network, "10.0.1.5/24") for network in networks)
    spec = TaskSpec(ContainerSpec(image))
    return Task(id, "s1", "web", 1, "node1", spec, state=192, desired=desired, networks=attached, **more)


def open_session(rig, *tasks, session="S", period=5_000_000):
    """Answer what the agent asked, and assign these tasks."""
    effects = rig.heard(rig.core.manager, SessionAnswer(session, period, MANAGERS, "worker"))
    return effects + rig.heard(rig.core.manager, Assignments(session, 0, True, tasks, (), (FRONT,), ()))
