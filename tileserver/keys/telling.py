"""Keys as they are shown: never their text, only enough of it to recognise one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from naru.house import House
from naru.settings import Clock
from tileserver.keys.ring import Key
from tileserver.quota.stores import open_store
from tileserver.quota.windows import windows_at


def described(house: House, clock: Clock, found: Iterable[Key]) -> list[dict[str, Any]]:
    """Return keys as `naru keys list --json` shows them, with what each used today and this month."""
    now = clock()
    windows = windows_at(now, ZoneInfo(house.settings.timezone))
    store = open_store(house.settings.quota_url, house.database)
    counted = store.counted((windows.day.name, windows.month.name))
    return [
        describe(key, datetime.fromtimestamp(now, UTC))
        | {
            "used_today": counted.get((key.id, windows.day.name), 0),
            "used_this_month": counted.get((key.id, windows.month.name), 0),
        }
        for key in found
    ]


def describe(key: Key, now: datetime) -> dict[str, Any]:
    """Return a key as `naru keys create --json` shows it."""
    may = key.permissions
    return {
        "id": key.id,
        "name": key.name,
        "hint": ", ".join(f"nru_{key.environment}_…{last4}" for last4 in key.last4),
        "state": key.state(now),
        "functions": sorted(may.functions),
        "access": may.access,
        "groups": sorted(may.groups),
        "layers": None if may.layers is None else sorted(may.layers),
        "referrers": list(may.referrers),
        "cidrs": list(may.cidrs),
        "day_quota": may.day_quota,
        "month_quota": may.month_quota,
        "second_rate": may.second_rate,
        "created": key.created.isoformat(),
        "expires": may.expires.isoformat() if may.expires else None,
        "revoked": key.revoked.isoformat() if key.revoked else None,
    }
