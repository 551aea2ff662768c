"""What others would have said of the same stream: `python -m bench.peers cookbook|lines`.

`cookbook` is the loop of OpenAI's "How to stream completions": the openai client, time.time() after each
chunk, counted from before the call. `lines` reads lines with requests and stamps each. Both also keep the
bytes of the answer, since the lab's own account stands at its end: one list append for each piece.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from lib.stamps import read_clock

Heard = tuple[float, list[float], bytes]
"""Begun and the stamp of each event, seconds of time.time(); the answer's bytes."""


def cookbook() -> Callable[[str, str], Heard]:
    """The loop as published, without its print."""
    import httpx2
    import openai

    class Kept(httpx2.SyncByteStream):
        """Keeps the bytes, and reads on after the last event, which the client would not."""

        def __init__(self, inner: Any) -> None:
            self.inner, self.pieces = iter(inner), list[bytes]()

        def __iter__(self) -> Iterator[bytes]:
            for piece in self.inner:
                self.pieces.append(piece)
                yield piece

        def close(self) -> None:
            self.pieces += self.inner

    class Keeping(httpx2.HTTPTransport):
        kept: Kept

        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            response = super().handle_request(request)
            self.kept = Kept(response.stream)
            return httpx2.Response(response.status_code, headers=response.headers, stream=self.kept)

    transport = Keeping()
    http = openai.DefaultHttpxClient(transport=transport)

    def loop(base_url: str, model: str) -> Heard:
        client = openai.OpenAI(base_url=base_url, api_key="none", http_client=http, max_retries=0)
        stamps = []
        start_time = time.time()
        response = client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "speak"}], temperature=0, stream=True
        )
        collected_chunks, collected_messages = [], []
        for chunk in response:
            chunk_time = time.time() - start_time
            collected_chunks.append(chunk)
            collected_messages.append(chunk.choices[0].delta.content)
            stamps.append(start_time + chunk_time)
        response.close()
        return start_time, stamps, b"".join(transport.kept.pieces)

    return loop


def lines() -> Callable[[str, str], Heard]:
    """requests, iter_lines, a stamp for each line of data."""
    import requests

    session = requests.Session()
    session.trust_env = False

    def loop(base_url: str, model: str) -> Heard:
        asked: dict[str, Any] = {
            "model": model,
            "messages": [{"role": "user", "content": "speak"}],
            "stream": True,
        }
        stamps, kept = [], []
        begun = time.time()
        response = session.post(f"{base_url}/chat/completions", json=asked, stream=True)
        for line in response.iter_lines():
            if line.startswith(b"data: "):
                stamps.append(time.time())
            kept.append(line)
        return begun, stamps, b"\n".join([*kept, b""])

    return loop


PEERS = {"cookbook": cookbook, "lines": lines}


def main() -> None:
    """Serve one line after the other until stdin ends."""
    loop = PEERS[sys.argv[1]]()
    for line in sys.stdin:
        job = json.loads(line)
        clock, cpu = read_clock(), time.process_time_ns()
        begun, stamps, body = loop(job["base_url"], job["model"])
        cpu = time.process_time_ns() - cpu
        offset = clock.monotonic_ns - clock.realtime_ns
        at = [round(stamp * 1e9) + offset for stamp in (begun, *stamps)]
        told = {"cpu_ns": cpu, "begun_ns": at[0], "stamps_ns": at[1:], "body": body.decode("latin-1")}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
