"""How many tokens an answer has, counted here with OpenAI's own vocabularies, and where those come from.

A vocabulary is looked for in tiktoken's and our own cache, then in packages on this machine that carry
the files (not imported, checked by their sha256), then fetched in a process of its own, 10 s at most,
if that is allowed. Without one there is no recount and a reason, never an estimate.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import re
import subprocess
import sys
import tempfile
import threading
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Literal, NamedTuple

import tiktoken

from lib.timeline import Recount, Timeline

log = logging.getLogger("streamgauge.tokens")

Basis = Literal["exact", "assumed", "approximate"]
FETCH_S = 10.0
MAX_CHARS = 4_000_000
BLANK = re.compile(r"\s{100000}")
"""White space of several times this length makes tiktoken's matcher panic, which nothing can catch well."""
SOURCE = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
PINS = {
    "r50k_base": "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930",
    "p50k_base": "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
}
"""sha256 of each vocabulary file, as tiktoken pins them."""
SHARED = {"o200k_harmony": "o200k_base", "p50k_edit": "p50k_base", "gpt2": "r50k_base"}
"""Encodings that use another one's file; of gpt2 the merges are r50k_base's."""
PLACES = (
    ("litellm", "litellm_core_utils/tokenizers"),
    ("llama_index", "core/_static/tiktoken_cache"),
)
"""Packages that carry the files under tiktoken's cache names, and where."""
R50K_RANKS = 50256

_FETCH = """
import sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=float(sys.argv[2])) as answer:
    sys.stdout.buffer.write(answer.read(16 << 20))
"""


class Choice(NamedTuple):
    """Which encoding counts a model's tokens. "assumed": a newer name of a known family;
    "approximate": another vendor's model, whose own tokenizer differs."""

    encoding: str
    basis: Basis


def choose(model: str) -> Choice:
    """The encoding for a model's name: tiktoken's exact names, then its prefixes, then families."""
    bare = model.strip().rsplit("/", 1)[-1]
    try:
        return Choice(_base(tiktoken.encoding_name_for_model(bare)), "exact")
    except KeyError:
        pass
    family = bare.removeprefix("ft:").lower()
    if family.startswith("gpt-oss"):
        return Choice("o200k_harmony", "assumed")
    if family.startswith(("gpt-", "chatgpt-", "codex-")) or (family[:1] == "o" and family[1:2].isdigit()):
        return Choice("o200k_base", "assumed")
    return Choice("o200k_base", "approximate")


def recount(timeline: Timeline, encoder: tiktoken.Encoding, choice: Choice) -> Recount:
    """Tokens of each event: of the text up to it, less those of the text before it. O(text).

    Content and reasoning are texts of their own, encoded once without special tokens; the counts sum to
    their totals. An event that ends inside a token counts it with the event that completes it, so
    0 is possible. Every text event must have its text.
    """
    tokens = [0] * len(timeline.events)
    for kind in ("content", "reasoning"):
        places = [i for i, e in enumerate(timeline.events) if e.kind == kind]
        texts = [timeline.events[i].text or "" for i in places]
        for i, n in zip(places, _split(texts, encoder), strict=True):
            tokens[i] = n
    return Recount(choice.encoding, choice.basis, tuple(tokens))


