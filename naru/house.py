"""The house of one installation: its settings, catalogue, storage and jobs, opened together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from naru.catalogue import Catalogue
from naru.database import Database
from naru.errors import StorageFailed
from naru.jobs import JobQueue
from naru.records import Job
from naru.runs import Runs
from naru.settings import Settings
from naru.storage import Storage
from naru.uploads import Uploads


@dataclass(frozen=True)
class House:
    """What commands, jobs and servers work on."""

    settings: Settings
    database: Database
    catalogue: Catalogue
    storage: Storage
    jobs: JobQueue

    @classmethod
    def open(cls, settings: Settings) -> House:
        """Open everything, making the home folder on first use.

        Raises:
            StorageFailed: the home folder or the catalogue cannot be made or opened.
        """
        try:
            settings.home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageFailed(
                f"the home folder cannot be made ({error.strerror})",
                file=str(settings.home),
                remedy="Set NARU_HOME to a folder that you may write to.",
            ) from error
        database = Database.open(settings.database_url)
        storage = Storage(settings.storage)
        storage.prepare()
        return cls(settings, database, Catalogue(database), storage, JobQueue(database))

    @property
    def uploads(self) -> Uploads:
        """Files that came over HTTP and wait for their jobs."""
        return Uploads(self.settings.home / "uploads")

    @property
    def runs(self) -> Runs:
        """The folders of flood runs."""
        return Runs(self.settings.home / "runs")

    def job_folder(self, job: Job) -> Path:
        """Return (and make) the folder in which this attempt at a job works."""
        folder = self.settings.home / "jobs" / job.id / f"attempt-{job.attempt}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def close(self) -> None:
        """Close the database."""
        self.database.close()
