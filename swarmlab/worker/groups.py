"""Applications that need each other: each says hello to the others, and does its work only while it sees enough of them.

A broker that sees half of its cluster or less pauses (`pause_minority`): it refuses everybody. A search node that sees fewer
than `discovery.zen.minimum_master_nodes` has no master, and answers 503. Who leaves says goodbye; who falls silent is missed
after `lost`: 60 s (RabbitMQ's net_ticktime), 90 s (Elasticsearch: three pings of 30 s).
Source: RabbitMQ documentation, "Clustering and Network Partitions", "Net Tick Time"; Elasticsearch 6.4 Reference, "Zen Discovery".
"""

# Simpler than in reality (docs/simplifications.md): hellos, search-node

from typing import TYPE_CHECKING, Any

from ..effects import SECOND, Note, Tell
from ..events import MasterChosen, MemberMissed, MemberSeen, QuorumFound, QuorumLost
from ..messages import Resolve, Resolved
from ..overlay.wire import Response
from . import asking
from .asking import Asked, Target
from .box import Box
from .images import Group

if TYPE_CHECKING:
    from .executor import Executor

SOON = SECOND  # until the next hello to one that is not seen


class Member:
    """What one member of a group knows of the others."""

    def __init__(self, rules: Group, name: str, peers: tuple[str, ...], found_by: str, least: int):
        self.rules, self.name, self.peers, self.found_by, self.least = rules, name, peers, found_by, least
        self.seen: dict[str, int] = {}  # when it last answered
        self.due: dict[str, int] = {}  # when it is said hello to again
        self.able, self.master = False, ""


def member_of(box: Box, rules: Group, env: dict[str, str]) -> Member | None:
    """As whom a container takes part; None if it has no company."""
    found_by = env.get("discovery.zen.ping.unicast.hosts", "") if rules.elects else ""
    least = env.get("discovery.zen.minimum_master_nodes", "") if rules.elects else ""
    number = int(least) if least.isascii() and least.isdigit() else rules.least
    name = box.container.settings.hostname
    if found_by:
        return Member(rules, "", (), found_by.partition(",")[0].partition(":")[0], number)
    if name not in rules.members:
        return None
    return Member(rules, name, tuple(one for one in rules.members if one != name), "", number)


def wake(here: "Executor", key: str, member: Member, started_at: int, now: int) -> list:
    """Whose turn it is hears a hello, and who was silent for too long is missed."""
    for peer in [peer for peer, last in member.seen.items() if now - last >= member.rules.lost]:
        del member.seen[peer]
    effects = _judge(here, key, member, now)
    if member.found_by:
        here.set(now + (member.rules.tick if member.able else SOON), "hello", key, (started_at,))
        here.asks += 1
        return [*effects, Tell("mesh", Resolve(here.asks, member.found_by, key))]
    effects += greet(here, key, member, now)
    due = min((member.due[peer] for peer in member.peers), default=now + member.rules.tick)
    here.set(max(due, now + 1), "hello", key, (started_at,))
    return effects


def resolved(here: "Executor", key: str, member: Member, found: Resolved, now: int) -> list:
    """The names service has said who there is."""
    member.name = next((one for one in found.own if one in found.addresses), member.name or found.own[-1])
    member.peers = tuple(sorted(one for one in (*found.addresses, *member.seen) if one != member.name))
    member.peers = tuple(dict.fromkeys(member.peers))
    return [*greet(here, key, member, now), *_judge(here, key, member, now)]


def greet(here: "Executor", key: str, member: Member, now: int) -> list:
    """Say hello to those whose turn it is."""
    effects: list = []
    for peer in member.peers:
        if peer in member.seen and member.due.get(peer, 0) > now:
            continue
        member.due[peer] = now + (member.rules.tick if peer in member.seen else SOON)
        effects += asking.ask(here, key, met, peer, _at(member, peer), now, "/hello", body=_word(here, key, member))
    return effects


def met(here: "Executor", asked: Asked, response: Response, now: int) -> list:
    """A member has answered; whoever is not there says nothing that counts."""
    app, peer = here.apps[asked.key], asked.about
    if response.status != 200 or response.body is None:
        return []
    app.member.seen[peer] = now
    app.member.due[peer] = max(now + app.member.rules.tick, app.member.due.get(peer, 0))
    more = app.shelf.welcomed(here, asked.key, peer, response.body, now) if app.shelf else []
    return [*more, *_judge(here, asked.key, app.member, now)]


def _at(member: Member, peer: str) -> Target:
    return Target(peer, member.rules.port, member.rules.over)


def _word(here: "Executor", key: str, member: Member) -> tuple[str, str]:
    shelf = here.apps[key].shelf
    return member.name, shelf.mirror if shelf else ""


def greeted(here: "Executor", key: str, word: Any) -> tuple[str, int]:
    """What a member says to a hello: that it is there, and how many messages it keeps for the other one."""
    app = here.apps[key]
    return app.member.name, app.shelf.kept_for(*word) if app.shelf else 0


def goodbye(here: "Executor", key: str, member: Member, now: int) -> list:
    """The process ends: its connections are closed, and the others hear that at once."""
    says = (asking.tell(here, key, _at(member, peer), now, "/bye", member.name) for peer in member.seen)
    return [effect for effects in says for effect in effects]


def parted(here: "Executor", key: str, member: Member, peer: str, now: int) -> list:
    """A member has gone."""
    member.seen.pop(peer, None)
    return _judge(here, key, member, now)


# ── enough of them? ──────────────────────────────────────────────────────────────────────────────────────────────


def _judge(here: "Executor", key: str, member: Member, now: int) -> list:
    """What follows from who is seen now."""
    task, group = here.boxes[key].container.task, member.rules.name
    known, app = here.apps[key].known, here.apps[key]
    came = [Note(MemberSeen(task, group, peer)) for peer in member.seen if peer not in known]
    went = [Note(MemberMissed(task, group, peer)) for peer in known if peer not in member.seen]
    app.known = dict.fromkeys(member.seen)
    effects: list = [*came, *went]
    sees = 1 + len(member.seen)
    able = sees >= member.least and (bool(member.name) or not member.found_by)
    if able != member.able:
        member.able = able
        fact = QuorumFound if able else QuorumLost
        effects += [Note(fact(task, group, sees, member.least)), *here.open_or_shut(key, now)]
    master = min((member.name, *member.seen)) if able and member.rules.elects else ""
    if master != member.master:
        member.master = master
        effects += [Note(MasterChosen(task, group, master, sees))] if master else []
    if (came or went) and app.shelf:
        app.shelf.stir(here, key, now)
    return effects
