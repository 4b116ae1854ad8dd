"""A packet on its way, and its bytes: every address is printed where it changes, and every box has its true size."""

import pytest

from swarmlab.viz import ink
from swarmlab.viz.bytebox import Part, draw_bytes, packets, parts_of, tell_bytes
from swarmlab.viz.chips import kind_of, kinds_of
from swarmlab.viz.packetfold import changes, hops_of, lanes_of
from swarmlab.viz.packetpath import Hop, draw_packet, packet_strip, tell_packet

HOSTS = ("192.168.56.11", "192.168.56.12")
KINDS = {"10.0.0.3": "node", "10.0.1.2": "vip", "10.0.1.4": "node"}
INGRESS = [
    Hop("client", "client", "asks worker-1", "203.0.113.9", "192.168.56.11:8080"),
    Hop("worker-1", "host", "DNAT", "203.0.113.9", "172.18.0.2:8080"),
    Hop("worker-1", "gwbridge", "to ingress_sbox", "203.0.113.9", "172.18.0.2:8080"),
    Hop("worker-1", "sandbox", "IPVS picks web.2", "10.0.0.3", "10.0.0.9:8080"),
    Hop("worker-1", "bridge", "the MAC is behind worker-2", "10.0.0.3", "10.0.0.9:8080"),
    Hop("worker-1", "vtep", "VNI 4096", "10.0.0.3", "10.0.0.9:8080", HOSTS),
    Hop("worker-1", "host", "out of eth0", "10.0.0.3", "10.0.0.9:8080", HOSTS),
    Hop("worker-2", "host", "in at eth0", "10.0.0.3", "10.0.0.9:8080", HOSTS),
    Hop("worker-2", "vtep", "unwraps", "10.0.0.3", "10.0.0.9:8080"),
    Hop("worker-2", "bridge", "to its port", "10.0.0.3", "10.0.0.9:8080"),
    Hop("worker-2", "container", "REDIRECT", "10.0.0.3", "10.0.0.9:80"),
]
WITHIN = [  # from a task to a VIP: down to the bridge, up to the load balancer, down again
    Hop("worker-1", "container", "web.1 asks", "10.0.1.7", "10.0.1.2:80"),
    Hop("worker-1", "bridge", "", "10.0.1.7", "10.0.1.2:80"),
    Hop("worker-1", "sandbox", "IPVS", "10.0.1.4", "10.0.1.9:80"),
    Hop("worker-1", "bridge", "", "10.0.1.4", "10.0.1.9:80"),
    Hop("worker-1", "container", "api.1 has it", "10.0.1.4", "10.0.1.9:80"),
]


def words(drawn):
    return [text.get_text() for text in ink.figure_of(drawn).findobj(lambda a: hasattr(a, "get_text"))]


def test_addresses_are_told_where_they_change_and_nowhere_else():
    assert [n for n in range(len(INGRESS)) if changes(INGRESS, n)] == [0, 1, 3, 5, 8, 10]
    assert changes(INGRESS, 3) == [("from", "203.0.113.9", "10.0.0.3"), ("to", "172.18.0.2:8080", "10.0.0.9:8080")]
    assert changes(INGRESS, 8) == [("unwrapped", "", "")]


def test_four_kinds_of_address_are_told_apart():
    assert [kind_of(a) for a in ("10.0.1.7:80", "172.18.0.2", "192.168.56.11", "203.0.113.9")] == [
        "task",
        "gateway",
        "host",
        "outside",
    ]
    assert kind_of("10.0.1.2:80", KINDS) == "vip"
    assert kinds_of([("10.0.1.2", "virtual IP", "web")], [("10.0.0.3", "node", "w")]) == {
        "10.0.1.2": "vip",
        "10.0.0.3": "node",
    }


def test_a_packet_of_a_real_run_is_drawn_as_it_is():
    from swarmlab import Cluster

    cluster = Cluster(managers=1, workers=2, seed=5)
    cluster.docker("service create --name web --replicas 1 -p 8080:80 nginx")
    cluster.run_for(20)
    (task,) = cluster.tasks
    home = next(node.machine for node in cluster.nodes if node.id == task.node)
    other = next(node.machine for node in cluster.nodes if node.machine != home)
    way = cluster.trace_packet("client", f"http://{other}:8080/")
    hops, kinds = hops_of(way), kinds_of(cluster.addresses("ingress"))
    assert len(hops) == len(way.there) and {hop.machine for hop in hops} == {"client", other, home}
    assert ":" not in hops[0].source and hops[0].target.endswith(":8080"), "a port that the kernel made up says nothing"
    said = tell_packet(way, kinds=kinds)
    assert "from node 10.0.0." in said and "in a packet from host 192.168." in said
    assert "the packet now" in words(draw_packet(way, kinds=kinds)) and words(packet_strip(way, kinds=kinds))


def test_a_lane_ends_where_the_packet_turns_round_or_leaves():
    assert lanes_of(INGRESS) == [0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3]
    assert lanes_of(WITHIN) == [0, 0, 1, 1, 2]


def test_a_stepper_shows_so_many_stops():
    for upto in (1, 5, len(INGRESS)):
        numbers = [text for text in words(draw_packet(INGRESS, upto=upto, kinds=KINDS)) if text.isdigit()]
        assert numbers == [str(n + 1) for n in range(upto)]
    assert ink.figure_of(draw_packet(INGRESS, upto=1)).get_figheight() == (
        ink.figure_of(draw_packet(INGRESS)).get_figheight()
    ), "the picture keeps its size"


def test_the_packet_is_drawn_as_it_is_at_the_stop():
    wrapped, bare = words(draw_packet(INGRESS, 6, KINDS)), words(draw_packet(INGRESS, 5, KINDS))
    assert wrapped.count("host 192.168.56.12") == 2 and "host 192.168.56.12" not in bare
    assert "lost here" in words(draw_packet([INGRESS[0], INGRESS[1]._replace(lost=True)]))


