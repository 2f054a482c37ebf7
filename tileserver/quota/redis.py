"""Quotas in a Redis server, for hosts that share no PostgreSQL: a Lua script a lease, which runs as one step.

Keys: `naru:quota:KEY:WINDOW` (hash: leased, counted), `naru:quota:lease:ID` (hash: units, counted, seq),
`naru:quota:KEY:newest` (the newest day asked for), `naru:quota:WINDOW` (set of the keys counted in it). Each goes
by itself two days after its window has ended. One database number counts for one installation.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from naru.errors import BadSetting, QuotaUnavailable
from tileserver.quota.stores import Grant, Left, Order, Settlement, WindowLimit, leases_left

if TYPE_CHECKING:
    import redis

log = logging.getLogger("naru.serve")
_PREFIX = "naru:quota:"
_PATIENCE_S = 2.0  # a worker that waits answers nobody
_KEPT_S = 2 * 86400  # after a window's end: what dead workers used is settled until then
_NONE = -1  # for a limit: any number; for units: as they are

# KEYS: lease, newest day, then hash and set of the day and of the month
# ARGV: key id, day, seq, counted, first, reopens, limits of day and month, ends of both, leases left, largest lease
_LEASE = """
local held = redis.call('HMGET', KEYS[1], 'units', 'counted', 'seq')
local known, seq = held[1], tonumber(ARGV[3])
local newest = redis.call('GET', KEYS[2])
if not known and ARGV[5] == '0' then return {'gone'} end
if not known and ARGV[6] == '0' and newest and newest > ARGV[2] then return {'newer', newest} end
local units, counted = tonumber(held[1] or 0), tonumber(held[2] or 0)
local now_counted, now_seq = counted, tonumber(held[3] or 0)
if seq > now_seq then now_counted, now_seq = tonumber(ARGV[4]), seq end
local kept = math.max(units, now_counted)
local left, tightest, spent = {}, nil, 0
for i = 1, 2 do
  local limit = tonumber(ARGV[6 + i])
  if limit >= 0 then
    left[i] = limit - tonumber(redis.call('HGET', KEYS[1 + 2 * i], 'leased') or 0) - (kept - units)
    if left[i] <= 0 and spent == 0 then spent = i end
    tightest = math.min(tightest or left[i], left[i])
  end
end
local fair = math.floor((tightest or 0) / tonumber(ARGV[11]))
local more = math.min(math.max(tightest or 0, 0), math.max(1, math.min(fair, tonumber(ARGV[12]))))
if more > 0 or known then
  redis.call('HSET', KEYS[1], 'units', kept + more, 'counted', now_counted, 'seq', now_seq)
  redis.call('EXPIREAT', KEYS[1], ARGV[10])
  for i = 1, 2 do
    redis.call('HINCRBY', KEYS[1 + 2 * i], 'leased', kept + more - units)
    redis.call('HINCRBY', KEYS[1 + 2 * i], 'counted', now_counted - counted)
    redis.call('EXPIREAT', KEYS[1 + 2 * i], ARGV[8 + i])
    redis.call('SADD', KEYS[2 + 2 * i], ARGV[1])
    redis.call('EXPIREAT', KEYS[2 + 2 * i], ARGV[8 + i])
  end
  if not newest or newest < ARGV[2] or ARGV[6] == '1' then
    redis.call('SET', KEYS[2], ARGV[2])
    redis.call('EXPIREAT', KEYS[2], ARGV[9])
  end
end
if more > 0 then spent = 0 end
return {'units', kept + more, left[1] and left[1] - more or false, left[2] and left[2] - more or false, spent}
"""

# KEYS: lease, then hash and set of the day and of the month
# ARGV: key id, seq, counted, units, close, whole, opens, ends of day and month
_SETTLE = """
local held = redis.call('HMGET', KEYS[1], 'units', 'counted', 'seq')
if not held[1] and ARGV[7] == '0' then return {0} end
local units, counted = tonumber(held[1] or 0), tonumber(held[2] or 0)
if tonumber(ARGV[2]) > tonumber(held[3] or -1) then
  local now_counted, kept = tonumber(ARGV[3]), units
  if ARGV[6] == '1' then now_counted = math.max(now_counted, units) end
  if tonumber(ARGV[4]) >= 0 then kept = math.min(tonumber(ARGV[4]), units) end
  local now_units = math.max(now_counted, kept)
  if ARGV[5] == '1' then
    now_units = now_counted
    redis.call('DEL', KEYS[1])
  else
    redis.call('HSET', KEYS[1], 'units', now_units, 'counted', now_counted, 'seq', ARGV[2])
    redis.call('EXPIREAT', KEYS[1], ARGV[9])
  end
  for i = 1, 2 do
    redis.call('HINCRBY', KEYS[2 * i], 'leased', now_units - units)
    redis.call('HINCRBY', KEYS[2 * i], 'counted', now_counted - counted)
    redis.call('EXPIREAT', KEYS[2 * i], ARGV[7 + i])
    redis.call('SADD', KEYS[1 + 2 * i], ARGV[1])
    redis.call('EXPIREAT', KEYS[1 + 2 * i], ARGV[7 + i])
  end
