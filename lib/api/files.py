"""What routes answer with: files of an experiment by their ending, and errors as one JSON sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import get_args

from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lib import spans, tables
from lib.errors import InvalidDocument, InvalidSpec, KeyRefused, NotAllowed, NotFound, StreamgaugeError
from lib.experiment import Experiment

ID = re.compile(r"[A-Za-z0-9_-]{22}")
TYPES = {
    "json": "application/json",
    "trace.json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "png": "image/png",
}
STATUS: tuple[tuple[type[StreamgaugeError], int], ...] = (
    (NotFound, 404),
    (InvalidSpec, 422),
    (InvalidDocument, 422),
    (KeyRefused, 422),
    (NotAllowed, 403),
)


class Stem(Convertor[str]):
    """What stands before a file's ending."""

    regex = r"[^/.]+"

    def convert(self, value: str) -> str:
        """As it is."""
        return value

    def to_string(self, value: str) -> str:
        """As it is."""
        return value


class Dotted(Stem):
    """A stem that may have dots: no share has such an id, but a file is asked for, not a page."""

    regex = r"[^/]+?"


class Ending(Stem):
    """The ending of a file that can be made of an experiment."""

    regex = r"(?:trace\.)?json|csv|parquet|png"


class Below(Stem):
    """Nothing, or all that follows a slash; a slash at the end is for the server beneath, which drops it."""

    regex = r"(?s:/.*[^/])?"


register_url_convertor("below", Below())
register_url_convertor("stem", Stem())
register_url_convertor("dotted", Dotted())
register_url_convertor("ending", Ending())


def checked(wanted: str) -> str:
    """An id that could be one. Raises NotFound."""
    if not ID.fullmatch(wanted):
        raise NotFound("There is no experiment with this id. Check the link.")
    return wanted


def file(experiment: Experiment, ending: str, name: str, request: Request) -> Response:
    """A table or a trace as a download; `?table=calls` for one row a call instead of one an event."""
    wanted = request.query_params.get("table", "events")
    table: tables.Table = "calls" if wanted == "calls" else "events"
    if wanted not in get_args(tables.Table):
        raise InvalidSpec("table", f"The table must be one of: {', '.join(get_args(tables.Table))}.")
    if ending == "csv":
        data = tables.csv_file(experiment, table)
    elif ending == "parquet":
        data = tables.parquet_file(experiment, table)
    elif ending == "trace.json":
        data, table = spans.trace_file(experiment), "events"
    else:
        raise NotFound("There is no such file of an experiment.")
    return download(data, ending, name if table == "events" else f"{name}-{table}")


def download(data: bytes, ending: str, name: str) -> Response:
    """A file that browsers save under its name."""
    headers = {"content-disposition": f'attachment; filename="{name}.{ending}"'}
    return Response(data, media_type=TYPES[ending], headers=headers)


def problem(status: int, sentence: str) -> Response:
    """A sentence as JSON."""
    return JSONResponse({"error": sentence}, status)


def refused(error: StreamgaugeError) -> Response:
    """An error as JSON; its status says whose it is."""
    return problem(next((code for kind, code in STATUS if isinstance(error, kind)), 503), str(error))


def bearer(request: Request) -> str:
    """The token that a request carries, "" without one. The word before it is read in any case."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


async def body(request: Request, most: int) -> bytes | None:
    """What was sent, None when it has more than `most` bytes; no more than that is ever held."""
    found = bytearray()
    async for piece in request.stream():
        found += piece
        if len(found) > most:
            return None
    return bytes(found)


async def found_or_error(make: Callable[[], Response]) -> Response:
    """What `make` answers, made in a thread of its own; its errors as JSON."""
    try:
        return await run_in_threadpool(make)
    except StreamgaugeError as error:
        return refused(error)
