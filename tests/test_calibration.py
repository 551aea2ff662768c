"""The instrument's error: vectors, the lab's account, and one real calibration."""

import dataclasses
import json
import zlib
from itertools import accumulate, pairwise
from typing import Any

import pytest

from lib import children
from lib.calibration import (
    GOOD_MS,
    LEAST,
    SUSPECT,
    Calibration,
    calibration,
    compared,
    errors,
    first_text_error_ns,
    overlap_share,
    planned,
    quantile,
    request,
    sent,
    stamps,
    suspect_gaps,
)
from lib.capture import Door
from lib.messages import Hello, Start, fold
from lib.recording import CallError, Read, Recording
from lib.timeline import decode
from tests.recorded import BASE, INSTRUMENT, MS, delta, recording, spaced, sse, steady_clocks

SCHEDULE_MS = (100, 300, 500, 750, 1000, 1200)
OBSERVED_MS = (100.4, 300.3, 500.9, 750.2, 1000.3, 1201.5)
ERROR_MS = [0.4, 0.3, 0.9, 0.2, 0.3, 1.5]
RECEIVED_NS = BASE + MS


def told(frames: list[bytes], sent_ms: list[float], **changes: Any) -> bytes:
    """The lab's comment about frames that left one by one."""
    account = {
        "received_ns": RECEIVED_NS,
        "head_ns": BASE + 2 * MS,
        "sent_ns": [BASE + round(ms * MS) for ms in sent_ms],
        "bytes": [len(f) for f in frames],
    }
    return b": streamgauge-lab " + json.dumps(account | changes).encode() + b"\n\n"


def calibrated(**changes: Any) -> Recording:
    """The vectors' schedule and what was observed of it."""
    frames = sse(*(delta(content="word") for _ in SCHEDULE_MS[:-1]), delta("stop"), done=False)
    comment = told(frames, list(SCHEDULE_MS), **changes)
    return recording([*zip(OBSERVED_MS, frames, strict=True), (1300, comment)])


def many(count: int, late_ms: float = 0.5) -> Recording:
    """`count` events, each as late, the last as late again."""
    frames = sse(*(delta(content="word") for _ in range(count - 1)), delta("stop"), done=False)
    due = [100.0 + i for i in range(count)]
    pieces = [
        (ms + late_ms * (1 + (i == count - 1)), f) for i, (ms, f) in enumerate(zip(due, frames, strict=True))
    ]
    return recording([*pieces, (due[-1] + 50, told(frames, due))])


def test_errors_are_measured_minus_written() -> None:
    assert [e / MS for e in errors(calibrated())] == pytest.approx(ERROR_MS)


def test_the_quantiles_of_the_vectors() -> None:
    # p95 lies at 0.95 x 5 = 4.75 between 0.9 and 1.5: 0.9 + 0.75 x 0.6 = 1.35; twice that is 2.7
    assert quantile(ERROR_MS, 0.5) == pytest.approx(0.35)
    assert quantile(ERROR_MS, 0.95) == pytest.approx(1.35)
    found = dataclasses.replace(calibration(many(LEAST)), p95_s=1.35e-3)
    assert found.min_detectable_gap_s == pytest.approx(2.7e-3)


def test_a_gap_that_pauses_cover_by_a_fifth_is_suspect() -> None:
    assert overlap_share((1400, 1900), [(1450, 1600)]) == pytest.approx(0.3)
    assert SUSPECT == 0.2
    assert overlap_share((1400, 1900), [(1000, 1500), (1850, 2500)]) == pytest.approx(0.3)
    assert overlap_share((1400, 1900), [(2000, 2500)]) == 0
    assert overlap_share((1400, 1400), [(1000, 2000)]) == 0


def test_suspect_gaps_stand_beside_the_gaps() -> None:
    timeline = decode(recording(spaced(sse(*(delta(content="w") for _ in range(4)), delta("stop")))))
    paused = dataclasses.replace(timeline, pauses=((210 * MS, 240 * MS), (310 * MS, 320 * MS)))
    assert suspect_gaps(paused) == (False, True, False)  # 30 of 100 ms, then 10 of 100 ms


def test_a_calibration_states_median_p95_and_maximum() -> None:
    found = calibration(many(LEAST))
    assert (found.n, found.reason) == (LEAST, None)
    assert found.median_s == pytest.approx(0.5e-3)
    assert found.p95_s == pytest.approx(0.5e-3)
    assert found.max_s == pytest.approx(1.0e-3)
    assert found.probe == "probe"
    assert found.scheduler == "other"
    assert found.pauses == ((10 * MS, 20 * MS),)


def test_too_few_events_calibrate_nothing() -> None:
    found = calibration(many(LEAST - 1))
    assert found.median_s is found.p95_s is found.max_s is found.min_detectable_gap_s is None
    assert found.reason == "Only 199 events could be compared; 200 are needed."


def test_a_failed_call_calibrates_nothing() -> None:
    cut = dataclasses.replace(many(LEAST), body=b"", error=CallError("connect", "The lab is gone."))
    found = calibration(cut)
    assert found.reason == "The calibration call failed. The lab is gone."
    assert found.n == 0


def test_what_cannot_be_told_is_no_difference() -> None:
    found = calibration(many(LEAST))  # 2 x 0.5 ms
    assert found.tells(-0.001)
    assert not found.tells(0.0009)
    assert not dataclasses.replace(found, p95_s=None).tells(10)


