"""Every setting, read once. Each is an environment variable `STREAMGAUGE_<NAME>`; the README lists them.

Keys are not settings: they are looked up by `lib.keys` when a call needs one, and never kept here.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from lib.errors import SettingsError
from lib.spec import Limits

ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """All settings with their defaults. Unknown STREAMGAUGE_ variables are ignored."""

    model_config = SettingsConfigDict(env_prefix="STREAMGAUGE_", frozen=True, extra="ignore")

    data: Path = Field(default=ROOT / "data", description="The folder that holds experiments.")
    mode: Literal["local", "hosted", "viewer"] | None = Field(
        default=None,
        description=(
            "Who may use this server; required when it listens beyond this computer. hosted: strangers. "
            "Calls go to the public internet only, no key of this machine is used, nothing is looked for. "
            "viewer: anyone looks at what is here and runs the built-in endpoint; no keys, no other address."
        ),
    )
    ports: Annotated[tuple[int, ...], NoDecode] = Field(
        default=(443,), min_length=1, description="Ports that hosted calls may use, with commas between."
    )
    priority: bool = Field(
        default=False, description="Read streams with real-time priority, where the system allows it."
    )
    region: str = Field(default="local", description="Where the probe stands, in your words; on every link.")
    connect_s: float = Field(
        default=Limits().connect_s, gt=0, description="Seconds to wait for a connection."
    )
    silence_s: float = Field(default=Limits().silence_s, gt=0, description="Seconds since the last byte.")
    total_s: float = Field(default=Limits().total_s, gt=0, description="Seconds a whole call may take.")
    public_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s/?#@]+(/[^\s?#]*)?)?$",
        description="Where others reach this server, such as https://gauge.example.com; in shared links.",
    )
    api_token: SecretStr | None = Field(
        default=None, min_length=16, description="Who sends it may start and delete experiments by program."
    )
    replay: bool = Field(
        default=False, description="Play saved experiments to any OpenAI client on a public server, too."
    )
    discover: bool = Field(default=True, description="Look for local servers on their usual ports.")
    download: bool = Field(default=True, description="Fetch a missing tokenizer vocabulary, 10 s at most.")

    @field_validator("ports", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return value.split(",") if isinstance(value, str) else value

    @field_validator("ports")
    @classmethod
    def _are_ports(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not all(0 < port < 65536 for port in value):
            raise ValueError("a port is a number from 1 to 65535")
        return value

    @model_validator(mode="before")
    @classmethod
    def _look_for_nothing(cls, values: dict[str, object]) -> dict[str, object]:
        return {**values, "discover": False} if values.get("mode") in ("hosted", "viewer") else values

    @property
    def hosted(self) -> bool:
        """Whether strangers use this server."""
        return self.mode in ("hosted", "viewer")

    @property
    def viewer(self) -> bool:
        """Whether this server only shows: no keys, no endpoint but the built-in one."""
        return self.mode == "viewer"

    @property
    def plays(self) -> bool:
        """Whether saved experiments are endpoints here."""
        return self.replay or not self.hosted

    def probe_arguments(self) -> tuple[str, ...]:
        """What the probe is told on its command line, its place and its spool aside."""
        policy = "hosted" if self.hosted else "local"
        ports = ("--ports", *map(str, self.ports))
        priority = ("--priority",) if self.priority else ()
        return ("--policy", policy, *ports, *priority)

    def limits(self) -> Limits:
        """Limits for experiments started here."""
        return Limits(connect_s=self.connect_s, silence_s=self.silence_s, total_s=self.total_s)


def read() -> Settings:
    """The settings of this process. Raises SettingsError that names the variable."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = f"STREAMGAUGE_{first['loc'][0]}".upper()
        message = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{name} cannot be used: {message}.") from None


def check_bind(address: str | None, mode: str | None) -> None:
    """Refuse to listen beyond this computer without an explicit mode. Raises SettingsError."""
    if mode is None and not is_loopback(address or ""):
        raise SettingsError(
            f"Streamgauge would listen on {address or 'every address'}, where others can use it and "
            "the keys it finds. Bind it to localhost, or set STREAMGAUGE_MODE=local to allow this."
        )


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this computer only."""
    if host.strip("[]") == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
