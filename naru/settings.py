"""Settings: one frozen table, read once, in the command or in `create_app`, and passed down.

`TABLE` is the whole list (name, default, unit, help); `docs/settings.md` is held to it by a test.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from naru.errors import BadSetting
from naru.storage import sync_folder


@dataclass(frozen=True)
class Setting:
    """One row of the table: `name` is the environment variable."""

    name: str
    default: str
    unit: str
    help: str


TABLE: tuple[Setting, ...] = (
    Setting("NARU_HOME", "./naru-data", "folder", "where everything is kept"),
    Setting("NARU_DATABASE_URL", "", "URL", "the catalogue: SQLite in the home folder, or postgresql://…"),
    Setting("NARU_STORAGE_URL", "", "URL", "the archives: the home folder, or file:///folder"),
    Setting(
        "NARU_QUOTA_URL", "embedded", "URL", "where quotas are counted: embedded (the catalogue), or redis://…"
    ),
    Setting(
        "NARU_DASK_ADDRESS", "", "URL", "a Dask scheduler that runs ensembles of floods; empty: local processes"
    ),
    Setting("NARU_PUBLIC_URL", "", "URL", "the address callers use; empty: relative URLs (Host is never trusted)"),
    Setting("NARU_ANONYMOUS", "public", "public|none", "what a caller without a key may read"),
    Setting("NARU_TIMEZONE", "Asia/Seoul", "IANA name", "where days and months of quotas begin"),
    Setting("NARU_MAX_UPLOAD_MB", "2048", "MB", "largest file that is taken in"),
    Setting("NARU_RUN_MAX_CELLS", "25000000", "cells", "most cells of a flood run that comes over HTTP"),
    Setting("NARU_RUN_MAX_MEMBERS", "1000", "runs", "most members of an ensemble that comes over HTTP"),
    Setting("NARU_RUN_MAX_CPU_H", "24", "hours", "most processor time of a run over HTTP, all members together"),
    Setting("NARU_RUN_MEMORY_MB", "0", "MB", "memory of a process of such a run; 0: seven tenths of the machine's"),
    Setting("NARU_WORKERS", "0", "processes", "server processes; 0: one per processor, at most 4"),
    Setting("NARU_TRUSTED_PROXIES", "0", "count", "proxies in front whose X-Forwarded-For is believed"),
    Setting("NARU_ACCESS_LOG", "", "file", "where each request is written down, a JSON object a line; -: stderr"),
    Setting("NARU_TRACES_URL", "", "URL", "an OpenTelemetry collector for traces (OTLP over HTTP); empty: none"),
    Setting(
        "NARU_RENDERER", "naru", "naru|maplibre", "what draws pictures of vector layers: Naru, or MapLibre Native"
    ),
    Setting("NARU_KEY_PEPPER", "", "text", "secret under the key hashes; empty: made once, kept 0600 in home"),
)
DEFAULTS: Mapping[str, str] = {row.name: row.default for row in TABLE}


@dataclass(frozen=True)
class Settings:
    """The table's values, typed and checked."""

    home: Path
    database_url: str
    storage: Path
    quota_url: str
    dask_address: str
    public_url: str
    anonymous: Literal["public", "none"]
    timezone: str
    max_upload_mb: int
    run_max_cells: int
    run_max_members: int
    run_max_cpu_h: int
    run_memory_mb: int
    workers: int
    trusted_proxies: int
    access_log: str
    traces_url: str
    renderer: Literal["naru", "maplibre"]
    key_pepper: str

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], *, home: Path | str | None = None) -> Settings:
        """Build settings from `environ`, `home` taking precedence over NARU_HOME.

        Raises:
            BadSetting: a value that the setting cannot have.
        """
        text = {name: environ.get(name, default).strip() for name, default in DEFAULTS.items()}
        where = Path(home if home is not None else text["NARU_HOME"]).expanduser().resolve()
        return cls(
            home=where,
            database_url=_database_url(text["NARU_DATABASE_URL"], where),
            storage=_storage(text["NARU_STORAGE_URL"], where),
            quota_url=_quota_url(text["NARU_QUOTA_URL"]),
            dask_address=_dask_address(text["NARU_DASK_ADDRESS"]),
            public_url=_web_address("NARU_PUBLIC_URL", text["NARU_PUBLIC_URL"]),
            anonymous=_anonymous(text["NARU_ANONYMOUS"]),
            timezone=_timezone(text["NARU_TIMEZONE"]),
            max_upload_mb=_whole("NARU_MAX_UPLOAD_MB", text, least=1),
            run_max_cells=_whole("NARU_RUN_MAX_CELLS", text, least=1),
            run_max_members=_whole("NARU_RUN_MAX_MEMBERS", text, least=1),
            run_max_cpu_h=_whole("NARU_RUN_MAX_CPU_H", text, least=1),
            run_memory_mb=_whole("NARU_RUN_MEMORY_MB", text),
            workers=_whole("NARU_WORKERS", text) or min(4, os.cpu_count() or 1),
            trusted_proxies=_whole("NARU_TRUSTED_PROXIES", text),
            access_log=text["NARU_ACCESS_LOG"],
            traces_url=_web_address("NARU_TRACES_URL", text["NARU_TRACES_URL"]),
            renderer=_renderer(text["NARU_RENDERER"]),
            key_pepper=text["NARU_KEY_PEPPER"],
        )

    def environ(self) -> dict[str, str]:
        """Return the variables with which a child process builds these same settings."""
        values: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        values["storage_url"] = self.storage.as_uri()
        del values["storage"]
        return {f"NARU_{name.upper()}": str(value) for name, value in values.items()}


