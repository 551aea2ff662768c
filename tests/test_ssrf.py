"""Hosted mode calls the public internet only: no spelling, name or redirect gets a connection elsewhere.

What is dialled is recorded instead of waiting for it to fail: where these tests run, any address may
answer. Names are answered by a resolver of the test's own; addresses by the system's, which looks
nothing up for them.
"""

import ast
import ipaddress
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ssrfguard
from hypothesis import given
from hypothesis import strategies as st

from lib.capture import Door
from lib.guard import Hosted, Refused
from lib.messages import Start
from lib.recording import Recording
from tests.scripted import Authority, Scripted, asking, chunked, record, whole
from tests.test_probe import Owner

PUBLIC = "93.184.215.14"
FORBIDDEN_4 = {
    "loopback": "127.0.0.1",
    "loopback, elsewhere": "127.255.0.9",
    "this host": "0.0.0.0",
    "private 10": "10.1.2.3",
    "private 172": "172.16.0.1",
    "private 192": "192.168.1.1",
    "metadata": "169.254.169.254",
    "container metadata": "169.254.170.2",
    "shared": "100.64.0.1",
    "other metadata": "100.100.100.200",
    "broadcast": "255.255.255.255",
    "multicast": "224.0.0.1",
    "benchmarks": "198.18.0.1",
    "documentation": "192.0.2.1",
}
FORBIDDEN_6 = (
    "::", "::1", "fe80::1", "fe80::1%eth0", "fe80::1%25eth0", "fc00::1", "fd00:ec2::254", "ff02::1",
    "fec0::1", "::ffff:0:0:1", "2001:db8::1", "100::1", "0:0:0:0:0:0:0:1",
    "0000:0000:0000:0000:0000:0000:0000:0001", "::0001",
)  # fmt: skip
NAMES = (
    "localhost", "LOCALHOST", "localhost.", "localhost.localdomain", "a.localhost", "ip6-localhost",
    "127.0.0.1.nip.io", "127-0-0-1.sslip.io", "localtest.me", "metadata.google.internal", "metadata",
    "kubernetes.default.svc", "host.docker.internal", "router.local", "xn--lclhst-ntd3a.test", "ⓛocalhost",
    "ｌｏｃａｌｈｏｓｔ", "loc\u00adalhost", "localhost%00.example.com",
    "localhost%2eexample.com", "127.0.0.1%2f.example.com",
)  # fmt: skip
ODD = (
    "https://example.com@127.0.0.1/v1", "https://example.com:443@127.0.0.1/v1", "https://127.0.0.1#@example.com/v1",
    "https://127.0.0.1\\@example.com/v1", "https://example.com\\@127.0.0.1/v1", "https://127.0.0.1?@example.com/",
    "https:127.0.0.1/v1", "https:/127.0.0.1/v1", "https:///127.0.0.1/v1", "https://127.0.0.1:443:80/v1",
    "https://[::1/v1", "https://::1/v1", "https://[127.0.0.1]/v1", "https://[::ffff:127.0.0.1]:443@example.com/",
    "https://127.0.0.1\t/v1", "https://127.0.0.1\n/v1", "https://127.0.0.1 /v1", " https://127.0.0.1/v1",
    "https://127.1\x00.example.com/v1", "https://example.com\r\nhost: x@127.0.0.1/", "//127.0.0.1/v1",
    "http://127.0.0.1/v1", "ftp://127.0.0.1/v1", "file:///etc/passwd", "unix:///run/docker.sock", "gopher://127.0.0.1/",
    "https://93.184.215.14:22/v1", "https://93.184.215.14:80/v1", "https://93.184.215.14:0/v1",
    "https://93.184.215.14:65536/v1", "https://93.184.215.14:+443@127.0.0.1/v1", "http://93.184.215.14/v1",
    "http://93.184.215.14:443/v1", "https://user:password@93.184.215.14/v1",
)  # fmt: skip


def octets(address: str) -> list[int]:
    return [int(part) for part in address.split(".")]