end
local leased = {}
for i = 1, 2 do leased[i] = tonumber(redis.call('HGET', KEYS[2 * i], 'leased') or 0) end
return {1, leased[1], leased[2]}
"""


class RedisQuotaStore:
    """Quotas in one Redis server (7 or newer; a primary with replicas, no cluster)."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._looked = False
        self._lease, self._settle = client.register_script(_LEASE), client.register_script(_SETTLE)

    @classmethod
    def open(cls, url: str) -> RedisQuotaStore:
        """Return the store at `redis://host:port/db`; nothing is asked of it yet.

        Raises:
            BadSetting: redis-py is not installed.
        """
        try:
            import redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ImportError as error:
            raise BadSetting(
                "NARU_QUOTA_URL names a Redis, but redis-py is not installed",
                remedy="Install the extra: pip install 'naru-city[redis]'.",
            ) from error
        again = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))  # it broke while idle
        client = redis.Redis.from_url(
            url, socket_timeout=_PATIENCE_S, socket_connect_timeout=_PATIENCE_S, retry=again, decode_responses=True
        )
        return cls(client)

    def lease(self, order: Order) -> Grant:
        """Open a lease or add to it; see `QuotaStore`."""
        keys = [f"{_PREFIX}lease:{order.lease}", f"{_PREFIX}{order.key_id}:newest", *_windows(order)]
        limits = (_NONE if window.limit is None else window.limit for window in order.windows)
        values = (order.key_id, order.day.window, order.seq, order.counted, int(order.first), int(order.reopens))
        size = (leases_left(order.workers), order.most)
        with self._answering():
            said: list[Any] = self._lease(keys, [*values, *limits, *_ends(order), *size])
        if said[0] != "units":
            return Grant(gone=True) if said[0] == "gone" else Grant(newer=said[1])
        _, units, day, month, spent = said
        return Grant(units, (day, month), order.windows[spent - 1].window if spent else None)

    def settle(self, settlements: Sequence[Settlement]) -> Mapping[str, Left]:
        """Write settlements down, each lease in one step; see `QuotaStore`."""
        self._look()
        with self._answering(), self._client.pipeline(transaction=False) as pipeline:
            for told in settlements:
                keys = [f"{_PREFIX}lease:{told.lease}", *_windows(told)]
                units = _NONE if told.units is None else told.units
                flags = (int(told.close), int(told.whole), int(told.opens))
                self._settle(keys, [told.key_id, told.seq, told.counted, units, *flags, *_ends(told)], pipeline)
            said = pipeline.execute()
        return {
            told.lease: (_beyond(told.day, leased[1]), _beyond(told.month, leased[2]))
            for told, leased in zip(settlements, said, strict=True)
            if leased[0]
        }

    def counted(self, windows: Iterable[str], keys: Sequence[str] | None = None) -> Mapping[tuple[str, str], int]:
        """Return requests counted by (key id, window)."""
        with self._answering():
            asked = [(key, window) for window in windows for key in keys or self._keys_in(window)]
            with self._client.pipeline(transaction=False) as pipeline:
                for key, window in asked:
                    pipeline.hget(f"{_PREFIX}{key}:{window}", "counted")
                return {which: int(found or 0) for which, found in zip(asked, pipeline.execute(), strict=True)}

    def _keys_in(self, window: str) -> list[str]:
        found: Any = self._client.smembers(_PREFIX + window)
        return sorted(found)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def look_over(self) -> tuple[str, list[str]]:
        """Return the server's version, and how it may lose what it counts.

        Raises:
            QuotaUnavailable: it does not answer.
        """
        with self._answering():
            told: Any = self._client.info("server")
            version = str(told["redis_version"])
            old = [f"Redis is {version}, and 7 is needed"] if int(version.partition(".")[0]) < 7 else []
            return version, old + self._forgets()

    def _forgets(self) -> list[str]:
        from redis import ResponseError

        try:
            found = self._client.config_get("maxmemory-policy", "appendonly")
        except ResponseError:  # a hosted Redis keeps its configuration to itself
            return []
        wrong = []
        if found.get("maxmemory-policy", "noeviction") != "noeviction":
            wrong.append("Redis may evict quotas: set maxmemory-policy noeviction (docs/operators.md)")
        if found.get("appendonly", "yes") != "yes":
            wrong.append("Redis forgets quotas when it restarts: set appendonly yes (docs/operators.md)")
        return wrong

    def _look(self) -> None:
        """Say once in the log how this Redis may lose what it counts."""
        if self._looked:
            return
        with self._answering():
            wrong = self._forgets()
        self._looked = True
        for words in wrong:
            log.warning("%s", words)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        from redis import RedisError

        try:
            yield
        except RedisError as error:
            raise QuotaUnavailable(
                "the quota store does not answer", remedy="Try again in a moment; the operator's log says why."
            ) from error


def _windows(told: Order | Settlement) -> list[str]:
    """Return the keys of the hash and the set of each window."""
    return [
        name
        for window in told.windows
        for name in (f"{_PREFIX}{told.key_id}:{window.window}", f"{_PREFIX}{window.window}")
    ]


def _ends(told: Order | Settlement) -> list[int]:
    return [round(window.ends) + _KEPT_S for window in told.windows]


def _beyond(window: WindowLimit, leased: int) -> int | None:
    return None if window.limit is None else window.limit - leased