def test_a_calibration_is_good_for_ten_minutes_of_the_same_probe() -> None:
    found = dataclasses.replace(calibration(many(LEAST)), wall_ms=1000)
    assert found.holds("probe", 1000 + GOOD_MS)
    assert not found.holds("probe", 1001 + GOOD_MS)
    assert not found.holds("probe", 999)
    assert not found.holds("another", 2000)
    assert not dataclasses.replace(found, reason="It failed.").holds("probe", 2000)


def test_first_text_is_compared_with_what_the_lab_took_to_write_it() -> None:
    frames = sse(delta(role="assistant", content=""), delta(content="word"), delta("stop"), done=False)
    found = recording(
        [(100.1, frames[0]), (300.4, frames[1]), (400, frames[2] + told(frames, [100, 300, 399]))]
    )
    # written 300 - received 1 = 299 ms; measured 300.4 ms
    assert first_text_error_ns(found) == pytest.approx(1.4 * MS)
    assert first_text_error_ns(recording(spaced(frames))) is None


def test_events_that_share_a_write_share_its_time() -> None:
    frames = sse(delta(content="one"), delta(content="two"), delta("stop"), done=False)
    comment = told([frames[0] + frames[1], frames[2]], [100, 200])
    found = recording([(101, frames[0] + frames[1]), (203, frames[2] + comment)])
    assert [e / MS for e in errors(found)] == [1, 1, 3]


def test_an_event_belongs_to_the_write_that_completed_it() -> None:
    frames = sse(delta(content="one"), delta("stop"), done=False)
    body = b"".join(frames)
    cuts = [0, 10, len(frames[0]) + 5, len(body)]
    pieces = [body[a:b] for a, b in pairwise(cuts)]
    comment = told(pieces, [100, 200, 300])
    found = recording([(400, body + comment)])
    assert [(written - BASE) / MS for written, _ in compared(found)] == [200, 300]


def test_a_compressed_stream_is_compared_by_its_inflated_bytes() -> None:
    frames = sse(delta(content="one"), delta(content="two"), delta("stop"), done=False)
    packer = zlib.compressobj(wbits=31)
    packed = [packer.compress(f) + packer.flush(zlib.Z_SYNC_FLUSH) for f in frames]
    packed[-1] += packer.compress(told(frames, [100, 200, 300])) + packer.flush()
    found = recording([(101, packed[0]), (202, packed[1]), (303, packed[2])])
    assert [e / MS for e in errors(found)] == [1, 2, 3]


@pytest.mark.parametrize(
    "changes",
    [
        {"sent_ns": [1, 2]},
        {"sent_ns": [6, 5, 4, 3, 2, 1]},
        {"bytes": "many"},
        {"received_ns": None},
    ],
)
def test_an_unsound_account_is_none(changes: dict[str, Any]) -> None:
    assert sent(calibrated(**changes)) is None
    assert errors(calibrated(**changes)) == ()


def test_only_the_labs_own_comment_is_its_account() -> None:
    frames = sse(delta(content="one"), delta("stop"))
    assert sent(recording(spaced(frames))) is None
    assert sent(recording([*spaced(frames), (900, b": streamgauge-lab [[[[\n\n")])) is None


def test_stamps_are_the_kernels_only_when_all_of_them_are() -> None:
    frames = spaced(sse(delta(content="one"), delta("stop")))
    kernel = recording(frames, kernel_early_ns=50_000, clocks=steady_clocks())
    kernel = dataclasses.replace(kernel, reads=kernel.reads[1:])  # the head's read has no stamp here
    assert stamps(kernel) == "kernel"
    assert stamps(dataclasses.replace(kernel, clocks=steady_clocks(10**6))) == "user"
    assert stamps(dataclasses.replace(kernel, reads=(*kernel.reads, Read(0, 1, None, 9, 999)))) == "user"
    assert stamps(dataclasses.replace(kernel, reads=(*kernel.reads, Read(0, 1, None, 0, 999)))) == "kernel"


def test_the_call_belongs_to_no_arm_and_takes_less_than_a_second() -> None:
    call = planned(3)
    assert (call.n, call.arm, call.mode, call.role, call.pair) == (3, -1, "streaming", "calibration", None)
    made = request("http://127.0.0.1:9/v1")
    pace = dict(item.split("=") for item in json.loads(made.body)["model"].removeprefix("steady:").split(","))
    assert int(pace["tokens"]) >= LEAST
    assert float(pace["first"]) + (int(pace["tokens"]) - 1) / float(pace["rate"]) < 1
    assert made.key_ref == ""


@pytest.mark.real_time  # a median below 20 ms: what a machine under load may add to each of 210 stamps
def test_a_real_calibration_states_an_error() -> None:
    lab, door = children.Lab(), Door()
    try:
        start = Start("x/0", request(lab.base_url()))
        call = door.call(start.call, start.request)
        call.run()
        parts = list(iter(call.part, None))
        made = fold(start, Hello(1, INSTRUMENT, 0), parts, call.close())
    finally:
        door.close()
        lab.close()
    found: Calibration = calibration(made)
    assert found.reason is None
    assert found.n >= LEAST
    assert found.median_s is not None
    assert 0 <= found.median_s < 0.02
    account = sent(made)
    assert account is not None
    assert list(accumulate(account.sizes))[-1] < len(made.body)
