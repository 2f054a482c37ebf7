"""Publishes without end, and dies by SIGKILL at a chosen step; and the records that such a life leaves behind.

A writer is forked from a process that has its imports done, so a life costs a tenth of a second instead of two.
What it does is what `naru ingest` does, job row and all; only reading and tiling are done beforehand, and what they
made is copied into the job's folder, where both work (`bench/crash_commands.py` kills whole commands).
"""

from __future__ import annotations

import importlib
import json
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ingest.reading import ReadLayer
from ingest.tiling import TilingResult
from naru.errors import NaruError, PublishConflict
from naru.house import House
from naru.jobs import worker_name
from naru.records import Job, Progress
from naru.settings import Settings
from naru.work import run_job

# The steps of a publication in their order: module, function, before or after it.
STEPS: dict[str, tuple[str, str, str]] = {
    "all is read and tiled": ("ingest.pipeline", "_publish", "before"),
    "archive moved beside": ("naru.storage", "sync_file", "before"),
    "archive fsynced": ("naru.storage", "sync_file", "after"),
    "archive hashed": ("naru.storage", "file_hash", "after"),
    "archive renamed": ("naru.storage", "sync_folder", "before"),
    "folder fsynced": ("naru.storage", "sync_folder", "after"),
    "archive in": ("naru.storage", "Storage.put", "after"),
    "transaction begun": ("naru.catalogue", "Catalogue._publish_one", "before"),
    "rows written": ("naru.catalogue", "Catalogue._publish_one", "after"),
    "committed": ("naru.catalogue", "Catalogue.publish", "after"),
}
ANY_TIME = "any time"


@dataclass(frozen=True)
class Template:
    """A file that has been read: `count` points, each of which bears the count."""

    count: int
    read: ReadLayer
    tiles: Path
    tiled: TilingResult


@dataclass(frozen=True)
class Ack:
    """A publication whose end was told before death."""

    layer: str
    version: int
    features: int


def points(path: Path, count: int) -> Path:
    """Write `count` points in Seoul as GeoJSON, all of them in the tile 8/218/99."""
    features = [
        {
            "type": "Feature",
            "properties": {"이름": f"지점 {n}", "of": count},
            "geometry": {"type": "Point", "coordinates": [126.8 + 0.4 * n / count, 37.5 + 0.15 * n / count]},
        }
        for n in range(count)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False), "utf-8")
    return path


def die_at(step: str, nth: int) -> None:
    """Have this process killed at the n-th time that it comes to a step."""
    module, path, when = STEPS[step]
    owner: Any = importlib.import_module(module)
    *owners, name = path.split(".")
    for part in owners:
        owner = getattr(owner, part)
    original, calls = getattr(owner, name), [0]

    def killed(*args: Any, **named: Any) -> Any:
        calls[0] += 1
        if when == "before" and calls[0] >= nth:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **named)
        if when == "after" and calls[0] >= nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, killed)


def live_and_die(
    home: Path, layers: Sequence[str], templates: Sequence[Template], step: str, chance: random.Random
) -> tuple[list[Ack], int, bool]:
    """Fork a writer and have it killed; return what it told, its conflicts, and whether it died as it should."""
    nth, after_s = chance.randint(1, 3), chance.uniform(0.0, 0.8)
    seed = chance.random()
    hear, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(hear)
        _publish_until_killed(home, layers, templates, (step, nth), (random.Random(seed), tell))
    os.close(tell)
    if step == ANY_TIME:
        time.sleep(after_s)
        os.kill(pid, signal.SIGKILL)
    said = b""
    while chunk := os.read(hear, 65536):
        said += chunk
    os.close(hear)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    lines = [json.loads(line) for line in said.split(b"\n")[:-1]]
    acks = [Ack(**line) for line in lines if "layer" in line]
    return acks, sum("conflict" in line for line in lines), status == -signal.SIGKILL


def _publish_until_killed(
    home: Path,
    layers: Sequence[str],
    templates: Sequence[Template],
    end: tuple[str, int],
    voice: tuple[random.Random, int],
) -> None:
    """Be the writer: publish one version after the other. Never returns."""
    chance, tell = voice
    try:
        if end[0] != ANY_TIME:
            die_at(*end)
        house = House.open(Settings.from_environ({}, home=home))
        while True:
            layer, template = chance.choice(layers), chance.choice(templates)
            try:
                version = _publish(house, layer, template)
                said: dict[str, Any] = {"layer": layer, "version": version, "features": template.count}
            except PublishConflict:
                said = {"conflict": layer}
            os.write(tell, json.dumps(said).encode() + b"\n")
    except NaruError as error:
        os.write(2, f"a writer failed: {error.one_line()}\n".encode())
    finally:
        os._exit(1)


def _publish(house: House, layer: str, template: Template) -> int:
    """Publish a template as `naru ingest` would publish its file; return the version."""
    from ingest.options import IngestOptions
    from ingest.pipeline import ingest_file, job_result

    def handler(house: House, job: Job, progress: Progress) -> dict[str, Any]:
        workdir = house.job_folder(job)
        options = IngestOptions(id=layer, keep_all=True)
        with _made_before(template):
            reports = ingest_file(house, template.read.parquet, options, workdir, progress, job=job)
        return job_result(reports)

    job = house.jobs.submit("ingest", {"file": layer}, max_attempts=1, claim_as=worker_name())
    version: int = run_job(house, job, handler)["layers"][0]["version"]
    return version


@contextmanager
def _made_before(template: Template) -> Iterator[None]:
    """In its block, reading and tiling give copies of the template."""
    from ingest import pipeline

    def read(_path: Path, workdir: Path, *_: object) -> list[ReadLayer]:
        copy = Path(shutil.copyfile(template.read.parquet, workdir / template.read.parquet.name))
        return [replace(template.read, parquet=copy)]

    def tile(_source: Path, target: Path, *_: object) -> TilingResult:
        shutil.copyfile(template.tiles, target)
        return template.tiled

    originals = pipeline.read_file, pipeline.build_tileset
    pipeline.read_file, pipeline.build_tileset = read, tile
    try:
        yield
    finally:
        pipeline.read_file, pipeline.build_tileset = originals
