"""What others hear of the lab's streams, each in a process of its own."""

from collections.abc import Iterator

import pytest

from lib import children
from lib.lab.traps import trap
from lib.peers import PEERS, Heard, Peer, hear

pytestmark = pytest.mark.real_time


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    lab = children.Lab()
    yield lab.base_url()
    lab.close()


def late_s(heard: Heard) -> float:
    return max(heard.late_ns) / 1e9


@pytest.mark.parametrize("peer", list(PEERS))
def test_each_hears_the_whole_stream_and_is_held_against_the_labs_account(base_url: str, peer: Peer) -> None:
    heard = hear(peer, base_url, "steady:first=0.05,rate=200,tokens=20")
    assert heard.error is None
    # The role, 20 words and the finish; the plain reader stamps [DONE], too.
    assert len(heard.stamps_ns) == len(heard.late_ns) == (22 if peer == "cookbook" else 23)
    assert min(heard.late_ns) > -1_000_000  # wall clock and monotonic clock are read 1 ms apart at most
    assert late_s(heard) < 1  # however busy this machine is
    assert heard.first_s is not None
    assert 0.04 < heard.first_s < heard.total_s
    assert heard.rate is not None


def test_the_cookbooks_loop_fails_where_a_chunk_has_no_choices(base_url: str) -> None:
    heard = hear("cookbook", base_url, trap("empty-first").model)
    assert heard.error == "IndexError: list index out of range"
    assert (heard.stamps_ns, heard.first_s, heard.rate) == ((), None, None)


def test_the_plain_reader_believes_a_cut_stream(base_url: str) -> None:
    heard = hear("lines", base_url, trap("cut-fin").model)
    assert heard.error is None
    assert len(heard.stamps_ns) == 6  # the role and five words
    assert heard.late_ns == ()  # the lab's account did not come


def test_nobody_there_is_an_error_in_words() -> None:
    heard = hear("lines", "http://127.0.0.1:9/v1", "steady")
    assert heard.error is not None
    assert heard.error.startswith("ConnectionRefusedError")
