"""Captures, and a conversation in one: Wireshark is to find nothing to complain about [networking.md §5.1]."""

from pathlib import Path

import pytest
import tshark
from hypothesis import given
from hypothesis import strategies as st

from swarmlab.overlay import pcap
from swarmlab.overlay.conversation import WINDOW, conversation
from swarmlab.overlay.frames import IPv4, Tcp, headers_of

ENDS = ("10.0.1.3", 40_000), ("10.0.1.4", 80), 4097, ("192.168.1.10", "192.168.1.11")
REQUEST = b"GET / HTTP/1.1\r\nHost: web\r\n\r\n"


def segments(rows):
    """The inner addresses, TCP header and data of each frame."""
    found = []
    for _, frame in rows:
        headers, data = headers_of(frame)
        packet, segment = headers[-2:]
        assert isinstance(packet, IPv4) and isinstance(segment, Tcp)
        found.append((packet.source, segment, data))
    return found


# the file


def test_the_header_of_a_capture():
    """§5.1: magic, version 2.4, no offset, 262144 bytes at the most, Ethernet; then seconds, microseconds, two lengths."""
    found = pcap.dump([(3_000_007, b"frame")])
    assert found[:24].hex() == "d4c3b2a10200040000000000000000000000040001000000"
    assert found[24:40].hex() == "03000000070000000500000005000000" and found[40:] == b"frame"


@given(st.lists(st.tuples(st.integers(0, 2**32 * 1_000_000 - 1), st.binary(max_size=99))))
def test_what_is_dumped_can_be_loaded(rows):
    assert pcap.load(pcap.dump(rows)) == rows


@pytest.mark.parametrize("bytes_", [b"", b"PNG", bytes(40), pcap.dump([])[:20], b"\x0a\x0d\x0d\x0a" + bytes(40)])
def test_another_file_is_refused(bytes_):
    with pytest.raises(ValueError, match="no capture file"):
        pcap.load(bytes_)


@pytest.mark.parametrize("cut", [1, 5, 6, 20])
def test_a_capture_cut_short_is_refused(cut):
    with pytest.raises(ValueError, match="ends in the middle of a record, at byte"):
        pcap.load(pcap.dump([(0, b"frame"), (1, b"frame")])[:-cut])


# a conversation


def test_a_conversation_is_greeting_request_response_farewell():
    rows = conversation(*ENDS, REQUEST, 3000)
    said = [(source[-1], segment.flags, len(data)) for source, segment, data in segments(rows)]
    assert said == [
        ("3", "SYN", 0),
        ("4", "SYN ACK", 0),
        ("3", "ACK", 0),
        ("3", "PSH ACK", 29),
        ("4", "ACK", 0),
        ("4", "ACK", 1410),
        ("4", "ACK", 1410),
        ("4", "PSH ACK", 180),
        ("3", "ACK", 0),
        ("4", "FIN ACK", 0),
        ("3", "FIN ACK", 0),
        ("4", "ACK", 0),
    ]
    assert [time for time, _ in rows] == sorted({time for time, _ in rows})
    assert max(len(frame) for _, frame in rows) == 14 + 1500


@given(st.binary(max_size=300), st.binary(max_size=3000), st.integers(50, 1410), st.integers(0, 10**9))
def test_numbers_follow_the_bytes_and_all_of_them_arrive(request_, response, mss, start):
    rows = conversation(*ENDS, request_, response, mss, start=start)
    assert rows[0][0] == start
    said = {"10.0.1.3": b"", "10.0.1.4": b""}
    following: dict[str, int] = {}
    for source, segment, data in segments(rows):
        other = "10.0.1.4" if source == "10.0.1.3" else "10.0.1.3"
        assert following.get(source, segment.sequence) == segment.sequence
        assert segment.acknowledgement == following.get(other, 0) and len(data) <= mss
        following[source] = (segment.sequence + len(data) + len({"SYN", "FIN"} & set(segment.flags.split()))) % 2**32
        said[source] += data
    assert list(said.values()) == [request_, response]


def test_no_more_is_under_way_than_the_window_lets():
    under_way = most = 0
    for source, _, data in segments(conversation(*ENDS, REQUEST, 200_000, 1460)):
        under_way = under_way + len(data) if source == "10.0.1.4" else 0
        most = max(most, under_way)
    assert WINDOW - 1460 <= most < WINDOW


@pytest.mark.parametrize("mss", [0, -5, WINDOW])
def test_segments_of_no_size_are_refused(mss):
    with pytest.raises(ValueError, match="bytes: there are 1 to"):
        conversation(*ENDS, 1, 1, mss)


# Wireshark


def test_tshark_reads_vni_ports_and_good_checksums(tmp_path):
    """§5.1: 1 means good; two of IPv4, one of TCP."""
    fields = (
        "vxlan.vni",
        "udp.dstport",
        "tcp.dstport",
        "ip.checksum.status",
        "tcp.checksum.status",
        "udp.checksum.status",
    )
    rows = tshark.dissect(tmp_path, pcap.dump(conversation(*ENDS, REQUEST, 3000)), *fields)
    assert len(rows) == 12
    assert {row[:2] + row[3:] for row in rows} == {("4097", "4789", "1,1", "1", "3")}  # 3: no checksum there
    assert [row[2] for row in rows][:3] == ["80", "40000", "80"]


@pytest.mark.parametrize(("response", "mss"), [(0, None), (200_000, None), (200_000, 1460), (5000, 100)])
def test_tshark_finds_a_clean_stream(tmp_path, response, mss):
    """No retransmission, no lost segment, no full window, nothing malformed."""
    assert tshark.complaints(tmp_path, pcap.dump(conversation(*ENDS, REQUEST, response, mss))) == []


def test_tshark_catches_a_planted_loss_and_a_planted_flip(tmp_path):
    """A checker is trusted only after it caught something: a segment taken out, one sent twice, one bit turned."""
    rows = conversation(*ENDS, REQUEST, 5000)
    lost, twice = rows[:6] + rows[7:], rows[:7] + rows[6:]
    time, frame = rows[6]
    flipped = [*rows[:6], (time, frame[:-1] + bytes([frame[-1] ^ 1])), *rows[7:]]
    assert any("not captured" in line for line in tshark.complaints(tmp_path, pcap.dump(lost)))
    assert any("retransmission" in line for line in tshark.complaints(tmp_path, pcap.dump(twice)))
    assert any("checksum" in line.lower() for line in tshark.complaints(tmp_path, pcap.dump(flipped)))


def test_the_capture_is_a_file_like_any_other(tmp_path):
    rows = conversation(*ENDS, REQUEST, 100)
    Path(tmp_path / "x.pcap").write_bytes(pcap.dump(rows))
    assert pcap.load(Path(tmp_path / "x.pcap").read_bytes()) == rows
