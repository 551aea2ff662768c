"""Forty visitors who open and close parts of one result page. `python -m bench visitors`

Each is a websocket client that speaks Streamlit's own messages and thinks for 4 s on average; what is
timed is a click on a part until the server has told all that changed.
"""

import asyncio
import random
import statistics
import tempfile
import time
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from bench.browser import dashboard
from bench.pages import experiment
from bench.table import show, verdict

VISITORS, SECONDS, THINK_S = 40, 20.0, 4.0
TARGET_S = 0.5
PARTS = ("Why", "Trust")


def main() -> int:
    """Print the times of switching a part; returns 1 when the target was missed."""
    with tempfile.TemporaryDirectory() as folder:
        saved = experiment(Path(folder))
        with dashboard(Path(folder)) as running:
            began = running.cpu_s()
            took = asyncio.run(crowd(running.url, saved))
            cpu = running.cpu_s() - began
    p95 = statistics.quantiles(took, n=20)[-1]
    words = f"{p95:.2f} s (median {statistics.median(took):.2f} s, {len(took)} switches, {cpu:.0f} CPU s)"
    met = p95 <= TARGET_S
    show(
        "visitors",
        ("what", "measured", "target", ""),
        [(f"switching a part, p95, {VISITORS} visitors", words, f"<= {TARGET_S:g} s", verdict(met))],
    )
    return int(not met)


async def crowd(url: str, saved: str) -> list[float]:
    """Seconds of every switch of all visitors."""
    ready = asyncio.Barrier(VISITORS)
    all_of_them = [visitor(url, saved, random.Random(n), ready) for n in range(VISITORS)]
    return [took for row in await asyncio.gather(*all_of_them) for took in row]


async def visitor(url: str, saved: str, rng: random.Random, ready: asyncio.Barrier) -> list[float]:
    """One visitor: open the page, wait for the others, then switch parts until the time is over."""
    address = url.replace("http", "ws", 1) + "/_stcore/stream"
    async with connect(address, origin=url, subprotocols=["streamlit"], max_size=None) as socket:
        page = Page(socket, f"id={saved}")
        await page.rerun()
        await page.paint()
        await ready.wait()
        took: list[float] = []
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            await asyncio.sleep(rng.expovariate(1 / THINK_S))
            began = time.monotonic()
            await page.switch(rng.choice(PARTS))
            took.append(time.monotonic() - began)
        return took


class Page:
    """What a browser remembers of the page: its widgets and their values."""

    def __init__(self, socket: ClientConnection, query: str) -> None:
        self.socket, self.query = socket, query
        self.parts: dict[str, tuple[str, str]] = {}
        self.open: dict[str, bool] = {}
        self.hero = ""
        self.script = ""

    async def paint(self) -> None:
        """Say that the hero was drawn, as the browser does, so that the parts below it follow."""
        assert self.hero, "the page has no hero"
        await self.rerun()

    async def switch(self, name: str) -> None:
        """Open or close a part, until the server is done."""
        id, fragment = self.parts[name]
        self.open[id] = not self.open.get(id, False)
        await self.rerun(fragment)

    async def rerun(self, fragment: str = "") -> None:
        """Send all values, read until the script, or that fragment of it, has finished."""
        message = BackMsg()
        state = message.rerun_script
        state.query_string = self.query
        state.page_name = "" if self.script else "experiment"
        state.page_script_hash = self.script
        state.fragment_id = fragment
        for id, is_open in self.open.items():
            state.widget_states.widgets.add(id=id, bool_value=is_open)
        if self.hero:
            state.widget_states.widgets.add(id=self.hero, json_value='{"drawn": true}')
        await self.socket.send(message.SerializeToString())
        while not self._take(ForwardMsg.FromString(await self.socket.recv())):
            pass

    def _take(self, message: ForwardMsg) -> bool:
        kind = message.WhichOneof("type")
        if kind == "navigation":
            self.script = message.navigation.page_script_hash
        if kind == "delta" and message.delta.WhichOneof("type") == "add_block":
            self._block(message.delta.add_block.expandable, message.delta.fragment_id)
        if kind == "delta" and message.delta.new_element.HasField("bidi_component"):
            component = message.delta.new_element.bidi_component
            if component.component_name == "streamgauge_hero":
                self.hero = component.id
        return kind == "script_finished"

    def _block(self, expander: object, fragment: str) -> None:
        label, id = getattr(expander, "label", ""), getattr(expander, "id", "")
        for name in PARTS:
            if label.startswith(name) and id:
                self.parts[name] = id, fragment
