"""Frames as layers and as bytes [networking.md §5.1]."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmlab.overlay import vxlan
from swarmlab.overlay.frames import (
    Ethernet,
    Icmp,
    IPv4,
    Tcp,
    Udp,
    Vxlan,
    checksum,
    container_mac,
    decode,
    encode,
    flow_port,
    headers_of,
    host_mac,
    tunnel,
)

ADDRESSES = st.integers(0, 2**32 - 1).map(lambda number: ".".join(map(str, number.to_bytes(4, "big"))))
PORTS = st.integers(0, 65_535).filter(lambda port: port != vxlan.PORT)
NUMBERS, SHORTS = st.integers(0, 2**32 - 1), st.integers(0, 65_535)
FLAGS = st.lists(st.sampled_from(["FIN", "SYN", "RST", "PSH", "ACK", "URG"]), unique=True)
ORDER = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"]

TCP = st.builds(
    Tcp,
    PORTS,
    PORTS,
    NUMBERS,
    NUMBERS,
    FLAGS.map(lambda names: " ".join(sorted(names, key=ORDER.index))),
    SHORTS,
    SHORTS,
)
UDP = st.builds(Udp, PORTS, PORTS, st.booleans())
ICMP = st.builds(Icmp, st.integers(0, 255), st.integers(0, 255), SHORTS, SHORTS)


@st.composite
def packets(draw):
    """The headers of a frame between containers, and what it carries."""
    last = draw(st.one_of(TCP, UDP, ICMP))
    protocol = {Tcp: 6, Udp: 17, Icmp: 1}[type(last)]
    packet = IPv4(
        draw(ADDRESSES), draw(ADDRESSES), protocol, draw(st.integers(0, 255)), draw(SHORTS), draw(st.booleans())
    )
    ethernet = Ethernet(container_mac(packet.target), container_mac(packet.source))
    return (ethernet, packet, last), draw(st.binary(max_size=60))


def segment(**fields):
    """A frame between two containers as in most tests here."""
    ethernet = Ethernet(container_mac("10.0.1.4"), container_mac("10.0.1.3"))
    return encode((ethernet, IPv4("10.0.1.3", "10.0.1.4", 6), Tcp(40_000, 80, **fields)), b"hello")


@given(packets())
def test_what_is_encoded_can_be_decoded_and_all_checksums_are_good(packet):
    frame = encode(*packet)
    assert headers_of(frame) == packet
    verdicts = [layer.fields["checksum"] for layer in decode(frame) if "checksum" in layer.fields]
    assert set(verdicts) <= {"good", "none"} and verdicts[0] == "good"


@given(packets(), st.integers(0, vxlan.LARGEST_VNI), ADDRESSES, ADDRESSES)
def test_a_tunnelled_frame_is_the_inner_one_behind_50_bytes(packet, vni, here, there):
    inner = encode(*packet)
    frame = tunnel(inner, vni, here, there)
    assert frame[50:] == inner
    headers, payload = headers_of(frame)
    assert (headers[3], headers[4:], payload) == (Vxlan(vni), *packet)
    assert headers[2] == Udp(flow_port(inner), 4789, checked=False)
    assert encode(headers, payload) == frame


@given(packets())
def test_layers_lie_inside_each_other_without_gaps(packet):
    frame = tunnel(encode(*packet), 4097, "192.168.1.10", "192.168.1.11")
    layers = decode(frame)
    assert (layers[0].start, layers[0].total) == (0, len(frame))
    for outer, inner in pairwise(layers):
        assert inner.start == outer.start + outer.length
        assert inner.start + inner.total == outer.start + outer.total == len(frame)
    assert layers[-1].length == layers[-1].total


@given(packets(), st.data())
def test_a_bit_that_flips_in_a_checked_place_is_noticed(packet, data):
    """The planted bug of this file: one bit of the IPv4 header, or of a TCP segment."""
    frame = bytearray(encode(*packet))
    checked = range(22, len(frame)) if isinstance(packet[0][2], Tcp) else range(22, 34)  # from the time to live on
    at = data.draw(st.sampled_from(checked))
    if at != 23 and not (at == 46 and len(checked) > 12):  # protocol and length of the header say how to read on
        frame[at] ^= 1 << data.draw(st.integers(0, 7))
        verdicts = [layer.fields.get("checksum") for layer in decode(bytes(frame))]
        assert "bad" in verdicts


@given(st.binary(max_size=120))
def test_any_bytes_are_decoded_or_refused_in_one_sentence(frame):
    try:
        layers = decode(frame)
    except ValueError as error:
        assert "\n" not in str(error)
    else:
        assert layers[0].total == len(frame)


@given(packets(), st.integers(0, 100))
def test_a_frame_cut_short_is_refused(packet, length):
    frame = tunnel(encode(*packet), 4097, "192.168.1.10", "192.168.1.11")
    with pytest.raises(ValueError, match=r"ends in the middle of a header|no VXLAN header"):
        decode(frame[: min(length, len(frame) - 1)])


def test_macs_of_containers_are_docker_s():
    """§5.1: 02:42: and the address in hex."""
    assert container_mac("10.0.1.3") == "02:42:0a:00:01:03"
    assert host_mac("192.168.1.10") == "52:54:c0:a8:01:0a"


def test_the_checksum_of_rfc_1071():
    """Its own example: the sum is ddf2; and a well-known IPv4 header, whose checksum is b861."""
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2
    assert checksum(bytes.fromhex("45000073000040004011 0000 c0a80001c0a800c7")) == 0xB861
    assert (checksum(b""), checksum(b"\xff\xff"), checksum(b"\x01")) == (0xFFFF, 0, 0xFFFF - 0x0100)


def test_a_checksum_of_udp_that_comes_out_as_0_is_written_as_ones():
    """RFC 768: 0 says that there is none."""
    headers = (Ethernet(container_mac("10.0.1.4"), container_mac("10.0.1.3")), IPv4("10.0.1.3", "10.0.1.4", 17))
    port = int.from_bytes(encode((*headers, Udp(40000, 0)))[-2:], "big")  # with it the sum is all ones
    frame = encode((*headers, Udp(40000, port)))
    assert frame[-2:] == b"\xff\xff" and decode(frame)[2].fields["checksum"] == "good"


def test_a_segment_without_data_is_a_packet_of_40_bytes():
    frame = encode(
        (Ethernet("02:42:0a:00:01:04", "02:42:0a:00:01:03"), IPv4("10.0.1.3", "10.0.1.4", 6), Tcp(40_000, 80))
    )
    assert len(frame) == 14 + 40 and len(tunnel(frame, 4097, "192.168.1.10", "192.168.1.11")) == 14 + 90


def test_frames_of_one_flow_keep_their_port_whatever_they_carry():
    assert flow_port(segment()) == flow_port(segment(sequence=77, flags="PSH ACK"))


def test_the_option_of_a_syn_is_read_back():
    layer = decode(segment(flags="SYN", mss=1410))[2]
    assert (layer.name, layer.length, layer.fields["mss"], layer.fields["flags"]) == ("TCP", 24, 1410, "SYN")


def test_another_data_path_port_is_told_to_the_reader():
    frame = tunnel(segment(), 4097, "192.168.1.10", "192.168.1.11", port=4790)
    assert [layer.name for layer in decode(frame)][2:] == ["UDP", "data"]
    assert [layer.name for layer in decode(frame, port=4790)][3:] == ["VXLAN", "Ethernet", "IPv4", "TCP", "data"]


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ((Tcp(1, 2),), "needs one of IPv4 around it"),
        ((IPv4("10.0.0.1", "10.0.0.2", 6), Tcp(70_000, 2)), "does not fit"),
        ((IPv4("10.0.0.1", "10.0.0.2", 6), Tcp(1, 2, flags="SIN")), "the flags of TCP are FIN, SYN"),
        ((IPv4("10.0.0.256", "10.0.0.2", 6),), "is not an IPv4 address"),
        (("VXLAN",), "is no header"),
    ],
)
def test_headers_that_cannot_be_are_refused_in_one_sentence(headers, words):
    with pytest.raises(ValueError, match=words):
        encode(headers)
