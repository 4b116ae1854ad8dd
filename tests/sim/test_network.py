"""Links: latency, bandwidth, loss, partitions, blocked ports."""

from toys import Ping, Rack, Send

from swarmlab.sim.network import LAN, Latency


def send_many(rack, n=200, to="b", channel="toy", size=0):
    for number in range(n):
        rack.do("a", Send(to, channel, Ping(number), size))
    rack.run(60_000_000)
    core = "toy" if channel == "toy" else "other"
    return [(time, message.number) for time, _, message in rack.heard("b", core)]


def test_a_message_arrives_within_the_latency_of_its_link():
    rack = Rack()
    arrivals = []
    for number in range(100):
        start = rack.kernel.now
        rack.do("a", Send("b", "toy", Ping(number)))
        rack.run(10_000)
        arrivals.append(rack.heard("b")[-1][0] - start)
    assert LAN.floor <= min(arrivals) and max(arrivals) < LAN.floor + LAN.spread
    assert max(arrivals) - min(arrivals) > LAN.spread / 2


def test_a_link_keeps_the_order_unless_it_is_told_to_reorder():
    rack = Rack()
    assert [n for _, n in send_many(rack)] == list(range(200))
    rack = Rack()
    rack.network.change("a", "b", reorder=0.3)
    numbers = [n for _, n in send_many(rack)]
    assert sorted(numbers) == list(range(200)) and numbers != sorted(numbers)


def test_machines_are_found_by_name_and_by_address_and_nobody_else_is():
    rack = Rack()
    rack.do("a", Send(f"10.0.0.{ord('b')}", "toy", Ping(1)), Send("nobody", "toy", Ping(2)))
    rack.run()
    assert [m for *_, m in rack.heard("b")] == [Ping(1)]
    assert rack.trace.messages[-1].fate == "down"


def test_loss_and_duplication_happen_as_often_as_asked():
    rack = Rack()
    rack.network.change("a", "b", loss=0.25)
    assert 600 < len(send_many(rack, 1000)) < 900
    rack = Rack()
    rack.network.change("a", "b", duplicate=0.25)
    assert 1150 < len(send_many(rack, 1000)) < 1350


def test_a_partition_cuts_between_groups_and_leaves_everybody_else_alone():
    rack = Rack("abcd")
    rack.network.partition((("a",), ("b", "c")))
    for name in "bcd":
        rack.do("a", Send(name, "toy", Ping(0)))
    rack.do("b", Send("c", "toy", Ping(1)))
    rack.run()
    assert [len(rack.heard(name)) for name in "bcd"] == [0, 1, 1]
    assert [m.fate for m in rack.trace.messages] == ["cut", "cut", "", ""]
    rack.network.heal()
    assert len(send_many(rack, 1)) == 1


def test_a_one_way_partition_lets_the_other_direction_through():
    rack = Rack("ab")
    rack.network.partition((("a",), ("b",)), one_way=True)
    rack.do("a", Send("b", "toy", Ping(0)))
    rack.do("b", Send("a", "toy", Ping(1)))
    rack.run()
    assert (len(rack.heard("b")), len(rack.heard("a"))) == (0, 1)


def test_a_blocked_port_stops_its_channels_both_ways_and_no_others():
    rack = Rack("ab")
    rack.network.block("b", "1000/udp")
    rack.do("a", Send("b", "toy", Ping(0)), Send("b", "other", Ping(1)))
    rack.do("b", Send("a", "toy", Ping(2)))
    rack.run()
    assert (rack.heard("b"), len(rack.heard("b", "other")), rack.heard("a")) == ([], 1, [])
    rack.network.unblock("b", "1000/udp")
    assert len(send_many(rack, 1)) == 1


def test_loopback_needs_no_cable_and_no_firewall():
    rack = Rack("ab")
    rack.network.block("a", "1000/udp")
    rack.network.partition((("a",), ("b",)))
    rack.do("a", Send("a", "toy", Ping(0)))
    rack.run(100)
    assert len(rack.heard("a")) == 1


def test_a_flapping_link_loses_what_is_sent_while_it_is_down():
    rack = Rack("ab")
    rack.network.change("a", "b", flapping=1_000_000)
    for number in range(4):
        rack.do("a", Send("b", "toy", Ping(number)))
        rack.run(1_000_000)
    assert [m.number for *_, m in rack.heard("b")] == [0, 2]


def test_bandwidth_delays_large_messages_which_share_the_wire():
    rack = Rack("ab")
    rack.network.change("a", "b", bandwidth=1_000_000)
    (first, _), (second, _) = send_many(rack, 2, size=500_000)
    assert 500_000 <= first < 502_000 and 1_000_000 <= second < 1_002_000


def test_latency_can_have_a_tail():
    rack = Rack("ab")
    rack.network.change("a", "b", latency=Latency(1_000, 2_000, tail=True), reorder=1e-9)
    times = sorted(t for t, _ in send_many(rack, 1000))
    assert times[0] >= 1_000 and times[-1] > 9_000


def test_a_link_without_anything_unusual_takes_the_fast_way_and_means_the_same():
    """Both ways of sending draw the same latencies, so a fault that ends leaves no difference behind."""
    fast, slow = Rack("ab", seed=3), Rack("ab", seed=3)
    for line in (slow.network.line("a", "b"), slow.network.line("b", "a")):
        line.plain = False
    assert send_many(fast) == send_many(slow)
    assert fast.trace.messages == slow.trace.messages


def test_large_and_small_messages_keep_their_order_too():
    rack = Rack("ab")
    rack.network.change("a", "b", bandwidth=10_000)
    for number in range(6):
        rack.do("a", Send("b", "toy", Ping(number), 1000 if number % 2 else 0))
    rack.run(5_000_000)
    assert [message.number for *_, message in rack.heard("b")] == list(range(6))


def test_a_message_to_a_machine_without_power_is_told_as_such():
    rack = Rack("ab")
    rack.machines["b"].crash()
    rack.do("a", Send("b", "toy", Ping(1)))
    assert (rack.trace.messages[-1].fate, rack.trace.messages[-1].arrived) == ("down", -1)