def test_the_strip_takes_the_stops_at_which_something_changes():
    titles = [text for text in words(packet_strip(INGRESS, kinds=KINDS)) if text.split(" ")[0].isdigit()]
    assert [int(title.split(" ")[0]) for title in titles] == [1, 2, 4, 6, 9, 11]
    assert len([t for t in words(packet_strip(INGRESS, [3, 4])) if t.startswith(("3 ", "4 "))]) == 2


def test_the_words_tell_every_stop():
    said = tell_packet(INGRESS, kinds=KINDS)
    assert said.startswith("A packet in 11 stops: 1 client, client: asks worker-1 (from outside 203.0.113.9")
    assert "from node 10.0.0.3 instead of 203.0.113.9" in said
    assert tell_packet(INGRESS, 2).startswith("Stop 2 of 11: 2 worker-1, host: DNAT")


def test_an_empty_way_and_an_unknown_layer_are_refused():
    with pytest.raises(ValueError, match="the packet went nowhere"):
        draw_packet([])
    with pytest.raises(ValueError, match="layer 'cloud' is none of: client, container"):
        draw_packet([("a", "cloud", "", "10.0.0.1", "10.0.0.2")])


# ── bytes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def frame(payload):
    """A TCP segment in VXLAN: 104 bytes of headers."""
    sizes = (("outer Ethernet", 14), ("outer IP", 20), ("UDP", 8), ("VXLAN", 8))
    sizes += (("inner Ethernet", 14), ("inner IP", 20), ("TCP", 20), ("payload", payload))
    parts, start = [], 0
    for name, size in sizes:
        parts.append(Part(name, start, size, (("bytes", size),)))
        start += size
    return parts


def sealed(payload):
    head = frame(payload)[:2]
    inside = payload + 72
    return [*head, Part("ESP", 34, 16), Part("encrypted", 50, inside), Part("ICV", 50 + inside, 8)]


def test_boxes_are_to_scale():
    ax = draw_bytes(frame(36))
    boxes = [p.get_bbox() for p in ax.patches if p.get_facecolor()[3] > 0]
    wide = sorted(round(box.width / (ink.WIDTH - 0.4) * 140) for box in boxes)
    assert wide == [8, 8, 14, 14, 20, 20, 20, 36]


def test_an_mtu_counts_from_behind_the_ethernet_header():
    assert packets(parts_of(frame(1410)), 1500, 1450) == [
        ("on the wire", 14, 1500, 1500),
        ("in the container", 64, 1450, 1450),
    ]
    assert "50 too many" in tell_bytes(frame(1460), 1500, 1450) and "it fits" in tell_bytes(frame(1410), 1500, 1450)


def test_what_is_too_long_is_wrong_and_what_fits_is_not():
    def wrong(ax):
        return [line for line in ax.lines if line.get_color() == ink.WRONG]

    assert len(wrong(draw_bytes(frame(1460), mtu=1500, inside=1450))) == 2 and not wrong(draw_bytes(frame(1410)))


def test_of_an_encrypted_frame_only_the_shell_is_seen():
    parts = parts_of(sealed(18))
    assert [part.kind for part in parts] == ["header", "header", "header", "sealed", "trailer"]
    assert [row[0] for row in packets(parts, 1500, 1424)] == ["on the wire"]
    assert "VXLAN" not in " ".join(words(draw_bytes(sealed(18))))


def test_the_bytes_stand_below_as_many_as_were_asked_for():
    said = words(draw_bytes(frame(200), bytes(range(256)) + bytes(48), lines=4))
    assert said.count("3f") == 1 and "40" not in said and "… and 240 bytes more" in said
    assert any(text.startswith("VXLAN: bytes 8") for text in said)


def test_parts_that_overlap_are_refused():
    with pytest.raises(ValueError, match="b begins at byte 3, inside a"):
        draw_bytes([("a", 0, 4), ("b", 3, 4)])


def test_the_layers_of_a_real_frame_are_boxes():
    from swarmlab.overlay.frames import Ethernet, IPv4, Tcp, container_mac, decode, encode, tunnel

    macs = Ethernet(container_mac("10.0.1.4"), container_mac("10.0.1.3"))
    inner = encode((macs, IPv4("10.0.1.3", "10.0.1.4", 6), Tcp(40000, 80, flags="PSH ACK")), bytes(1410))
    whole = tunnel(inner, 4097, "192.168.1.10", "192.168.1.11")
    parts = parts_of(decode(whole))
    assert [(part.name, part.length) for part in parts] == [(part.name, part.length) for part in frame(1410)]
    assert (
        packets(parts, 1500, 1450)[1][2] == 1450 and "VNI" in " ".join(words(draw_bytes(decode(whole), whole))).upper()
    )


def test_the_layers_of_an_encrypted_frame_are_boxes():
    esp = pytest.importorskip("swarmlab.overlay.esp")
    pytest.importorskip("cryptography")
    from random import Random

    from swarmlab.overlay.frames import decode, tunnel

    there, _ = esp.both_ways("192.168.1.10", "192.168.1.11", tag=7, key=bytes(16))
    whole = esp.seal(tunnel(bytes(54), 4097, "192.168.1.10", "192.168.1.11"), there, 1, esp.draw_iv(Random(7)))
    parts = parts_of(decode(whole))
    assert [(part.name.partition(":")[0], part.kind) for part in parts] == [
        ("outer Ethernet", "header"),
        ("outer IP", "header"),
        ("ESP", "header"),
        ("encrypted", "sealed"),
        ("ICV", "trailer"),
    ]
    assert "4097" not in tell_bytes(decode(whole))
