"""Files that come in: from bytes of a stranger to a document of ours. JSON and text only.

Our own JSON is kept word for word; what other tools wrote becomes a document in `foreign`. Nothing is
executed, no archive is opened, and a gzip is inflated no further than the limit.
"""

from __future__ import annotations

import re
import zlib
from typing import Literal, NamedTuple, NoReturn

from lib import foreign
from lib.errors import InvalidDocument

MOST_BYTES = 32 << 20
"""Of a file, compressed or not."""

Tool = Literal["streamgauge", "aiperf", "vllm", "stream"]

_HEAD = 65_536
_BINARY = (
    (b"PK", "a zip archive"),
    (b"PAR1", "Parquet"),
    (b"ARROW1", "Arrow"),
    (b"\x80", "a Python pickle"),
    (b"SQLite format 3", "a database"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstandard"),
)


class Came(NamedTuple):
    """A file that can be kept. `document`: our own JSON; `tool`: what wrote the file."""

    tool: Tool
    document: bytes


def read(data: bytes, now_ms: int) -> Came:
    """What a file holds; `now_ms` dates one without a date. Raises InvalidDocument with one sentence."""
    data = _plain(data)
    head = data[:_HEAD]
    if b'"schema_version"' in head:
        return Came("streamgauge", data)
    if b'"itls"' in data and b'"ttfts"' in data:
        return Came("vllm", foreign.vllm(data, now_ms))
    if b'"responses"' in data and b'"start_perf_ns"' in data:
        return Came("aiperf", foreign.aiperf(data, now_ms))
    if re.match(rb'\s*\{[^\n]*"t_s"', head) or re.match(rb"\s*\d+(\.\d+)? ", head):
        return Came("stream", foreign.stream(data, now_ms))
    if b'"x_request_id"' in head:
        _refuse("It is AIPerf's summary, without times of events. Import profile_export_raw.jsonl instead.")
    if b'"ttfts"' in data or b'"mean_ttft_ms"' in head:
        _refuse("It is vLLM's summary, without times of events. Run the benchmark with --save-detailed.")
    _refuse(
        "It is none of the files that can be read: Streamgauge's JSON, a raw stream with times, AIPerf's "
        "profile_export_raw.jsonl, or vLLM's detailed benchmark JSON."
    )


def _plain(data: bytes) -> bytes:
    """UTF-8 text within the limit, inflated where it was a gzip."""
    if len(data) > MOST_BYTES:
        _refuse(f"It has {len(data):,} bytes; at most {MOST_BYTES:,} can be read.")
    for magic, name in _BINARY:
        if data.startswith(magic):
            _refuse(f"It is {name}. Only JSON and text are read, alone or as .gz.")
    if data.startswith(b"\x1f\x8b"):
        data = _inflated(data)
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.strip():
        _refuse("It is empty.")
    try:
        data.decode()
    except UnicodeDecodeError:
        _refuse("It is not text in UTF-8.")
    return data


def _inflated(data: bytes) -> bytes:
    stream = zlib.decompressobj(31)
    try:
        plain = stream.decompress(data, MOST_BYTES + 1)
    except zlib.error:
        _refuse("It is not a gzip that can be read.")
    if len(plain) > MOST_BYTES:
        _refuse(f"Inflated it has more than {MOST_BYTES:,} bytes, which is the most that can be read.")
    if not stream.eof:
        _refuse("The gzip is cut.")
    if stream.unused_data:
        _refuse("Something stands behind the gzip. Inflate it first, and import what belongs together.")
    return plain


def _refuse(sentence: str) -> NoReturn:
    raise InvalidDocument(f"This file cannot be imported. {sentence}")