def spellings(address: str) -> Iterator[str]:
    """One IPv4 address as C libraries, browsers and tricksters write it."""
    a, b, c, d = octets(address)
    number = (a << 24) + (b << 16) + (c << 8) + d
    yield from (address, address + ".", f"{number}", f"0x{number:08x}", f"0X{number:08X}", f"0{number:o}")
    yield from (f"{a}.{(b << 16) + (c << 8) + d}", f"{a}.{b}.{(c << 8) + d}")
    yield ".".join(f"0x{part:x}" for part in (a, b, c, d))
    yield ".".join(f"0{part:o}" for part in (a, b, c, d))
    yield ".".join(f"{part:04d}" for part in (a, b, c, d))
    yield f"0x{a:x}.0{b:o}.{c}.{d}"
    yield "".join(chr(ord(ch) + 0xFEE0) if ch.isdigit() else ch for ch in address)  # fullwidth digits
    yield address.replace(".", "。")  # an ideographic full stop
    yield "".join(chr(0x245F + int(ch)) if ch in "123456789" else ch for ch in address)  # circled digits
    yield f"{number + (1 << 32)}"  # overflows into the same address in some parsers
    pair = f"{a:02x}{b:02x}:{c:02x}{d:02x}"
    yield from (f"[::ffff:{address}]", f"[::ffff:{pair}]", f"[0:0:0:0:0:ffff:{pair}]", f"[::{address}]")
    yield from (f"[64:ff9b::{address}]", f"[64:ff9b:1::{pair}]", f"[2002:{pair}::1]")
    yield f"[2001:0:53aa:64c:0:ffff:{a ^ 255:02x}{b ^ 255:02x}:{c ^ 255:02x}{d ^ 255:02x}]"  # Teredo
    yield f"[::ffff:0:{address}]"


URLS = sorted(
    {f"https://{spelling}/v1" for address in FORBIDDEN_4.values() for spelling in spellings(address)}
    | {f"https://[{address}]/v1" for address in FORBIDDEN_6}
    | {f"https://{name}/v1" for name in NAMES}
    | set(ODD)
)


class Dialled(list[Any]):
    """The addresses that the wire was about to connect to; it never gets to."""


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> Dialled:
    seen = Dialled()

    def connect(self: socket.socket, place: Any) -> None:
        seen.append(place)
        raise ConnectionRefusedError

    monkeypatch.setattr("socket.socket.connect", connect)
    return seen


def names(**answers: list[str]) -> Any:
    """A resolver that knows these names, an answer for each; every other name is loopback. Addresses are
    the system's business. It counts in `names.asked`."""

    def resolver(host: str, port: int, *rest: Any, **more: Any) -> list[Any]:
        asked.append(host)
        if rest and rest[-1] & socket.AI_NUMERICHOST:
            return socket.getaddrinfo(host, port, *rest, **more)
        try:
            return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
        except socket.gaierror:
            found = answers.get(host.split(".")[0], ["127.0.0.1"])
            answer = found.pop(0) if len(found) > 1 and ";" in found[0] else ",".join(found)
            return [row(address, port) for address in answer.strip(";").split(",")]

    asked: list[str] = []
    resolver.asked = asked  # type: ignore[attr-defined]
    return resolver


def row(address: str, port: int) -> Any:
    if ":" in address:
        return (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0))
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))


def called(url: str, resolver: Any = None) -> Recording:
    return record(asking(url), door=Door(Hosted(resolver=resolver or names())))


def test_there_are_more_than_two_hundred_of_them() -> None:
    assert len(URLS) > 300


def test_no_spelling_of_a_forbidden_host_is_dialled(dialled: Dialled) -> None:
    door = Door(Hosted(resolver=names()))
    for url in URLS:
        seen = record(asking(url), door=door)
        assert seen.error is not None, url
        assert seen.error.kind in ("refused", "resolve"), (url, seen.error)
        assert seen.writes == (), url
        assert dialled == [], url


