"""The server: Streamlit with our routes, headers and lifespan.

Run as a plain script by a host that knows only scripts, it renders the pages without the routes.
"""

import asyncio
import gc
import runpy
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from lib import api, middleware, settings
from lib.errors import StreamgaugeError
from lib.ui import session

SHELL = Path(__file__).parent / "pages" / "_shell.py"


@asynccontextmanager
async def lifespan(_: Any) -> AsyncIterator[dict[str, Any]]:
    """Open the service once, before the first visit, and close it with the server."""
    service = await asyncio.to_thread(session.service)
    service.routes_mounted = True
    service.warm()
    gc.collect()
    gc.freeze()  # what is loaded now stays; full collections would stop every thread for 20 ms and more
    yield {}
    await asyncio.to_thread(service.close)


def refuse_open_bind() -> None:
    """End with one clear sentence when others could reach this server and nobody said they may."""
    try:
        settings.check_bind(st.get_option("server.address"), settings.read().mode)
    except StreamgaugeError as error:
        sys.exit(f"Streamgauge: {error}")


if get_script_run_ctx(suppress_warning=True) is None:
    refuse_open_bind()
    index = (Path(st.__file__).parent / "static" / "index.html").read_text("utf-8")
    loopback = settings.is_loopback(st.get_option("server.address") or "")
    app = st.App(
        SHELL,
        routes=api.routes(session.service, index),
        middleware=middleware.middleware(
            index, loopback_only=loopback, public_url=settings.read().public_url
        ),
        lifespan=lifespan,
    )
else:
    runpy.run_path(str(SHELL))