class Vocabulary:
    """Recounts for the whole process. Loads each vocabulary once, when first needed; safe in threads.

    `cache_dir`: where found and fetched files are kept. `download`: whether the network may be asked.
    What could not be had is not asked for again.
    """

    def __init__(self, cache_dir: Path, download: bool) -> None:
        self._cache_dir = cache_dir
        self._download = download
        self._lock = threading.Lock()
        self._loaded: dict[str, tuple[tiktoken.Encoding | None, str | None]] = {}

    def recount(self, timeline: Timeline, model: str) -> tuple[Recount | None, str | None]:
        """(recount, None) or (None, reason). An answer without text has a recount of zeros."""
        texts = [e for e in timeline.events if e.kind in ("content", "reasoning")]
        choice = choose(model)
        if not texts:
            return Recount(choice.encoding, choice.basis, (0,) * len(timeline.events)), None
        if any(e.text is None for e in texts):
            return None, "Recount not available: the text was withheld."
        if sum(e.chars for e in texts) > MAX_CHARS:
            return None, f"Recount not available: the answer has more than {MAX_CHARS:,} characters."
        if BLANK.search("".join(e.text or "" for e in texts)):
            return None, "Recount not available: the answer holds 100,000 blanks in a row."
        encoder, reason = self.encoder(choice.encoding)
        return (None, reason) if encoder is None else (recount(timeline, encoder, choice), None)

    def loaded(self, encoding: str) -> tiktoken.Encoding | None:
        """An encoder that is there already; never waits."""
        return self._loaded.get(encoding, (None, None))[0]

    def encoder(self, encoding: str) -> tuple[tiktoken.Encoding | None, str | None]:
        """(encoder, None) or (None, reason). May take up to 11 s the first time, when it downloads."""
        with self._lock:
            if encoding not in self._loaded:
                self._loaded[encoding] = self._load(encoding)
            return self._loaded[encoding]

    def _load(self, encoding: str) -> tuple[tiktoken.Encoding | None, str | None]:
        name = _file(encoding)
        if name not in PINS:
            return None, f"Recount not available: the vocabulary {encoding} is not known here."
        folder, reason = self._locate(name)
        if folder is None:
            log.info("no vocabulary %s: %s", name, reason)
            return None, f"Recount not available: the vocabulary {name} is not on this computer{reason}."
        return _encoding(encoding, folder), None

    def _locate(self, name: str) -> tuple[Path | None, str]:
        """(folder that holds the checked file, "") or (None, the rest of a sentence)."""
        for folder in (*_caches(), self._cache_dir):
            if _checked(folder / cache_name(name), name) is not None:
                return folder, ""
        data = next(_installed(name), None)
        if data is None and not self._download:
            return None, ", and fetching it is switched off"
        if data is None and (data := fetch(name)) is None:
            return None, ", and it could not be fetched"
        return self._keep(name, data or b"")

    def _keep(self, name: str, data: bytes) -> tuple[Path | None, str]:
        target = self._cache_dir / cache_name(name)
        part = target.with_suffix(f".{os.getpid()}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)
            part.replace(target)
        except OSError as error:
            return None, f", and it cannot be kept in {self._cache_dir}: {error.strerror or error}"
        return self._cache_dir, ""


def cache_name(name: str) -> str:
    """The name under which tiktoken keeps a vocabulary's file."""
    return hashlib.sha1(SOURCE.format(name).encode(), usedforsecurity=False).hexdigest()


def fetch(name: str, timeout_s: float = FETCH_S) -> bytes | None:
    """The file from its publisher, None when it did not come whole and right in time."""
    command = [sys.executable, "-I", "-c", _FETCH, SOURCE.format(name), str(timeout_s)]
    keep = ("PATH", "HOME", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE")
    env = {k: os.environ[k] for k in keep if k in os.environ}
    try:
        done = subprocess.run(command, env=env, capture_output=True, timeout=timeout_s, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if _right(done.stdout, name) else None


def _split(texts: list[str], encoder: tiktoken.Encoding) -> Iterator[int]:
    """Tokens of each text within the whole, by the byte where each token ends."""
    ids = encoder.encode_ordinary("".join(texts))
    ends = list(accumulate(len(b) for b in encoder.decode_tokens_bytes(ids)))
    before = 0
    for so_far in accumulate(len(t.encode()) for t in texts):
        count = bisect_right(ends, so_far)
        yield count - before
        before = count


def _encoding(encoding: str, folder: Path) -> tiktoken.Encoding:
    """Load from a folder that is known to hold the file, so that tiktoken has nothing to fetch.

    tiktoken takes the folder from the environment only; the caller's lock keeps others of ours out.
    """
    before = os.environ.get("TIKTOKEN_CACHE_DIR")
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
    try:
        return tiktoken.get_encoding(_base(encoding))
    finally:
        if before is None:
            del os.environ["TIKTOKEN_CACHE_DIR"]
        else:
            os.environ["TIKTOKEN_CACHE_DIR"] = before


def _installed(name: str) -> Iterator[bytes]:
    """The file's bytes from packages that carry it, found without importing them."""
    for package, inside in PLACES:
        spec = importlib.util.find_spec(package)
        for root in (spec.submodule_search_locations or []) if spec else []:
            if (data := _checked(Path(root) / inside / cache_name(name), name)) is not None:
                yield data
            elif name == "r50k_base":
                yield from _derived(Path(root) / inside / cache_name("p50k_base"))


def _derived(p50k: Path) -> Iterator[bytes]:
    """r50k_base is the part of p50k_base below its first added rank; the checksum says it is the same."""
    whole = _checked(p50k, "p50k_base") or b""
    lines = [line for line in whole.splitlines(keepends=True) if int(line.split()[1]) < R50K_RANKS]
    if _right(b"".join(lines), "r50k_base"):
        yield b"".join(lines)


def _caches() -> list[Path]:
    """Where tiktoken itself keeps its files."""
    named = os.environ.get("TIKTOKEN_CACHE_DIR")
    return [Path(named) if named else Path(tempfile.gettempdir()) / "data-gym-cache"]


def _checked(path: Path, name: str) -> bytes | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return data if _right(data, name) else None


def _right(data: bytes, name: str) -> bool:
    return hashlib.sha256(data).hexdigest() == PINS[name]


def _file(encoding: str) -> str:
    return SHARED.get(encoding, encoding)


def _base(encoding: str) -> str:
    """tiktoken would fetch two more files for gpt2; r50k_base has the same merges."""
    return "r50k_base" if encoding == "gpt2" else encoding