def test_the_network_refuses_by_itself_what_the_front_door_let_through(
    dialled: Dialled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if two parsers read the URL differently: the host that is about to be dialled is judged again."""
    monkeypatch.setattr(Hosted, "refusal", lambda self, base_url: None)
    door = Door(Hosted(resolver=names()))
    for url in URLS:
        seen = record(asking(url), door=door)
        assert seen.error is not None
        assert all(place[0] == PUBLIC and place[1] == 443 for place in dialled), (url, dialled)


@given(st.integers(0, 2**128 - 1), st.sampled_from(["[{}]", "[::ffff:{}]", "{}"]))
def test_no_address_is_dialled_that_is_not_of_the_public_internet(number: int, form: str) -> None:
    ip = ipaddress.ip_address(number >> 96) if form != "[{}]" else ipaddress.ip_address(number)
    host = form.format(ip).strip("[]")
    try:
        found = Hosted(resolver=names()).addresses(host, 443)
    except Refused:
        return
    for address in found:
        assert ipaddress.ip_address(address.place[0]).is_global


def test_a_public_name_is_looked_up_once_and_only_its_checked_address_is_dialled(dialled: Dialled) -> None:
    """The name moves to loopback after the first answer: nobody asks again."""
    resolver = names(rebinding=[f"{PUBLIC};", "127.0.0.1"])
    seen = called("https://rebinding.test/v1", resolver)
    assert resolver.asked == ["rebinding.test"]
    assert dialled == [(PUBLIC, 443)]
    assert seen.error is not None
    assert seen.error.kind == "connect"


def test_a_name_that_moved_to_loopback_is_refused_at_the_next_call(dialled: Dialled) -> None:
    resolver = names(rebinding=[f"{PUBLIC};", "127.0.0.1"])
    door = Door(Hosted(resolver=resolver))
    seen = [record(asking("https://rebinding.test/v1"), door=door) for _ in range(3)]
    assert dialled == [(PUBLIC, 443)]
    assert [s.error.kind for s in seen if s.error] == ["connect", "refused", "refused"]


@pytest.mark.parametrize("forbidden", [*FORBIDDEN_4.values(), "::1", "fd00::1", "::ffff:10.0.0.1"])
@pytest.mark.parametrize("first", [True, False])
def test_one_forbidden_answer_refuses_the_name(dialled: Dialled, forbidden: str, first: bool) -> None:
    mixed = [forbidden, PUBLIC] if first else [PUBLIC, forbidden]
    seen = called("https://mixed.test/v1", names(mixed=mixed))
    assert seen.error is not None
    assert seen.error.kind == "refused"
    assert dialled == []


def test_a_name_with_very_many_addresses_costs_four_attempts(dialled: Dialled) -> None:
    called("https://many.test/v1", names(many=[f"93.184.215.{n}" for n in range(1, 200)]))
    assert len(dialled) == 4


def test_the_sentence_is_for_people() -> None:
    for url in ("https://10.0.0.1/v1", "http://example.com/v1", "https://example.com:22/v1"):
        seen = called(url)
        assert seen.error is not None
        assert "public internet" in seen.error.message
        assert "Nothing was sent" in seen.error.message
        assert "allowed_" not in seen.error.message, "the library's own settings are not the reader's"


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    """A canary that must stay alone, named as every kind of proxy."""
    with Scripted([whole(b"{}")]) as canary:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
            monkeypatch.setenv(name.upper(), f"http://127.0.0.1:{canary.port}")
        yield canary


def test_a_proxy_of_the_environment_is_never_asked(proxied: Scripted, dialled: Dialled) -> None:
    called("https://public.test/v1", names(public=[PUBLIC]))
    assert dialled == [(PUBLIC, 443)]
    assert proxied.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_loopback_is_not_followed(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A public server, as it were: the checked address is dialled, and answered by a server of ours."""
    authority = Authority()
    connect, dialled = socket.socket.connect, []

    def divert(self: socket.socket, place: Any) -> None:
        dialled.append(place)
        connect(self, ("127.0.0.1", public.port))

    with Scripted([whole(b"{}")]) as canary:
        target = f"http://127.0.0.1:{canary.port}/v1"
        with Scripted([whole(b"", status, location=target)], authority.server("public.test")) as public:
            monkeypatch.setattr("socket.socket.connect", divert)
            door = Door(Hosted(resolver=names(public=[PUBLIC])), authority.client)
            seen = record(asking("https://public.test/v1"), door=door)
            assert len(public.requests) == 1
        assert canary.connections == 0
    assert dialled == [(PUBLIC, 443)]
    assert seen.error is not None
    assert (seen.error.kind, seen.error.status) == ("status", status)


def test_a_hosted_call_is_a_call_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS is checked against the name, though an address was dialled; connections are reused."""
    authority = Authority()
    connect = socket.socket.connect
    with Scripted([chunked(b"data: [DONE]\n\n")], authority.server("public.test")) as public:
        ours = ("127.0.0.1", public.port)
        monkeypatch.setattr("socket.socket.connect", lambda self, _: connect(self, ours))
        door = Door(Hosted(resolver=names(public=[PUBLIC], other=[PUBLIC])), authority.client)
        request = asking("https://public.test/v1", connection="reused")
        seen = [record(request, door=door) for _ in range(2)]
        wrong = record(asking("https://other.test/v1"), door=door)
        door.close()
    assert [(s.error, s.connection) for s in seen] == [(None, "new"), (None, "reused")]
    assert wrong.error is not None
    assert wrong.error.kind == "tls"


def test_a_hosted_probe_calls_the_lab_when_the_service_says_so_and_nothing_else_here(tmp_path: Path) -> None:
    """Also with a connection to the very same address left over from the lab's call."""
    owner = Owner(tmp_path / "spool", "--policy", "hosted")
    with Scripted([chunked(b"data: [DONE]\n\n")]) as lab:
        request = asking(lab.url.replace("localhost", "127.0.0.1"), connection="reused")
        calls = (Start("a/0", request, lab=True), Start("a/1", request), Start("a/2", request, lab=True))
        kinds = []
        for start in calls:
            owner.say(start)
            seen, _ = owner.until_close(start)
            kinds.append(seen.error.kind if seen.error else seen.connection)
        assert lab.connections == 1
        assert len(lab.requests) == 2
    owner.close_stdin()
    owner.wait()
    assert kinds == ["new", "refused", "reused"]


def test_a_local_probe_calls_private_addresses() -> None:
    with Scripted([whole(b"{}")]) as server:
        assert record(asking(server.url, mode="blocking")).error is None


# What we lean on in ssrfguard, pinned: these fail loudly when a new version means something else.


def test_only_public_names_of_the_library_are_used() -> None:
    source = (Path(__file__).resolve().parent.parent / "lib" / "guard.py").read_text("utf-8")
    used = {
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if node.value.id == "ssrfguard"
    }
    assert used <= set(ssrfguard.__all__)


def test_it_is_the_version_these_tests_were_written_against() -> None:
    assert ssrfguard.__version__ == "0.4.1"


def test_it_asks_its_resolver_once_as_getaddrinfo_is_asked() -> None:
    asked: list[tuple[Any, ...]] = []

    def resolver(*arguments: Any) -> list[Any]:
        asked.append(arguments)
        return [row(PUBLIC, 443)]

    rules = ssrfguard.Policy()
    found = ssrfguard.resolve(rules.check_url("https://name.test/"), policy=rules, resolver=resolver)
    assert asked == [("name.test", 443, 0, socket.SOCK_STREAM, 0, 0)]
    assert [(a.family, a.sockaddr) for a in found] == [(socket.AF_INET, (PUBLIC, 443))]


def test_its_refusals_have_one_root_and_one_kind_for_addresses() -> None:
    rules = ssrfguard.Policy(allowed_schemes=frozenset({"https"}), allowed_ports=frozenset({443}))
    assert issubclass(ssrfguard.BlockedAddressError, ssrfguard.SSRFGuardError)
    for url in (
        "http://example.com/",
        "https://example.com:22/",
        "https://a@example.com/",
        "https://2130706433/",
    ):
        with pytest.raises(ssrfguard.SSRFGuardError):
            rules.check_url(url)
    with pytest.raises(ssrfguard.BlockedAddressError):
        rules.check_address("64:ff9b::7f00:1")


def test_every_connection_goes_through_the_policy() -> None:
    """`connect_tcp` is the only place of the wire that opens a socket."""
    source = (Path(__file__).resolve().parent.parent / "lib" / "wire.py").read_text("utf-8")
    makers = [
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        if node.attr in ("socket", "create_connection", "socketpair", "connect")
    ]
    assert sorted(set(makers)) == ["connect", "socket"]
