"""Whatever comes over RTSP is read or refused: no crash, no hang, no growth."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.collectors.http1 import WireError
from monitor.collectors.rtsp import sdp, sps
from monitor.collectors.rtsp.demux import Demux, Event, Packet
from monitor.collectors.rtsp.frames import Frame, FrameReader
from monitor.collectors.rtsp.rtp import Losses, RtpPacket, parse_rtp, sender_clock
from monitor.collectors.rtsp.sps import Size, SpsError
from monitor.simulate.clip import Codec, clip, split_annex_b

OURS = {Codec.H264: sdp.Codec.H264, Codec.H265: sdp.Codec.H265}
CLIPS = Path(__file__).parents[1] / "monitor" / "simulate"
STREAM = (
    b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 5\r\n\r\nhello$\x00\x00\x04abcd"
    b"\r\nOPTIONS * RTSP/1.0\r\nCSeq: 9\r\n\r\n$\x01\x00\x00RTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n"
)
SDP = (
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=x\r\na=control:*\r\nm=audio 0 RTP/AVP 8\r\na=control:trackID=2\r\n"
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\na=control:trackID=1\r\n"
)


def fed(raw: bytes, cuts: list[int]) -> list[Event]:
    demux, at, events = Demux(), 0, []
    for cut in [*sorted(c for c in cuts if c < len(raw)), len(raw)]:
        events += demux.feed(raw[at:cut])
        at = cut
    return events


@given(st.lists(st.integers(1, len(STREAM)), max_size=20))
def test_a_stream_is_the_same_however_it_is_cut(cuts: list[int]) -> None:
    events = fed(STREAM, cuts)
    assert events == fed(STREAM, [])
    assert [e for e in events if isinstance(e, Packet)] == [Packet(0, b"abcd"), Packet(1, b"")]
    assert len(events) == 4


@given(st.binary(max_size=300), st.lists(st.integers(1, 300), max_size=8))
def test_any_bytes_are_taken_apart_or_refused(raw: bytes, cuts: list[int]) -> None:
    try:
        fed(raw, cuts)
    except WireError as error:
        assert error.detail.isprintable()


@given(st.data())
def test_a_damaged_description_is_read_or_refused(data: st.DataObject) -> None:
    raw = bytearray(SDP.encode())
    for _ in range(data.draw(st.integers(0, 5))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=10))
    try:
        track = sdp.video_track(bytes(raw), "rtsp://127.0.0.1:554/live")
    except WireError:
        return
    # The address goes into a request line: nothing in it may end that line.
    assert track.control.startswith("rtsp://") and track.control.isprintable() and " " not in track.control
    assert 0 < track.clock_rate < 10**8


@pytest.mark.parametrize(
    ("base", "control", "wanted"),
    [
        ("rtsp://h/a/", "trackID=1", "rtsp://h/a/trackID=1"),
        ("rtsp://h/a", "trackID=1", "rtsp://h/a/trackID=1"),
        ("rtsp://h/a?channel=1&subtype=0", "trackID=1", "rtsp://h/a?channel=1&subtype=0/trackID=1"),
        ("rtsp://h/a/", "rtsp://h/b/1", "rtsp://h/b/1"),
        ("rtsp://h/a/", "http://other/b", "rtsp://h/a/"),
        ("rtsp://h/a/", "x\x01y", "rtsp://h/a/"),
    ],
)
def test_the_track_address_is_found_as_servers_mean_it(base: str, control: str, wanted: str) -> None:
    text = SDP.replace("a=control:trackID=1", f"a=control:{control}").replace("a=control:*\r\n", "")
    assert sdp.video_track(text.encode(), base).control == wanted


@given(st.binary(max_size=200))
def test_any_packet_is_read_or_passed_over(raw: bytes) -> None:
    packet = parse_rtp(raw)
    assert packet is None or packet.payload
    sender_clock(raw)


@given(st.sampled_from(list(Codec)), st.lists(st.binary(min_size=1, max_size=40), max_size=40), st.data())
def test_any_payloads_make_frames_or_nothing(
    codec: Codec, payloads: list[bytes], data: st.DataObject
) -> None:
    reader, frames = FrameReader(OURS[codec]), 0
    for payload in payloads:
        stamp, sequence = data.draw(st.integers(0, 3)), data.draw(st.integers(0, 65535))
        frames += len(list(reader.feed(RtpPacket(96, data.draw(st.booleans()), sequence, stamp, payload))))
    assert frames <= 2 * len(payloads)
    assert len(reader.sps) <= 40


@pytest.mark.parametrize("codec", list(Codec))
@given(lost=st.sets(st.integers(0, 120), max_size=6))
def test_a_frame_that_lost_a_packet_is_never_whole(codec: Codec, lost: set[int]) -> None:
    reader, sequence, damaged, whole = FrameReader(OURS[codec]), 0, set(), []
    for number, frame in enumerate(clip(codec).frames):
        for index, payload in enumerate(frame.payloads):
            if sequence in lost:
                damaged.add(number)
            else:
                packet = RtpPacket(96, index == len(frame.payloads) - 1, sequence, number, payload)
                whole += [f for f in reader.feed(packet) if f.picture and not f.broken]
            sequence += 1
    seen = {f.timestamp for f in whole}
    keys = {f.timestamp for f in whole if f.key}
    # A lost parameter set or marker alone may leave the picture whole; a lost piece of a picture may not.
    multi = {n for n in damaged if len(clip(codec).frames[n].payloads) == 1}
    assert not seen & multi
    assert keys <= {n for n, f in enumerate(clip(codec).frames) if f.key}
    assert len(seen) >= len(clip(codec).frames) - len(damaged) * 2


@given(st.binary(max_size=80))
def test_any_parameter_set_gives_a_size_or_is_refused(raw: bytes) -> None:
    for read, head in ((sps.h264_size, b"\x67"), (sps.h265_size, b"\x42\x01")):
        try:
            size = read(head + raw)
        except SpsError:
            continue
        assert 0 < size.width <= 16384 and 0 < size.height <= 16384


@pytest.mark.parametrize("width,height", [(320, 180), (1920, 1080), (702, 574)])
@pytest.mark.parametrize("codec", list(Codec))
def test_sizes_agree_with_the_encoder(codec: Codec, width: int, height: int) -> None:
    encoder = {Codec.H264: "libx264", Codec.H265: "libx265"}[codec]
    form = {Codec.H264: "h264", Codec.H265: "hevc"}[codec]
    quiet = ["-x265-params", "log-level=none"] if codec is Codec.H265 else []
    source = [
        "-f",
        "lavfi",
        "-i",
        f"color=size={width}x{height}:rate=1",
        "-frames:v",
        "1",
        "-pix_fmt",
        "yuv420p",
    ]
    command = ["ffmpeg", "-loglevel", "error", *source, "-c:v", encoder, "-preset", "ultrafast", *quiet]
    try:
        raw = subprocess.run([*command, "-f", form, "-"], capture_output=True, check=True).stdout
    except FileNotFoundError:
        pytest.skip("needs the Debian package ffmpeg")
    wanted, read = (7, sps.h264_size) if codec is Codec.H264 else (33, sps.h265_size)
    nals = [n for n in split_annex_b(raw) if (n[0] & 0x1F if wanted == 7 else (n[0] >> 1) & 0x3F) == wanted]
    assert read(nals[0]) == Size(width, height)


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=100))
def test_losses_are_never_negative_or_over_all(sequences: list[int]) -> None:
    losses = Losses()
    for sequence in sequences:
        losses.seen(sequence)
    assert losses.lost >= 0 and 0 <= losses.percent < 100


def test_losses_are_counted_over_the_wrap() -> None:
    losses = Losses()
    for sequence in (65533, 65534, 0, 1, 3):
        losses.seen(sequence)
    assert (losses.received, losses.lost) == (5, 2)


def test_a_frame_without_marker_ends_with_the_next_time_stamp() -> None:
    reader = FrameReader(sdp.Codec.H264)
    frames: list[Frame] = []
    for number in range(3):
        frames += reader.feed(RtpPacket(96, False, number, number, b"\x65\x88"))
    assert [f.timestamp for f in frames] == [0, 1]
    assert all(f.key and not f.broken for f in frames)
