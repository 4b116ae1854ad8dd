"""Probes, helpers, suspicion and local health [SWIM §4; Lifeguard; memberlist, LAN profile; networking.md §3]."""

import pytest
from gossips import all_know_all, alone, cluster, living, queued, seconds_until, sends

from swarmlab.effects import MS, SECOND, WOKEN, Received
from swarmlab.events import PeerCleared, PeerFailed, PeerSuspected
from swarmlab.overlay import membership
from swarmlab.overlay.membership import Membership
from swarmlab.overlay.swim import ALIVE, FAILED, LEFT, PROBE_PERIOD, PROBE_TIMEOUT, SUSPECT, suspicion_time
from swarmlab.overlay.wire import Ack, Member, Nack, Ping, PingRequest, PushPull, Rumours


def probe(core):
    """Let it begin its next probe: (when, of whom, its number)."""
    now = core.deadline
    while not core.membership.probing.probe:
        now = core.deadline
        core.step(WOKEN, now)
    begun = core.membership.probing.probe
    return now, begun.target, begun.number


def advance(core, until):
    """Let it do all that is due until then."""
    effects = []
    while core.deadline <= until:
        effects += core.step(WOKEN, core.deadline)
    return effects


def accuse(core, machine, by, now, incarnation=1):
    return core.step(Received("a", Rumours((Member(machine, incarnation, SUSPECT, by),))), now)


def end_of(core, machine):
    return core.membership.suspicions[machine].end


# ── probes ──


def test_an_idle_node_costs_one_probe_and_one_ack_a_second():
    net = cluster(10, settle=30)
    net.sent.clear()
    net.run(60)
    assert net.sent["gossip", "Ping"] == pytest.approx(600, abs=10)
    assert net.sent["gossip", "Ack"] == net.sent["gossip", "Ping"]
    assert net.sent["gossip", "Rumours"] == net.sent["gossip", "PingRequest"] == 0
    assert net.sent["bulksync", "PushPull"] == pytest.approx(2 * 10 * 2, abs=10)
    assert net.sent["bulksync", "BulkSync"] == pytest.approx(2 * 10 * 2, abs=10)  # both networks in one


def test_after_half_a_second_three_others_and_tcp_shall_try():
    core = alone("a", "b", "c", "d", "e")
    now, target, number = probe(core)
    effects = advance(core, now + PROBE_TIMEOUT)
    asked = sends(effects, PingRequest)
    assert len({effect.to for effect in asked}) == 3 and target not in {effect.to for effect in asked}
    assert {effect.message[:2] for effect in asked} == {(number, target)}
    (tcp,) = [effect for effect in sends(effects, Ping) if effect.channel == "bulksync"]
    assert tcp.to == target and tcp.message.news == ()


@pytest.mark.parametrize("sender", ["target", "helper"])
def test_an_ack_until_the_end_of_the_second_is_enough_whoever_brings_it(sender):
    core = alone("a", "b", "c", "d", "e")
    now, target, number = probe(core)
    advance(core, now + PROBE_TIMEOUT)
    helper = next(name for name in core.others if name != target)
    core.step(Received(target if sender == "target" else helper, Ack(number, ())), now + 900 * MS)
    advance(core, now + PROBE_PERIOD)
    assert core.members[target].state == ALIVE and core.health == 0


def test_no_ack_until_the_end_of_the_second_is_a_suspicion():
    core = alone("a", "b", "c", "d", "e")
    now, target, number = probe(core)
    advance(core, now + PROBE_PERIOD - 1)
    core.step(Received(target, Ack(number - 1, ())), now + PROBE_PERIOD - 1)  # of an older probe: means nothing
    advance(core, now + PROBE_PERIOD)
    assert core.members[target] == Member(target, 1, SUSPECT, "me")
    assert Member(target, 1, SUSPECT, "me") in queued(core)


def test_a_helper_passes_the_ack_on_or_says_after_half_a_second_that_there_is_none():
    core = alone("a", "b", "c")
    (ping,) = sends(core.step(Received("a", PingRequest(7, "c", ())), 10), Ping)
    assert ping.to == "c" and ping.channel == "gossip"
    (passed,) = sends(core.step(Received("c", Ack(ping.message.number, ())), 20), Ack)
    assert passed.to == "a" and passed.message.number == 7
    core.step(Received("b", PingRequest(8, "c", ())), 30)
    (nack,) = sends(advance(core, 30 + PROBE_TIMEOUT), Nack)
    assert (nack.to, nack.message.number) == ("b", 8)


