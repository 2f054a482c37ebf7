"""Jobs: rows of work, claimed by lease, kept by heartbeat, fenced against the workers that were given up.

A worker that dies stops its heartbeat; when the lease runs out another takes the row, with a higher fence, at
most `max_attempts` times. A worker that comes back from a long pause is told `JobLost` at its next word.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from naru import grid_jobs
from naru.catalogue import utc_now
from naru.database import Database
from naru.errors import JobLost, NaruError, UnknownJob
from naru.records import Job, Passing
from naru.schema import job_log, jobs

LEASE = timedelta(seconds=30)
PATIENT = (grid_jobs.KIND,)  # kinds whose result adds to what is live already
ENDED = ("done", "failed", "cancelled")
_AGAIN = "See `naru jobs show`; run it again, with more memory if that ran out."


def worker_name() -> str:
    """Return a name for this process, unique enough to read in a list."""
    return f"{socket.gethostname()}:{os.getpid()}"


class JobQueue:
    """The table of jobs, over a `Database`."""

    def __init__(self, database: Database, now: Callable[[], datetime] = utc_now) -> None:
        self.database = database
        self.now = now

    def submit(
        self,
        kind: str,
        params: Mapping[str, Any],
        *,
        job_id: str | None = None,
        max_attempts: int = 3,
        claim_as: str | None = None,
    ) -> Job:
        """Add a job; with `claim_as` that worker holds it from the start (work in the foreground)."""
        job_id = job_id or secrets.token_hex(8)
        with self.database.write() as connection:
            self._add(connection, job_id, kind, params, max_attempts=max_attempts, claim_as=claim_as)
        return self.job(job_id)

    def submit_within(self, connection: sa.Connection, kind: str, params: Mapping[str, Any]) -> str:
        """Add a job inside the transaction that makes it needed: both happen, or neither. Return its id."""
        job_id = secrets.token_hex(8)
        self._add(connection, job_id, kind, params, max_attempts=3, claim_as=None)
        return job_id

    def _add(
        self,
        connection: sa.Connection,
        job_id: str,
        kind: str,
        params: Mapping[str, Any],
        *,
        max_attempts: int,
        claim_as: str | None,
    ) -> None:
        now = self.now()
        connection.execute(
            jobs.insert().values(
                id=job_id,
                kind=kind,
                state="running" if claim_as else "queued",
                params=dict(params),
                progress=0.0,
                message="started" if claim_as else "waiting for a worker",
                attempt=1 if claim_as else 0,
                max_attempts=max_attempts,
                fence=1 if claim_as else 0,
                worker=claim_as,
                lease_until=now + LEASE if claim_as else None,
                created=now,
            )
        )
        _log(connection, job_id, now, f"claimed by {claim_as}" if claim_as else "submitted")

    def claim(self, worker: str) -> Job | None:
        """Take the oldest job that waits, or whose worker is gone; None when there is nothing to do.

        Jobs that nobody waits for come after all others.
        """
        with self.database.write() as connection:
            self._give_up_the_hopeless(connection)
            row = connection.execute(self._claimable()).mappings().first()
            if row is None:
                return None
            self._take(connection, row, worker)
        return self.job(row["id"])

    def heartbeat(self, job: Job, *, progress: float | None = None, message: str | None = None) -> None:
        """Prolong the lease and tell how far the work is (0 … 1).

        Raises:
            JobLost: the job was cancelled, or another worker has it.
        """
        now = self.now()
        values: dict[str, Any] = {"lease_until": now + LEASE}
        if progress is not None:
            values["progress"] = min(1.0, max(0.0, progress))
        if message is not None:
            values["message"] = str(message)
        with self.database.write() as connection:
            self._update_held(connection, job, values)
            if message is not None and not isinstance(message, Passing):
                _log(connection, job.id, now, message)

    def check_held(self, job: Job) -> None:
        """Return if the job is still the caller's: a look, cheaper than a heartbeat.

        Raises:
            JobLost: the job was cancelled, or another worker has it.
        """
        with self.database.read() as connection:
            if connection.execute(sa.select(jobs.c.id).where(_held(job))).first() is None:
                raise _lost(job)

    def finish(self, job: Job, result: Mapping[str, Any]) -> None:
        """Mark the job done, unless its handler has done so already.

        Raises:
            JobLost: the job was cancelled, or another worker has it.
        """
        with self.database.write() as connection:
            if not self._has_finished(connection, job):
                self.finish_within(connection, job, result)

    def finish_within(self, connection: sa.Connection, job: Job, result: Mapping[str, Any]) -> None:
        """Mark the job done inside the transaction that writes what it was for: both happen, or neither.

        Raises:
            JobLost: the job was cancelled, or another worker has it; the transaction must not be committed.
        """
        self._end(connection, job, "done", message="done", progress=1.0, result=dict(result))

    def fail(self, job: Job, error: NaruError) -> None:
        """Mark the job failed for good: the same input would fail again.

        Raises:
            JobLost: the job was cancelled, or another worker has it.
        """
        with self.database.write() as connection:
            self._end(connection, job, "failed", message=error.one_line(), error=error.to_dict())

    def release(self, job: Job, why: str) -> None:
        """Put the job back for another try, or fail it when it has had all its tries.

        Raises:
            JobLost: the job was cancelled, or another worker has it.
        """
        with self.database.write() as connection:
            if job.attempt < job.max_attempts:
                self._update_held(connection, job, {"lease_until": self.now(), "message": why})
                _log(connection, job.id, self.now(), why)
            else:
                error = NaruError(why, remedy=_AGAIN)
                self._end(connection, job, "failed", message=why, error=error.to_dict())

    def settle(self) -> None:
        """Fail the jobs whose worker is gone for good, so that nothing waits for them."""
        with self.database.write() as connection:
            self._give_up_the_hopeless(connection)

    def cancel(self, job_id: str) -> Job:
        """Cancel a job that has not ended; its worker stops at its next heartbeat.

        Raises:
            UnknownJob: there is none of that id.
        """
        with self.database.write() as connection:
            connection.execute(
                jobs.update()
                .where(jobs.c.id == job_id, jobs.c.state.in_(("queued", "running")))
                .values(state="cancelled", finished=self.now(), message="cancelled", lease_until=None)
            )
        return self.job(job_id)

    def job(self, job_id: str) -> Job:
        """Return one job.

        Raises:
            UnknownJob: there is none of that id.
        """
        with self.database.read() as connection:
            row = connection.execute(sa.select(jobs).where(jobs.c.id == job_id)).mappings().first()
        if row is None:
            raise UnknownJob(f"there is no job '{job_id}'", remedy="`naru jobs list` names the jobs there are.")
        return Job(**row)

    def newest(self, limit: int = 50, *, key: str | None = None, kind: str | None = None) -> list[Job]:
        """Return the newest jobs, newest first; with `key` only those that this key handed in, or of one kind."""
        mine = sa.true() if key is None else jobs.c.params["grant"]["key"].as_string() == key
        of_kind = sa.true() if kind is None else jobs.c.kind == kind
        query = sa.select(jobs).where(mine, of_kind).order_by(jobs.c.created.desc(), jobs.c.id).limit(limit)
        with self.database.read() as connection:
            return [Job(**row) for row in connection.execute(query).mappings()]

    def states(self) -> dict[str, int]:
        """Return how many jobs there are in each state."""
        query = sa.select(jobs.c.state, sa.func.count().label("how_many")).group_by(jobs.c.state)
        with self.database.read() as connection:
            return {row.state: row.how_many for row in connection.execute(query)}

    def active(self) -> set[str]:
        """Return the ids of the jobs that have not ended."""
        with self.database.read() as connection:
            query = sa.select(jobs.c.id).where(jobs.c.state.in_(("queued", "running")))
            return set(connection.execute(query).scalars())

    def unended(self, kind: str, key: str) -> int:
        """Return how many jobs of a kind that a key handed in wait or run."""
        query = (
            sa.select(sa.func.count())
            .select_from(jobs)
            .where(
                jobs.c.state.in_(("queued", "running")),
                jobs.c.kind == kind,
                jobs.c.params["grant"]["key"].as_string() == key,
            )
        )
        with self.database.read() as connection:
            return connection.execute(query).scalar_one()

    def ended(self, ids: Collection[str]) -> set[str]:
        """Return those of `ids` that are jobs and have ended."""
        return self._in(ids, ENDED)

    def done(self, ids: Collection[str]) -> set[str]:
        """Return those of `ids` that are jobs and have ended well."""
        return self._in(ids, ("done",))

    def _in(self, ids: Collection[str], states: Collection[str]) -> set[str]:
        query = sa.select(jobs.c.id).where(jobs.c.id.in_(ids), jobs.c.state.in_(states))
        with self.database.read() as connection:
            return set(connection.execute(query).scalars())

    def log(self, job_id: str) -> list[tuple[datetime, str]]:
        """Return what happened to a job, oldest first."""
        query = sa.select(job_log.c.at, job_log.c.message).where(job_log.c.job_id == job_id)
        with self.database.read() as connection:
            return [(at, message) for at, message in connection.execute(query.order_by(job_log.c.id))]

    def _claimable(self) -> sa.Select[Any]:
        abandoned = sa.and_(jobs.c.state == "running", jobs.c.lease_until <= self.now())
        return (
            sa.select(jobs)
            .where(sa.or_(jobs.c.state == "queued", abandoned))
            .order_by(jobs.c.kind.in_(PATIENT), jobs.c.created)
            .limit(1)
            .with_for_update(skip_locked=True)
        )

    def _take(self, connection: sa.Connection, row: Mapping[Any, Any], worker: str) -> None:
        now = self.now()
        connection.execute(
            jobs.update()
            .where(jobs.c.id == row["id"])
            .values(
                state="running",
                worker=worker,
                fence=row["fence"] + 1,
                attempt=row["attempt"] + 1,
                lease_until=now + LEASE,
            )
        )
        _log(connection, row["id"], now, f"claimed by {worker} (attempt {row['attempt'] + 1})")

    def _give_up_the_hopeless(self, connection: sa.Connection) -> None:
        """Fail the jobs whose worker is gone and that have had all their tries."""
        error = NaruError(
            "the worker stopped without a word, each time it was tried",
            remedy=_AGAIN,
        )
        connection.execute(
            jobs.update()
            .where(
                jobs.c.state == "running",
                jobs.c.lease_until <= self.now(),
                jobs.c.attempt >= jobs.c.max_attempts,
            )
            .values(state="failed", finished=self.now(), error=error.to_dict(), message=error.message)
        )

    def _update_held(self, connection: sa.Connection, job: Job, values: Mapping[str, Any]) -> None:
        done = connection.execute(jobs.update().where(_held(job)).values(**values))
        if not done.rowcount:
            raise _lost(job)

    def _has_finished(self, connection: sa.Connection, job: Job) -> bool:
        mine = sa.and_(jobs.c.id == job.id, jobs.c.fence == job.fence, jobs.c.state == "done")
        return connection.execute(sa.select(jobs.c.id).where(mine)).first() is not None

    def _end(self, connection: sa.Connection, job: Job, state: str, *, message: str, **values: Any) -> None:
        now = self.now()
        ended = {"state": state, "finished": now, "lease_until": None, "message": message, **values}
        self._update_held(connection, job, ended)
        _log(connection, job.id, now, message)


def _held(job: Job) -> sa.ColumnElement[bool]:
    return sa.and_(jobs.c.id == job.id, jobs.c.fence == job.fence, jobs.c.state == "running")


def _lost(job: Job) -> JobLost:
    return JobLost(
        f"job {job.id} was cancelled or taken over by another worker",
        remedy=f"`naru jobs show {job.id}` tells which.",
    )


def _log(connection: sa.Connection, job_id: str, at: datetime, message: str) -> None:
    connection.execute(job_log.insert().values(job_id=job_id, at=at, message=message))
