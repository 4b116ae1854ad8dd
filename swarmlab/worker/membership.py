"""What this machine is in its swarm: how it gets in, becomes a manager or a worker, and gets out.

A node is what its certificate says. The leader tells it when it is to be something else, and it asks for a new one.
Source: moby daemon/cluster/swarm.go (the 20 s of a join); swarmkit node/node.go (superviseManager), ca/renewer.go;
Docker documentation, "docker swarm init/join/leave"; swarm.md §3, §14, §15.
"""

# Simpler than in reality (docs/simplifications.md): expired-boot, past-at-once, unknown-root, force-locked
# Simpler than in reality (docs/simplifications.md): leave-locked, left-behind, force-containers

from typing import Any

from ..effects import MS, NEVER, SECOND, Dice, Disk, Note, Save, Send, Tell
from ..events import CertificateIssued, RootTrusted, SwarmJoined, SwarmLeft, SwarmNotStarted
from ..messages import (
    Advertised,
    AskRoot,
    BeManager,
    BeNode,
    BeNothing,
    Certified,
    Certify,
    Expelled,
    Fellows,
    FoundSwarm,
    Introduce,
    JoinGossip,
    LeaveGossip,
    ManagersChanged,
    NotCertified,
    NotRaftJoined,
    PapersChanged,
    RaftJoin,
    RaftJoined,
    Registered,
    Renew,
    Renewed,
    RoleChanged,
    RootCertificate,
    Rotate,
    StrangeRoot,
    SwarmFounded,
    SwarmInit,
    SwarmJoin,
    TrustRoot,
)
from ..objects import ApiError, Description
from ..trust import certificates, signing, tokens
from ..trust.papers import Papers, new_key, renew_at
from . import founding, refusals
from .addresses import Interfaces, advertised, without_port
from .cluster_options import check_options
from .founding import Founding, Identity, Joining, answer, known_address

MAKE_KEYS = (
    50 * MS,
    100 * MS,
)  # at least, and up to so much more: key pairs and certificates take the processor's time
CERTIFY_AGAIN = 2 * SECOND  # while nobody answers
RAFT_JOIN_AGAIN = 3 * SECOND
JOIN_PATIENCE = 20 * SECOND  # then the person gets the prompt back, and the join goes on
BACK_OFF, LONGEST_BACK_OFF = 5 * SECOND, 3600 * SECOND  # between tries to renew a certificate that nobody waits for
EXPELLED_PATIENCE = 16 * SECOND  # a manager that was removed waits so long to be told that it is a worker now