def test_whoever_is_suspected_is_told_so_with_the_next_ping():
    core = alone("a")
    accuse(core, "a", "x", 2)
    (ping,) = sends(core.step(WOKEN, core.membership.probing.probe_at), Ping)
    assert ping.message.news == (Member("a", 1, SUSPECT, "me"),)


def test_the_round_is_shuffled_and_nobody_waits_longer_than_two_rounds():
    core = alone(*"abcdefgh")
    seen = []
    for _ in range(40):
        now, target, number = probe(core)
        seen.append(target)
        core.step(Received(target, Ack(number, ())), now + MS)
        advance(core, now + PROBE_PERIOD - 1)
    gaps = [seen[n:].index(name) for name in "abcdefgh" for n in range(40 - 2 * 8)]
    assert max(gaps) <= 2 * 8 - 1 and seen[:8] != seen[8:16]


def test_who_stood_still_suspects_nobody_for_the_acks_it_could_not_hear():
    core = alone("a")
    now, _, number = probe(core)
    (again,) = sends(core.step(WOKEN, now + 3 * SECOND), Ping)
    assert again.channel == "bulksync" and core.members["a"].state == ALIVE
    core.step(Received("a", Ack(number, ())), now + 3 * SECOND + 1)
    advance(core, now + 3 * SECOND + 2)
    assert core.members["a"].state == ALIVE


# ── local health ──


def failed_probe(core, nacks):
    now, target, number = probe(core)
    advance(core, now + PROBE_TIMEOUT)
    for name in [name for name in core.others if name != target][:nacks]:
        core.step(Received(name, Nack(number, ())), now + PROBE_TIMEOUT + 1)
    advance(core, core.membership.probing.probe.end)


@pytest.mark.parametrize("nacks, health", [(3, 0), (1, 2), (0, 3)])
def test_helpers_that_are_not_heard_make_a_node_doubt_itself(nacks, health):
    core = alone("a", "b", "c", "d", "e")
    failed_probe(core, nacks)
    assert core.health == health


def test_a_refuted_accusation_makes_a_node_doubt_itself_and_a_good_probe_comforts_it():
    core = alone("a", "b")
    accuse(core, "me", "b", 2)
    assert core.health == 1 and core.members["me"] == Member("me", 2, ALIVE)
    now, target, number = probe(core)
    core.step(Received(target, Ack(number, ())), now + MS)
    assert core.health == 0


def test_a_node_that_doubts_itself_gives_others_more_time():
    core = alone("a", "b", "c", "d", "e")
    accuse(core, "me", "b", 2)
    now, target, _ = probe(core)
    assert core.deadline == core.membership.gossip_at or core.deadline == now + 2 * PROBE_TIMEOUT
    assert not sends(advance(core, now + 2 * PROBE_TIMEOUT - 1), PingRequest)
    assert sends(advance(core, now + 2 * PROBE_TIMEOUT), PingRequest)
    advance(core, now + 2 * PROBE_PERIOD - 1)
    assert core.members[target].state == ALIVE
    advance(core, now + 2 * PROBE_PERIOD)
    assert core.members[target].state == SUSPECT


# ── suspicion ──


def test_a_suspicion_begins_at_six_times_the_least_and_shrinks_with_each_accuser():
    core = alone(*"abcdefghi")
    ends = []
    for by in "bcd":
        accuse(core, "a", by, 10)
        ends.append(end_of(core, "a"))
    assert ends == [10 + suspicion_time(10, c) for c in range(3)]


def test_an_accuser_counts_once_and_more_than_are_expected_not_at_all():
    core = alone(*"abcdefghi")
    for by in "bbb":
        accuse(core, "a", by, 10)
    assert end_of(core, "a") == 10 + 24 * SECOND
    for by in "cdef":
        accuse(core, "a", by, 10)
    assert core.membership.suspicions["a"].accusers == ("b", "c", "d")


def test_a_confirmation_is_passed_on():
    core = alone(*"abcdefghi")
    accuse(core, "a", "b", 10)
    core.membership.queue.clear()
    accuse(core, "a", "b", 11)
    assert not queued(core)
    accuse(core, "a", "c", 12)
    assert queued(core) == [Member("a", 1, SUSPECT, "c")]


