"""A key must be nowhere but in memory and on its way to its own address."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.service import Service
from lib.settings import Settings
from lib.spec import Arm, CallSpec, Endpoint, ExperimentSpec, Mode
from tests import endpoint as endpoints

CANARY = "sk-canary-7f3a9b21c4d85e60"


@pytest.fixture
def endpoint() -> Iterator[endpoints.Endpoint]:
    with endpoints.endpoint() as server:
        yield server


def everything(folder: Path) -> dict[str, bytes]:
    """Each file below the folder, and what the database holds once unpacked."""
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def processes(pids: list[int]) -> dict[str, bytes]:
    return {
        f"{pid} {name}": Path(f"/proc/{pid}/{name}").read_bytes()
        for pid in pids
        for name in ("cmdline", "environ")
    }


def spec(base_url: str, ref: str, model: str) -> ExperimentSpec:
    return ExperimentSpec((Arm(Endpoint(base_url, ref), CallSpec(model=model, prompt="Hi.")),))


@pytest.mark.parametrize("model", ["echo", "refuse"])
def test_a_key_is_nowhere_afterwards(
    model: str,
    tmp_path: Path,
    endpoint: endpoints.Endpoint,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The endpoint gives the key back, in its answer or in its error."""
    monkeypatch.setenv("CANARY_API_KEY", CANARY)
    caplog.set_level(0)
    service = Service.open(Settings(data=tmp_path, discover=False, download=False))
    try:
        refs = [service.keys.typed(CANARY, endpoint.base_url), service.keys.found("CANARY_API_KEY") or ""]
        service.keys.allow(refs[1], endpoint.base_url)
        ids = [service.start(spec(endpoint.base_url, ref, model)) for ref in refs]
        service.models(Endpoint(endpoint.base_url, refs[0]))
        for id in ids:
            service.wait(id, 60)
        pids = [p for p in (service._dispatch.probe.pid,) if p is not None]
        found = processes(pids)
        assert len(found) == 2
        for id in ids:
            found |= {
                f"json {id}": service.json(id).encode(),
                f"feed {id}": repr(service.feed.read(id, 0)).encode(),
            }
            calls = service.experiment(id).calls
            found[f"shown {id}"] = repr(calls).encode()
            modes: list[Mode] = [c.planned.mode for c in calls]
            assert sorted(modes) == ["blocking", "streaming"]
            evidence = service._store.evidence(id)
            found |= {f"evidence {id} {n}": repr(_recording(data)).encode() for n, data in evidence.items()}
    finally:
        service.close()
    found |= everything(tmp_path) | {"log": caplog.text.encode()}
    assert CANARY in endpoint.authorizations
    assert [name for name, data in found.items() if CANARY.encode() in data] == []
    assert os.environ["CANARY_API_KEY"] == CANARY


def test_a_key_never_follows_to_another_address(tmp_path: Path, endpoint: endpoints.Endpoint) -> None:
    service = Service.open(Settings(data=tmp_path, discover=False, download=False))
    ref = service.keys.typed(CANARY, "https://other.example/v1")
    found = service.models(Endpoint(endpoint.base_url, ref))
    assert "typed for https://other.example:443" in (found.problem or "")
    assert endpoint.authorizations == []
    service.close()


def _recording(data: bytes) -> object:
    from lib.recording import from_bytes

    return from_bytes(data)