class Membership:
    """The engine's part that deals with the swarm as a whole. Effects as from a core; refusals are raised."""

    def __init__(
        self,
        machine: str,
        disk: Disk,
        dice: Dice,
        description: Description,
        interfaces: Interfaces,
        keys: Dice | None = None,
    ):
        self.machine, self.dice, self.description, self.interfaces = machine, dice, description, interfaces
        self.keys = keys or dice  # what concerns certificates is drawn from dice of its own
        self.papers: Papers | None = disk.values.get("papers")
        self.next_key = 0  # the seed of the key pair for the certificate that is asked for
        self.due = ""  # why a new certificate is asked for that says the same: expiry · rotation · autolock
        self.tries = 0  # how often that was asked for in vain
        self.expiry_at = NEVER  # when to ask for it in good time
        self.root_asked_at = -CERTIFY_AGAIN  # when somebody else's root was last looked at
        self.identity: Identity | None = disk.values.get("identity")
        self.joining: Joining | None = disk.values.get("joining")
        self.founding: Founding | None = None
        self.error = ""  # of the last join
        self.shut = False  # the certificate had expired when the machine booted: it takes part in nothing
        self.join_call: int | None = None  # who waits for the join
        self.registered = False  # the agent has opened a session since we are a node
        self.expelled_at = NEVER  # when raft removed this manager
        self.wanted = ""  # the role that the leader wishes for, while the certificate says another
        self.renewals = 0
        self.missing_at = NEVER  # until then the leader has to name this manager among the managers
        self.ask_at = self.renew_at = self.give_up_at = self.found_at = NEVER

    @property
    def deadline(self) -> int:
        waits = self.missing_at, self.give_up_at, self.found_at, self.expiry_at
        return min(self.ask_at, self.renew_at, *waits)

    @property
    def expelled(self) -> bool:
        """Whether raft has removed this manager: it works no more, though its certificate still says manager."""
        return self.expelled_at < NEVER

    @property
    def is_manager(self) -> bool:
        """Whether a manager runs here that the group knows."""
        me = self.identity
        return me is not None and me.role == "manager" and me.entered and not self.expelled

    @property
    def state(self) -> str:
        """As `docker info` has it."""
        if self.shut:
            return "error"
        return "pending" if self.joining else "active" if self.identity else "inactive"

    @property
    def address(self) -> str:
        """Under which the others know this machine."""
        known = self.identity or self.joining
        return known.address if known else self.interfaces[0][1]

    def check_manager(self) -> None:
        """Raises ApiError where the swarm cannot be asked."""
        if self.shut:
            raise ApiError(refusals.EXPIRED)
        if self.identity is None and self.joining is None:
            raise ApiError(refusals.NO_SWARM)
        if self.identity is None or self.identity.role != "manager" or self.expelled:
            raise ApiError(refusals.ONLY_A_WORKER)
        if not self.identity.entered:
            raise ApiError(refusals.NOT_YET_A_MANAGER)

    # ── what others say, and time ────────────────────────────────────────────────────────────────────────────────

    def hear(self, message: Any, now: int) -> list:
        """Something came over the network."""
        if self.shut:
            return []
        match message:
            case Certified() if self.joining and not self.identity:
                return self._certified(message, now)
            case RootCertificate(root) if self.joining and not self.identity:
                return self._look_at_root(self.joining, root, now)
            case NotCertified(reason) if self.joining and not self.identity:
                return self._join_failed(reason)
            case RaftJoined(managers) if self.identity and not self.identity.entered:
                self.ask_at, self.missing_at, self.error = NEVER, NEVER, ""
                return [*self._become(self.identity._replace(entered=True, managers=managers)), *self._maybe_joined()]
            case NotRaftJoined(reason, unreachable=True) if self.joining:
                return self._turned_away(reason)
            case NotRaftJoined(reason):
                self.error = reason  # we go on asking: what stands in the way now may be gone in a moment
            case Renewed(number, role) if self.identity and number == self.renewals and role:
                return self._renewed(self.identity, message, now)
            case Rotate(issuer_key) if self.identity and self.papers:
                return self._rotate(self.identity, self.papers, issuer_key, now)
            case TrustRoot(root) | RootCertificate(root) if self.identity and self.papers:
                return self._trust(self.identity, self.papers, root)
        return []

    def told(self, message: Any, now: int) -> list:
        """Another core of this machine says something."""
        match message:
            case SwarmFounded(worker_token, certificate) if self.founding:
                return self._founded(self.founding, worker_token, certificate, now)
            case Registered(role):
                self.registered = True
                return [*self._shall_be(role, now), *self._maybe_joined()]
            case RoleChanged(role):
                return self._shall_be(role, now)
            case StrangeRoot() if self.identity and now >= self.root_asked_at + CERTIFY_AGAIN:
                self.root_asked_at = now
                return [Send(self._pick(self._peers(self.identity), self.keys), "manager", AskRoot())]
            case Expelled(managers) if self.identity and self.identity.role == "manager":
                self.expelled_at, self.ask_at = now, NEVER
                self.renew_at = min(self.renew_at, now + self._key_time())
                return self._know(self.identity, managers)
            case Fellows(managers) if self.identity and not self._peers(self.identity):
                return self._know(self.identity, managers)
            case ManagersChanged(managers) if self.identity:
                self._look_for_me(self.identity, managers, now)
                return self._become(self.identity._replace(managers=managers))
        return []

    def wake(self, now: int) -> list:
        """A deadline has come."""
        effects = [*self._give_up(now), *self._found(now)]
        if self.missing_at <= now:
            self.missing_at, self.expelled_at, self.renew_at = NEVER, now - EXPELLED_PATIENCE, now
        if self.expiry_at <= now:
            self.expiry_at = NEVER
            self.renew_soon("expiry", now)
        effects += self._ask(now, again=True) if self.ask_at <= now else []
        return [*effects, *(self._renew(now) if self.renew_at <= now else [])]

    def boot(self, now: int) -> list:
        """Be the node that the disk says; a join that a crash interrupted goes on."""
        if self.identity is None:
            return [Tell("manager", BeNothing()), *self._ask(now)]
        if self.papers and self.identity.role == "worker" and (why := self.papers.problem(now)):
            self.shut, self.error = True, refusals.EXPIRED  # a manager renews it by its own manager, if that leads
            return [Note(SwarmNotStarted(why))]
        if self.papers:
            self.expiry_at = renew_at(self.papers.certificate, self.keys)
        return self._take_up(self.identity, now)

    def _become(self, who: Identity) -> list:
        self.identity = who
        return [Save("identity", who)]

    def _take_up(self, me: Identity, now: int) -> list:
        """Be the node that we are: wake the cores that work for the swarm.

        A manager that raft has let in knows from its own disk what it is. Anybody else says it again, for a crash may
        have come between.
        """
        self._look_for_me(me, me.managers, now)
        orders: list = [BeNothing()] if me.role == "worker" else [] if me.entered else [BeManager(me.node, me.member)]
        return [
            *(Tell("manager", order) for order in orders),
            *self._ask(now),
            *([Tell("mesh", Advertised(me.address))] if me.address else []),
            Tell("agent", BeNode(me.node, me.managers)),
            Tell("gossip", JoinGossip(self._peers(me))),
        ]

    def _know(self, me: Identity, managers: tuple) -> list:
        """These are the managers: the agent has to know it, too."""
        new = me._replace(managers=managers or me.managers)
        return [*self._become(new), Tell("agent", BeNode(new.node, new.managers))]

    def _peers(self, me: Identity) -> tuple[str, ...]:
        return tuple(machine for _, machine, _ in me.managers if machine != self.machine)

    # ── docker swarm init ────────────────────────────────────────────────────────────────────────────────────────

    def init(self, id: int, request: SwarmInit, now: int) -> list:
        if request.force_new_cluster and (self.identity or self.joining):
            return self._rebuild(id, request)
        if self.identity or self.joining or self.founding:
            raise ApiError(refusals.ALREADY_IN)
        address = advertised(request.advertise_address, self.interfaces)
        check_options(dict(request.options))
        me = self.machine, address, self.description
        self.founding = founding.new_swarm(id, request, *me, self.dice, new_key(self.keys), now)
        self.found_at = now + self._key_time()
        return []

    def _rebuild(self, id: int, request: SwarmInit) -> list:
        """`--force-new-cluster`: the other managers are not asked."""
        me = self.identity
        if me is None or me.role != "manager":
            raise ApiError(refusals.ONLY_A_WORKER)
        self.check_manager()
        check_options(dict(request.options))
        address = advertised(request.advertise_address or known_address(me), self.interfaces)
        self.founding = founding.same_swarm(id, request, me, self.machine, address)
        return [Tell("manager", self.founding.order)]

    def _found(self, now: int) -> list:
        """The keys of the new swarm are made."""
        if self.found_at > now or self.founding is None:
            return []
        self.found_at = NEVER
        return [Tell("manager", self.founding.order)]

    def _key_time(self, dice: Dice | None = None) -> int:
        return MAKE_KEYS[0] + int((dice or self.dice).random() * MAKE_KEYS[1])

    def _founded(self, done: Founding, worker_token: str, certificate: bytes, now: int) -> list:
        self.founding = None
        order, taken = done.order, []
        if isinstance(order, FoundSwarm):
            taken = self._take(Papers(done.key, certificate, order.root), "init", now)
        return [*taken, *self._become(done.me), *founding.founded(done, worker_token)]

    # ── docker swarm join ────────────────────────────────────────────────────────────────────────────────────────

    def join(self, id: int, request: SwarmJoin, now: int) -> list:
        if self.identity or self.joining or self.founding:
            raise ApiError(refusals.ALREADY_IN)
        if tokens.parts(request.token) is None:
            raise ApiError(refusals.BAD_TOKEN)
        address = advertised(request.advertise_address, self.interfaces)
        key = new_key(self.keys)
        self.joining = Joining(request.token, request.remote, address, request.availability, key)
        self.join_call, self.give_up_at = id, now + JOIN_PATIENCE
        self.registered, self.error = False, ""
        self.ask_at = now + self._key_time()
        return [Save("joining", self.joining)]

    def _ask(self, now: int, again: bool = False) -> list:
        """The next question of who wants in, again and again until it is answered; by any manager, once some are known.

        An answer that is lost leaves a node behind that nobody is: asked again, the manager makes another one. The
        real client has one connection for the whole exchange and leaves none.
        """
        me, joining = self.identity, self.joining
        if me and not me.entered:
            self.ask_at = now + RAFT_JOIN_AGAIN
            remote = without_port(joining.remote) if joining and not again else self._some_manager(me)
            return [Send(remote, "manager", RaftJoin(me.node, me.member))]
        if me or joining is None:
            self.ask_at = NEVER
            return []
        self.ask_at = now + CERTIFY_AGAIN
        remote = without_port(joining.remote)
        if not joining.root:
            return [Send(remote, "manager", AskRoot())]
        csr = signing.request(joining.key)
        shown = Certify(joining.token, self.description, joining.address, joining.availability, csr)
        return [Send(remote, "manager", shown)]

    def _look_at_root(self, joining: Joining, root: bytes, now: int) -> list:
        """The secret in the token is shown to nobody but the swarm that the token names."""
        named = tokens.parts(joining.token)
        assert named
        if tokens.digest(root) != named.digest:
            return self._join_failed(refusals.FOREIGN_CA.format(tokens.fingerprint(named.digest)))
        if problem := certificates.problem(root, (), (root,), now):
            return self._join_failed(refusals.BAD_ROOT.format(problem))
        self.joining = joining._replace(root=root)
        return [Save("joining", self.joining), *self._ask(now)]

    def _certified(self, message: Certified, now: int) -> list:
        joining = self.joining
        assert joining
        papers = Papers(joining.key, message.certificate, joining.root, message.others)
        if problem := papers.problem(now):
            return self._join_failed(problem)
        is_manager = message.role == "manager"
        member = tokens.member_id(self.dice) if is_manager else ""
        me = Identity(message.node, message.role, member, message.managers, not is_manager, joining.address)
        return [*self._take(papers, "join", now), *self._become(me), *self._take_up(me, now)]

    def _maybe_joined(self) -> list:
        """A worker is in when its agent has a session, a manager when raft has let it in as well."""
        if not (self.joining and self.identity and self.identity.entered and self.registered):
            return []
        joined = Note(SwarmJoined(self.identity.node, self.identity.role))
        return [*self._stop_joining(), joined, *self._answer_join(self.identity.role)]

    def _join_failed(self, reason: str) -> list:
        self.error = reason
        return [*self._stop_joining(), *self._answer_join(error=reason)]

    def _turned_away(self, reason: str) -> list:
        """The group does not reach this manager under its address: it is nothing again, as before the join."""
        self.error = refusals.UNREACHABLE.format(reason)
        refused = self._answer_join(error=self.error)
        return [*refused, *self._forget_all()]

    def _stop_joining(self) -> list:
        self.joining, self.ask_at = None, NEVER
        return [Save("joining", None)]

    def _give_up(self, now: int) -> list:
        return self._answer_join(error=refusals.JOIN_GOES_ON) if self.give_up_at <= now else []

    def _answer_join(self, value: str | None = None, error: str | None = None) -> list:
        id, self.join_call, self.give_up_at = self.join_call, None, NEVER
        return answer(id, value, error) if id is not None else []

    # ── promoted and demoted ─────────────────────────────────────────────────────────────────────────────────────

    def _shall_be(self, role: str, now: int) -> list:
        """The leader says what we are to be; if it is something else, a new certificate has to be asked for."""
        if self.identity is None or role == self.wanted:
            return []
        self.wanted = role if role != self.identity.role else ""
        if self.wanted:
            self.renew_at = now + self._key_time()
        elif not self.expelled and not self.due:
            self.renew_at = NEVER
        return []

    def renew_soon(self, why: str, now: int) -> None:
        """Ask for a new certificate as soon as there is a new key pair."""
        self.due, self.tries = why, 0
        self.renew_at = min(self.renew_at, now + self._key_time(self.keys))

    def _renew(self, now: int) -> list:
        """Ask some manager, and another one while there is no answer that settles it."""
        me = self.identity
        if me is None:
            self.renew_at = NEVER
            return []
        if self.wanted or self.expelled:
            whom, wait = self._some_manager(me), CERTIFY_AGAIN
        else:
            whom, wait = self._own_manager(me), self._back_off()
        self.renewals, self.renew_at = self.renewals + 1, now + wait
        self.next_key = self.next_key or new_key(self.keys)
        return [Send(whom, "manager", Renew(me.node, self.renewals, signing.request(self.next_key)))]

    def _back_off(self) -> int:
        """Nobody waits for it: ask less and less often, an hour apart at the most."""
        self.tries += 1
        longest = min(BACK_OFF + (BACK_OFF << min(self.tries - 1, 20)), LONGEST_BACK_OFF)
        return SECOND + int(self.keys.random() * longest)

    def _look_for_me(self, me: Identity, managers: tuple, now: int) -> None:
        """A manager that is not named among the managers for long was removed while nobody could tell it."""
        named = any(node == me.node for node, _, _ in managers)
        waits = me.role == "manager" and me.entered and not named and not self.expelled
        self.missing_at = min(self.missing_at, now + EXPELLED_PATIENCE) if waits else NEVER

    def _some_manager(self, me: Identity) -> str:
        """The machine of some other manager, of this one if it knows no other."""
        return self._pick(self._peers(me), self.dice)

    def _pick(self, machines: tuple[str, ...], dice: Dice) -> str:
        """One of them, this machine if there is none."""
        known = machines or (self.machine,)
        return known[int(dice.random() * len(known))]

    def _own_manager(self, me: Identity) -> str:
        """A manager has one on its own machine, and needs no certificate there: an expired one may be renewed so."""
        if me.role == "manager" and me.entered and not self.expelled:
            return self.machine
        return self._pick(self._peers(me), self.keys)

    def _renewed(self, me: Identity, message: Renewed, now: int) -> list:
        """The new certificate. Who was removed from the group can only come back under another name."""
        role, managers = message.role, message.managers
        papers = Papers(self.next_key, message.certificate, message.root, message.others)
        if papers.problem(now):
            return []  # not what was asked for: ask again
        if role == me.role and not self.expelled:
            if self.wanted:
                return []
            why, self.due, self.renew_at = self.due, "", NEVER
            return self._take(papers, why or "expiry", now)
        if role == "manager" and self.expelled and now < self.expelled_at + EXPELLED_PATIENCE:
            self.renew_at = self.expelled_at + EXPELLED_PATIENCE
            return []
        self.wanted, self.expelled_at, self.renew_at, self.missing_at = "", NEVER, NEVER, NEVER
        self.due = ""
        member = tokens.member_id(self.dice) if role == "manager" else ""
        new = Identity(me.node, role, member, me.managers, role == "worker", me.address)
        orders: list = [BeNothing()] if me.role == "manager" else []
        orders += [BeManager(new.node, new.member)] if role == "manager" else []
        return [
            *self._take(papers, "role", now),
            *self._know(new, managers),
            *(Tell("manager", order) for order in orders),
            *self._ask(now),
            *self._maybe_joined(),
        ]

    # ── certificates ─────────────────────────────────────────────────────────────────────────────────────────────

    def _take(self, papers: Papers, why: str, now: int) -> list:
        """Show these papers from now on. What has changed about root and signer is told to the managers.

        They are on disk before it says who we are: if the power goes between the two, a node asks again what it is to be.
        """
        old, self.papers, self.next_key = self.papers, papers, 0
        self.expiry_at = max(
            renew_at(papers.certificate, self.keys), now + certificates.MINUTE
        )  # our clock may be wrong
        says, me = papers.says, self.identity
        whom = certificates.key_id(papers.tls.issuer_key), certificates.key_id(certificates.read(papers.root).key)
        fact = CertificateIssued(says.node, says.role, *whom, f"{says.serial:x}", says.ends, why)
        facts = [Note(fact), *([Note(RootTrusted(whom[1]))] if old and old.root != papers.root else [])]
        shown = [Save("papers", papers), *facts, *([Tell("guard", PapersChanged())] if old else [])]
        return [*shown, *(self._introduce(me, papers) if me and old and old.tls != papers.tls else [])]

    def _introduce(self, me: Identity, papers: Papers) -> list:
        return [Send(self._own_manager(me), "manager", Introduce(me.node, papers.tls))]

    def _rotate(self, me: Identity, papers: Papers, issuer_key: bytes, now: int) -> list:
        """The leader wants every certificate to be signed by this key; it may not have heard that ours is."""
        if papers.tls.issuer_key == issuer_key:
            return self._introduce(me, papers)
        if self.due != "rotation":
            self.renew_soon("rotation", now)
        return []

    def _trust(self, me: Identity, papers: Papers, root: bytes) -> list:
        """Another root from now on, if it is one that has signed our own certificate: whoever sends it need not be
        trusted. A rotation ends when every node has such a certificate, and so nobody is ever further behind."""
        if root == papers.root:
            return self._introduce(me, papers)
        if not certificates.path(papers.certificate, (), (root,)):
            return []
        self.papers = papers._replace(root=root)
        fact = RootTrusted(certificates.key_id(certificates.read(root).key))
        shown = [Save("papers", self.papers), Note(fact), Tell("guard", PapersChanged())]
        return [*shown, *self._introduce(me, self.papers)]

    # ── docker swarm leave ───────────────────────────────────────────────────────────────────────────────────────

    def check_leave(self, force: bool) -> bool:
        """Whether the other managers have to be counted first. Raises ApiError outside a swarm."""
        if not self.identity and not self.joining:
            raise ApiError(refusals.NOT_IN)
        if force or self.expelled or self.identity is None or self.identity.role == "worker":
            return False
        if not self.is_manager:
            raise ApiError(refusals.why_stay(None))
        return True

    def leave(self, call: int) -> list:
        """Make every core forget."""
        refused = self._answer_join(error=refusals.NOT_IN)
        return [*refused, *self._forget_all(), *answer(call)]

    def _forget_all(self) -> list:
        """Be no node any more."""
        me, self.identity, self.registered = self.identity, None, False
        self.wanted, self.expelled_at, self.renew_at, self.missing_at = "", NEVER, NEVER, NEVER
        self.papers, self.due, self.expiry_at, self.next_key = None, "", NEVER, 0
        self.error, self.shut = "" if self.shut else self.error, False
        effects = self._stop_joining()
        if me:
            effects += [Save("identity", None), Save("papers", None), Tell("guard", PapersChanged())]
            effects += [Note(SwarmLeft(me.node)), Tell("agent", BeNothing())]
            effects += [Tell("manager", BeNothing())] if me.role == "manager" else []
            effects += [Tell("gossip", LeaveGossip())]
        return effects