def key_pepper(settings: Settings) -> bytes:
    """Return the secret under the key hashes; make and keep it (mode 0600) on first use.

    Raises:
        BadSetting: the file that keeps it is empty: no key could ever be right again.
    """
    if settings.key_pepper:
        return settings.key_pepper.encode()
    path = settings.home / "key-pepper"
    if not path.exists():
        _make_pepper(path)
    pepper = path.read_text().strip()
    if not pepper:
        raise BadSetting(
            f"the secret under the keys, {path}, is empty",
            remedy="Restore the file from a backup; without one, remove it and make all keys anew.",
        )
    return pepper.encode()


def _make_pepper(path: Path) -> None:
    """Write a fresh secret beside `path`, on the disk, and give it the name unless another process was faster."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"key-pepper.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(secrets.token_hex(32))
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):  # then both read the same secret
            os.link(fresh, path)
        sync_folder(path.parent)
    finally:
        fresh.unlink(missing_ok=True)


def unknown_settings(environ: Mapping[str, str]) -> list[str]:
    """Return the NARU_ variables that are no settings (misspelt, most likely)."""
    return sorted(name for name in environ if name.startswith("NARU_") and name not in DEFAULTS)


def _bad(name: str, value: str, expected: str) -> BadSetting:
    return BadSetting(f"{name} is '{value}': {expected}.", remedy="See docs/settings.md.")


def _database_url(text: str, home: Path) -> str:
    if not text:
        if "?" in str(home):
            raise _bad("NARU_HOME", str(home), "a folder's name with a question mark cannot stand in an address")
        return f"sqlite:///{home / 'catalog.sqlite'}"
    scheme = urlsplit(text).scheme
    if scheme == "postgresql":
        return text.replace("postgresql://", "postgresql+psycopg://", 1)
    if scheme in ("sqlite", "postgresql+psycopg"):
        return text
    raise _bad("NARU_DATABASE_URL", scheme, "expected sqlite:///FILE or postgresql://USER@HOST/NAME")


def _quota_url(text: str) -> str:
    if text == "embedded":
        return text
    expected = "expected embedded, or redis://HOST:PORT/NUMBER (rediss:// with TLS)"
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("redis", "rediss") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # such as a port that is no number
        raise _bad("NARU_QUOTA_URL", "…", expected) from None
    if not sound or parts.query or not (parts.path.strip("/") or "0").isdecimal():
        raise _bad("NARU_QUOTA_URL", parts.scheme, expected)  # the rest may hold a password
    return text


def _dask_address(text: str) -> str:
    """Return the address of a scheduler, as Dask writes them: tcp://HOST:PORT, tls://HOST:PORT."""
    if not text:
        return text
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("tcp", "tls", "ws", "wss", "ucx") and bool(parts.hostname) and bool(parts.port)
    except ValueError:  # such as a port that is no number
        sound = False
    if not sound:
        raise _bad("NARU_DASK_ADDRESS", text, "expected tcp://HOST:PORT or tls://HOST:PORT")
    return text


def _storage(text: str, home: Path) -> Path:
    if not text:
        return home / "archives"
    parts = urlsplit(text)
    if parts.scheme == "file" and parts.path:
        return Path(unquote(parts.path))  # the inverse of Path.as_uri, which quotes all but ASCII
    raise _bad("NARU_STORAGE_URL", text, "expected file:///FOLDER")


def _web_address(name: str, text: str) -> str:
    if text and not _is_web_address(text):
        raise _bad(name, text, "expected http://HOST or https://HOST, with a path at most")
    return text.rstrip("/")


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port_is_one = parts.port is None or parts.port > 0
    except ValueError:  # such as https://[bad or http://host:port
        return False
    plain = text.isprintable() and not any(sign in text for sign in ' "<>{}?#\\')
    return parts.scheme in ("http", "https") and bool(parts.hostname) and port_is_one and plain


def _anonymous(text: str) -> Literal["public", "none"]:
    if text not in ("public", "none"):
        raise _bad("NARU_ANONYMOUS", text, "expected public or none")
    return cast(Literal["public", "none"], text)


def _renderer(text: str) -> Literal["naru", "maplibre"]:
    if text not in ("naru", "maplibre"):
        raise _bad("NARU_RENDERER", text, "expected naru or maplibre")
    return cast(Literal["naru", "maplibre"], text)


def _timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise _bad("NARU_TIMEZONE", text, "expected an IANA name such as Asia/Seoul") from error
    return text


def _whole(name: str, text: Mapping[str, str], *, least: int = 0) -> int:
    value = text[name]
    if not (value.isascii() and value.isdigit() and int(value) >= least):
        raise _bad(name, value, f"expected a whole number of at least {least}")
    return int(value)


Clock = Callable[[], float]  # seconds since the epoch, UTC; handed in so that tests never sleep
