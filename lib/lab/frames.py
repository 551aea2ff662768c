"""An answer's parts → the bytes that each API kind sends for them: SSE frames and blocking bodies.

No times here; `scripts` says what leaves when. One class per API kind, with the same methods, so that
an answer need not know through which it is asked.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from json.encoder import encode_basestring
from typing import Any, Literal

from lib.spec import Api

Place = Literal["text", "own", "end"]
"""Where the finish reason stands: on the last text, on a frame of its own, in the end's last frame."""
Usage = dict[str, Any]
"""As chat completions names it; the Responses API renames the fields."""
DONE = b"data: [DONE]\n\n"


def frame(data: dict[str, Any], event: str = "") -> bytes:
    """One SSE event, its data on one line."""
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {_json(data)}\n\n".encode()


def _json(data: dict[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


_SLOT = "%text%"


def _around(sample: bytes, *slots: str) -> tuple[bytes, ...]:
    """What stands around the slots of a rendered frame: filling in text is ten times cheaper than JSON."""
    pieces, rest = [], sample
    for slot in slots:
        piece, _, rest = rest.partition(_json_text(slot))
        pieces.append(piece)
    return *pieces, rest


def _json_text(text: str) -> bytes:
    return encode_basestring(text).encode()


class ChatFrames:
    """chat.completions: a role chunk first, the finish reason on a chunk of its own."""

    has_role = True
    finish_in: Place = "own"

    def __init__(self, model: str) -> None:
        self._base = {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": int(time.time()), "model": model}
        self._before, self._after = _around(self._chunk({"content": _SLOT}, None), _SLOT)

    def opening(self, delta: dict[str, str]) -> bytes:
        """The role chunk; `delta` is sent as it is."""
        return self._chunk(delta, None)

    def reasoning(self, text: str) -> bytes:
        """A piece of reasoning, in the field that DeepSeek and older vLLM use."""
        return self._chunk({"reasoning_content": text}, None)

    def text(self, text: str, finish: str | None) -> bytes:
        """A piece of the answer; `finish` is given with the last one and unused here."""
        return self._before + _json_text(text) + self._after

    def finish(self, reason: str) -> bytes:
        """The chunk that ends the answer."""
        return self._chunk({}, reason)

    def end(self, text: str, finish: str, usage: Usage | None) -> bytes:
        """What follows the finish: usage when there is any, then [DONE]."""
        chunk = {**self._base, "object": "chat.completion.chunk", "choices": [], "usage": usage}
        return (frame(chunk) if usage else b"") + DONE

    def body(self, text: str, reasoning: str, finish: str, usage: Usage | None) -> bytes:
        """The whole answer at once."""
        message = {"role": "assistant", "content": text}
        message |= {"reasoning_content": reasoning} if reasoning else {}
        choice = {"index": 0, "message": message, "finish_reason": finish}
        return _whole({**self._base, "object": "chat.completion", "choices": [choice]}, usage)

    def _chunk(self, delta: dict[str, str], finish: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return frame({**self._base, "object": "chat.completion.chunk", "choices": [choice]})


class CompletionFrames:
    """Legacy completions: no role, and the finish reason rides on the last text."""

    has_role = False
    finish_in: Place = "text"

    def __init__(self, model: str) -> None:
        self._base = {
            "id": f"cmpl-{secrets.token_hex(12)}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": model,
        }
        sample = frame({**self._base, "choices": [_completion_choice(_SLOT, None)]})
        self._before, self._after = _around(sample, _SLOT)

    def opening(self, delta: dict[str, str]) -> bytes:
        """Nothing: this API has no role."""
        return b""

    def reasoning(self, text: str) -> bytes:
        """Nothing: this API has no reasoning."""
        return b""

    def text(self, text: str, finish: str | None) -> bytes:
        """A piece of the answer; the last one carries `finish`."""
        if finish is None:
            return self._before + _json_text(text) + self._after
        return frame({**self._base, "choices": [_completion_choice(text, finish)]})

    def finish(self, reason: str) -> bytes:
        """Nothing: the last text said it."""
        return b""

    def end(self, text: str, finish: str, usage: Usage | None) -> bytes:
        """What follows the finish: usage when there is any, then [DONE]."""
        return (frame({**self._base, "choices": [], "usage": usage}) if usage else b"") + DONE

    def body(self, text: str, reasoning: str, finish: str, usage: Usage | None) -> bytes:
        """The whole answer at once."""
        return _whole({**self._base, "choices": [_completion_choice(text, finish)]}, usage)


class ResponsesFrames:
    """Responses: named events with a running number, usage in the last one, no [DONE]."""

    has_role = False
    finish_in: Place = "end"

    def __init__(self, model: str) -> None:
        self._item = f"msg_{secrets.token_hex(12)}"
        self._number = -1
        self._base = {
            "id": f"resp_{secrets.token_hex(12)}",
            "object": "response",
            "created_at": int(time.time()),
            "model": model,
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
        }
        sample = self._part("response.output_text.delta", delta=_SLOT, logprobs=[])
        before, self._after = _around(sample, _SLOT)
        self._head, _, self._middle = before.partition(b"0")
        self._number = -1

    def opening(self, delta: dict[str, str]) -> bytes:
        """The life-cycle events that come before the first text."""
        open_response = self._response("in_progress", [])
        item = {**self._message("", "in_progress"), "content": []}
        return (
            self._event("response.created", response=open_response)
            + self._event("response.in_progress", response=open_response)
            + self._event("response.output_item.added", output_index=0, item=item)
            + self._part("response.content_part.added", part=_output_text(""))
        )

    def reasoning(self, text: str) -> bytes:
        """Nothing: the lab has no reasoning in this API."""
        return b""

    def text(self, text: str, finish: str | None) -> bytes:
        """A piece of the answer; `finish` is unused here."""
        self._number += 1
        return b"%s%d%s%s%s" % (self._head, self._number, self._middle, _json_text(text), self._after)

    def finish(self, reason: str) -> bytes:
        """Nothing: the response's own end says it."""
        return b""

    def end(self, text: str, finish: str, usage: Usage | None) -> bytes:
        """The events that close text, part, item and response; the last one holds the usage."""
        whole = self._whole(text, finish, usage)
        item = whole["output"][0]
        return (
            self._part("response.output_text.done", text=text, logprobs=[])
            + self._part("response.content_part.done", part=_output_text(text))
            + self._event("response.output_item.done", output_index=0, item=item)
            + self._event(f"response.{whole['status']}", response=whole)
        )

    def body(self, text: str, reasoning: str, finish: str, usage: Usage | None) -> bytes:
        """The whole answer at once."""
        return _json(self._whole(text, finish, usage)).encode()

    def _whole(self, text: str, finish: str, usage: Usage | None) -> dict[str, Any]:
        status = "completed" if finish == "stop" else "incomplete"
        response = self._response(status, [self._message(text, status)])
        if status == "incomplete":
            response["incomplete_details"] = {"reason": "max_output_tokens"}
        return response | ({"usage": _responses_usage(usage)} if usage else {})

    def _response(self, status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
        return {**self._base, "status": status, "output": output}

    def _message(self, text: str, status: str) -> dict[str, Any]:
        content = [_output_text(text)]
        return {
            "id": self._item,
            "type": "message",
            "role": "assistant",
            "status": status,
            "content": content,
        }

    def _part(self, kind: str, **fields: Any) -> bytes:
        return self._event(kind, item_id=self._item, output_index=0, content_index=0, **fields)

    def _event(self, kind: str, **fields: Any) -> bytes:
        self._number += 1
        return frame({"type": kind, "sequence_number": self._number, **fields}, kind)


Frames = ChatFrames | CompletionFrames | ResponsesFrames
FRAMES: dict[Api, Callable[[str], Frames]] = {
    "chat.completions": ChatFrames,
    "completions": CompletionFrames,
    "responses": ResponsesFrames,
}


def _whole(data: dict[str, Any], usage: Usage | None) -> bytes:
    return _json(data | ({"usage": usage} if usage else {})).encode()


def _completion_choice(text: str, finish: str | None) -> dict[str, Any]:
    return {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}


def _output_text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _responses_usage(usage: Usage) -> dict[str, Any]:
    spent = usage.get("completion_tokens_details", {})
    return {
        "input_tokens": usage["prompt_tokens"],
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": usage["completion_tokens"],
        "output_tokens_details": {"reasoning_tokens": spent.get("reasoning_tokens", 0)},
        "total_tokens": usage["total_tokens"],
    }