def test_a_confirmation_that_comes_late_ends_the_suspicion_at_once():
    core = alone(*"abcdefghi")
    accuse(core, "a", "b", 10)
    accuse(core, "a", "c", 5 * SECOND)
    accuse(core, "a", "d", 6 * SECOND)  # four seconds have long passed
    advance(core, 6 * SECOND + 1)
    assert core.members["a"].state == FAILED


def test_an_old_accusation_means_nothing_to_the_accused():
    core = alone("a")
    accuse(core, "me", "a", 2)
    assert core.members["me"].incarnation == 2
    core.membership.queue.clear()
    accuse(core, "me", "a", 3)
    assert core.members["me"].incarnation == 2 and not queued(core)


def test_a_dead_member_fails_everywhere_but_not_before_the_suspicion_is_over():
    net = cluster(20)
    died = net.now
    net.crash("n5")
    net.run(60)
    suspected = min(time for time, _, fact in net.facts_of(PeerSuspected) if fact.machine == "n5")
    failed = [time for time, _, fact in net.facts_of(PeerFailed) if fact.machine == "n5"]
    least, most = suspicion_time(20, 2), suspicion_time(20, 0)
    assert len(failed) == 19 and not [fact for _, _, fact in net.facts_of(PeerFailed) if fact.machine != "n5"]
    assert min(failed) - suspected >= least and max(failed) - died <= most + 4 * SECOND


def test_a_failure_without_patience_is_caught(monkeypatch):
    monkeypatch.setattr(membership, "suspicion_time", lambda members, confirmations: SECOND)
    with pytest.raises(AssertionError):
        test_a_dead_member_fails_everywhere_but_not_before_the_suspicion_is_over()


def test_a_slow_member_refutes():
    suspected = cleared = 0
    for seed in range(6):  # in a few runs nobody happens to probe it meanwhile
        net = cluster(10, seed)
        net.freeze("n3", net.now + 3 * SECOND)
        net.run(40)
        suspected += sum(fact.machine == "n3" for _, _, fact in net.facts_of(PeerSuspected))
        cleared += sum(fact.machine == "n3" for _, _, fact in net.facts_of(PeerCleared))
        assert not [fact for _, _, fact in net.facts_of(PeerFailed) if fact.machine == "n3"] and all_know_all(net)
    assert suspected == cleared > 0


def test_a_member_that_cannot_refute_is_caught(monkeypatch):
    monkeypatch.setattr(Membership, "_refute", lambda self, row: None)
    with pytest.raises(AssertionError):
        test_a_slow_member_refutes()


def test_in_a_push_pull_a_failure_is_only_a_suspicion():
    core = alone("a", "b")
    core.step(Received("a", PushPull((Member("b", 1, FAILED),), (), True)), 2)
    assert core.members["b"] == Member("b", 1, SUSPECT, "me") and "b" in core.others


def test_news_go_to_the_dead_for_half_a_minute_should_they_live_after_all():
    core = alone("a", "b")
    core.step(Received("a", Rumours((Member("b", 1, FAILED),))), 2)
    told = {effect.to for effect in sends(advance(core, 2 * SECOND), Rumours)}
    assert told == {"a", "b"}
    core.membership.queue.clear()
    advance(core, 31 * SECOND)
    core.step(Received("a", Rumours((Member("c", 1, ALIVE),))), 31 * SECOND)
    told = {effect.to for effect in sends(advance(core, 32 * SECOND), Rumours)}
    assert told == {"a", "c"}


def test_who_failed_is_forgotten_after_a_day():
    core = alone("a", "b", "c")
    core.step(Received("a", Rumours((Member("b", 1, FAILED), Member("c", 1, LEFT)))), 2)
    assert 24 * 3600 * SECOND <= core.membership.forget_at <= 26 * 3600 * SECOND
    core.step(WOKEN, core.membership.forget_at)
    assert "b" not in core.members and "c" not in core.members and not core.membership.gone


# ── a cluster ──


def test_after_a_partition_both_halves_find_each_other():
    net = cluster(8)
    net.island = {"n4", "n5", "n6", "n7"}
    net.run(150)  # few are left to confirm, and all doubt themselves
    assert living(net, "n0") == ["n1", "n2", "n3"] and living(net, "n7") == ["n4", "n5", "n6"]
    net.island.clear()
    assert seconds_until(net, lambda: all_know_all(net)) < 4
