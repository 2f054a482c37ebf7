"""What `naru doctor` asks of the server's parts: where quotas and usage are counted, and what settings need."""

from __future__ import annotations

import os
from importlib.util import find_spec
from urllib.parse import urlsplit

from naru.care import Check
from naru.errors import BadSetting, QuotaUnavailable, StorageFailed
from naru.house import House
from naru.settings import Settings
from tileserver.quota.stores import EMBEDDED
from tileserver.usage.tables import open_database
from tileserver.watching.access_log import AccessLog

_REDIS = "Check that it runs, and the host, port, password and database number in NARU_QUOTA_URL."
_COUNTERS = ("quota", "usage", "metrics")  # folders in the home where each worker has its cells
_EXTRAS = {"bjoern": "bjoern", "redis": "redis", "rendering": "mapli", "telemetry": "opentelemetry.sdk"}


def look_over(settings: Settings) -> list[Check]:
    """Look at what serving needs; nothing raises, everything is told."""
    return [_quotas(settings), _usage(settings), _counters(settings), _access_log(settings), _extras(settings)]


def _quotas(settings: Settings) -> Check:
    if settings.quota_url == EMBEDDED:
        return Check("quotas", True, "in the catalogue")
    from tileserver.quota.redis import RedisQuotaStore

    at = urlsplit(settings.quota_url)
    place = f"redis://{at.hostname}:{at.port or 6379}{at.path}"  # without the password
    try:
        store = RedisQuotaStore.open(settings.quota_url)
    except BadSetting as error:
        return Check("quotas", False, error.message, error.remedy)
    try:
        version, wrong = store.look_over()
    except QuotaUnavailable as error:
        return Check("quotas", False, f"{place} does not answer ({error.__cause__})", _REDIS)
    finally:
        store.close()
    return Check("quotas", not wrong, f"Redis {version} at {place}", "; ".join(wrong))


def _usage(settings: Settings) -> Check:
    """Look into the ledger, without making one."""
    try:
        house = House.open(settings)
    except StorageFailed as error:
        return Check("usage", False, error.message, error.remedy)
    file = settings.home / "usage.sqlite"
    try:
        if house.database.engine.dialect.name != "sqlite":
            return Check("usage", True, "beside the catalogue")
        if not file.exists():
            return Check("usage", True, "nothing is counted yet")
        open_database(settings, house.database).close()
        return Check("usage", True, f"{file}: {file.stat().st_size / 2**20:.1f} MiB")
    except StorageFailed as error:
        return Check("usage", False, error.message, error.remedy)
    finally:
        house.close()


def _counters(settings: Settings) -> Check:
    """Tell where workers could not count: they would serve on, and a kill would cost what they had leased."""
    folders = [settings.home / name for name in _COUNTERS]
    shut = [f for f in folders if f.exists() and not (f.is_dir() and os.access(f, os.R_OK | os.W_OK | os.X_OK))]
    if shut:
        remedy = "Give these folders, and what is in them, to the user that the server runs as."
        return Check("counters", False, ", ".join(f"{folder} cannot be written" for folder in shut), remedy)
    return Check("counters", True, ", ".join(f"{name}/" for name in _COUNTERS) + " in the home folder")


def _access_log(settings: Settings) -> Check:
    if not settings.access_log:
        return Check("access log", True, "none")
    try:
        AccessLog(settings.access_log).close()
    except BadSetting as error:
        return Check("access log", False, error.message, error.remedy)
    return Check("access log", True, settings.access_log)


def _extras(settings: Settings) -> Check:
    """Tell which extras are installed; amiss is only what a setting asks for."""
    there = [extra for extra, module in _EXTRAS.items() if _installed(module)]
    wanted = {"rendering": settings.renderer == "maplibre", "telemetry": bool(settings.traces_url)}
    missing = [extra for extra, is_wanted in wanted.items() if is_wanted and extra not in there]
    remedy = f"Settings need them: pip install 'naru-city[{','.join(missing)}]'." if missing else ""
    found = ", ".join(f"{extra} {'installed' if extra in there else 'not installed'}" for extra in _EXTRAS)
    return Check("extras", not missing, found, remedy)


def _installed(module: str) -> bool:
    return find_spec(module.partition(".")[0]) is not None and find_spec(module) is not None
