"""Files that came over HTTP and wait to be ingested: one folder each, under an id that we made.

    uploads/<id>/upload.json        what was said of it (resumable uploads)
    uploads/<id>/lock               held by whoever writes
    uploads/<id>/files/0001.shp     the bytes, mode 0600

A client's file name is data (it is shown, and it is in the job's parameters), never a path. An upload and its
job share one id, so that a job is made once however often the last byte is sent. Everything is on the disk:
any worker process can take the next byte, also after a restart.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import secrets
import shutil
import time
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

from naru.errors import BadRequest, NoSpace, UnknownUpload, UploadBusy, UploadOffset, UploadTooLarge
from naru.storage import disk_errors, sync_folder

EXPIRES_AFTER_S = 24 * 3600.0  # an unfinished upload that nobody continued for so long is gone
RESERVE_BYTES = 64 * 2**20  # kept free for the catalogue
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ID = re.compile(r"[0-9a-f]{16}")
_SIDE_FILE = re.compile(r"(\.[a-z0-9]{1,8})?(\.aux\.xml|\.ovr|\.msk|\.xml)")
_SUFFIX = re.compile(r"\.[a-z0-9_]{1,12}")
_LONGEST_NAME = 255  # characters


@dataclass(frozen=True)
class Upload:
    """A resumable upload: what was said when it was begun."""

    id: str
    name: str  # what the user calls the file
    length: int  # bytes, when it is whole
    params: Mapping[str, Any]  # of the job that it will become
    owner: str  # id of the key that began it


@dataclass
class Stored:
    """Files of one upload on the disk: what each is called there, and what the user calls it."""

    folder: Path
    names: dict[str, str] = field(default_factory=dict)  # stored: display
    size: int = 0

    @property
    def name(self) -> str:
        """What the user calls the whole: the one file, or the first that others go with."""
        shapefiles = (shown for stored, shown in self.names.items() if stored.endswith(".shp"))
        return next(shapefiles, next(iter(self.names.values())))

    @property
    def source(self) -> Path:
        """What a job reads: the file, or the folder where there are several."""
        return self.folder / next(iter(self.names)) if len(self.names) == 1 else self.folder


def display_name(text: str) -> str:
    """Return a client's file name for people: NFC, its last part, without control characters.

    >>> display_name("../../etc/한글.shp")
    '한글.shp'
    """
    composed = unicodedata.normalize("NFC", text.replace("\\", "/"))
    plain = "".join(sign for sign in composed if unicodedata.category(sign)[0] != "C").strip().rstrip("/")
    name = plain.rsplit("/", maxsplit=1)[-1].strip()
    return "upload" if name in ("", ".", "..") else _shortened(name)


def _shortened(name: str) -> str:
    """Cut a long name in its stem: the suffix says what it is."""
    suffix = _split(name)[1]
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - len(suffix)] + suffix


def _split(name: str) -> tuple[str, str]:
    """Return stem and suffix (in small letters) of a display name: what belongs together has one stem."""
    low = name.lower()
    for pattern in (_SIDE_FILE, _SUFFIX):
        for start in (at for at, sign in enumerate(low) if sign == "." and at > 0):
            if pattern.fullmatch(low, start):
                return name[:start], low[start:]
    return name, ""


class Uploads:
    """The folder of uploads of one home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self) -> str:
        """Make the folder of a new upload; return its id.

        Raises:
            StorageFailed: it cannot be made.
        """
        upload_id = secrets.token_hex(8)
        with disk_errors(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._files(upload_id).mkdir(mode=0o700, parents=True)
        return upload_id

    def check_room(self, size: int) -> None:
        """Return if the disk has room for `size` bytes more.

        Raises:
            NoSpace: it has not.
        """
        there = next(p for p in (self.folder, *self.folder.parents) if p.exists())
        if shutil.disk_usage(there).free < size + RESERVE_BYTES:
            raise _no_space()

    def receive(self, upload_id: str, files: Iterable[tuple[str, Iterable[bytes]]], most: int) -> Stored:
        """Write files (display name, chunks) of one upload as they come, at most `most` bytes in all.

        Raises:
            UploadTooLarge, NoSpace, StorageFailed: what is there already is for `remove`.
            BadRequest: two files of one name.
        """
        stored, stems = Stored(self._files(upload_id)), dict[str, int]()
        for shown, chunks in files:
            stem, suffix = _split(shown)
            number = stems.setdefault(stem.casefold(), len(stems) + 1)
            name = f"{number:04d}{suffix}"
            if name in stored.names:
                raise BadRequest(f"'{shown}' came twice", field="file", remedy="Send each file once.")
            stored.names[name] = shown
            with _writing(stored.folder / name) as stream:
                for chunk in chunks:
                    stored.size += len(chunk)
                    if stored.size > most:
                        raise too_large(most)
                    _write_all(stream, chunk)
        with disk_errors(stored.folder):
            sync_folder(stored.folder)
            sync_folder(stored.folder.parent)
            sync_folder(self.folder)
        return stored

    def create(self, name: str, length: int, params: Mapping[str, Any], owner: str) -> Upload:
        """Begin a resumable upload of `length` bytes.

        Raises:
            NoSpace, StorageFailed: it cannot be kept.
        """
        self.check_room(length)
        upload = Upload(self.begin(), name, length, dict(params), owner)
        self.receive(upload.id, [(name, ())], 0)
        about = self.folder / upload.id / "upload.json"
        with _writing(about.with_suffix(".part")) as stream:
            _write_all(stream, json.dumps(asdict(upload), ensure_ascii=False).encode())
        with disk_errors(about):
            about.with_suffix(".part").rename(about)
            sync_folder(about.parent)
        return upload

    def find(self, upload_id: str) -> Upload:
        """Return a resumable upload that is not over.

        Raises:
            UnknownUpload: there is none of that id, or it was given up for 24 h.
        """
        if not _ID.fullmatch(upload_id):
            raise _unknown(upload_id)
        try:
            about = json.loads((self.folder / upload_id / "upload.json").read_bytes())
            upload = Upload(**about)
            if self.expires(upload) <= time.time():
                raise _unknown(upload_id)
        except FileNotFoundError as error:
            raise _unknown(upload_id) from error
        return upload

    def stored(self, upload: Upload) -> Stored:
        """Return the one file of a resumable upload."""
        path = self._bytes(upload)
        return Stored(path.parent, {path.name: upload.name}, path.stat().st_size)

    def offset(self, upload: Upload) -> int:
        """Return how many bytes of it are there."""
        try:
            return self._bytes(upload).stat().st_size
        except FileNotFoundError as error:
            raise _unknown(upload.id) from error

    def expires(self, upload: Upload) -> float:
        """Return until when it may be continued, in seconds since the epoch."""
        return self._bytes(upload).stat().st_mtime + EXPIRES_AFTER_S

    def append(self, upload: Upload, offset: int, chunks: Iterable[bytes]) -> int:
        """Write chunks from `offset` on; what came is kept when they break off. Returns the new offset.

        Raises:
            UploadBusy: another request writes it at this moment.
            UploadOffset: it goes on elsewhere.
            UploadTooLarge: more bytes than were announced; those that came now are not kept.
            NoSpace, StorageFailed: the disk.
        """
        with self.held(upload):
            there = self.offset(upload)
            if there != offset:
                raise UploadOffset(
                    f"the upload goes on at byte {there}, not at {offset}",
                    remedy="Ask for Upload-Offset with HEAD and go on from there.",
                )
            with _writing(self._bytes(upload), append=True) as stream:
                at = offset
                for chunk in chunks:
                    at += len(chunk)
                    if at > upload.length:
                        stream.truncate(offset)
                        raise too_large(upload.length)
                    _write_all(stream, chunk)
            return at

    @contextmanager
    def held(self, upload: Upload) -> Iterator[None]:
        """Hold an upload's lock: one writer at a time, in whatever process.

        Raises:
            UploadBusy: another has it.
            UnknownUpload: it was removed meanwhile.
        """
        try:
            lock = os.open(self.folder / upload.id / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError as error:
            raise _unknown(upload.id) from error
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UploadBusy(
                    "another request is sending this upload", remedy="Wait for it to end, then ask with HEAD."
                ) from error
            yield
        finally:
            os.close(lock)

    def remove(self, upload_id: str) -> None:
        """Remove an upload and its bytes, if they are there."""
        if _ID.fullmatch(upload_id):
            shutil.rmtree(self.folder / upload_id, ignore_errors=True)

    def ids(self) -> list[str]:
        """Return the ids of all uploads that are there."""
        return sorted(path.name for path in self.folder.iterdir()) if self.folder.exists() else []

    def sweep(
        self, active: set[str], ended: set[str], now: float, grace_s: float, *, dry_run: bool = False
    ) -> list[tuple[str, int]]:
        """Remove what no job will read any more: of jobs that ended, given up, broken off; return name, size.

        `active` and `ended` are ids of jobs; `now` in seconds since the epoch.
        """
        gone = []
        for path in map(self.folder.joinpath, self.ids()):
            with suppress(FileNotFoundError):  # its request or its worker was faster
                if path.name in active:
                    continue
                resumable = (path / "upload.json").exists() and path.name not in ended
                if _touched(path) >= now - (EXPIRES_AFTER_S if resumable else grace_s):
                    continue
                size = sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
                if not dry_run:
                    shutil.rmtree(path)
                gone.append((f"uploads/{path.name}", size))
        return gone

    def _files(self, upload_id: str) -> Path:
        return self.folder / upload_id / "files"

    def _bytes(self, upload: Upload) -> Path:
        return self._files(upload.id) / f"0001{_split(upload.name)[1]}"


def _touched(path: Path) -> float:
    """Return when something in an upload's folder last changed."""
    return max(p.lstat().st_mtime for p in (path, *path.rglob("*")))


@contextmanager
def _writing(path: Path, *, append: bool = False) -> Iterator[IO[bytes]]:
    """Open a file of ours for writing, 0600; at the end, however it comes, its bytes are on the disk.

    Raises:
        NoSpace, StorageFailed: the disk is full, or does not take them.
    """
    how = os.O_APPEND if append else os.O_CREAT | os.O_EXCL
    with disk_errors(path), _room_errors():
        handle = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | how, 0o600)
        with os.fdopen(handle, "wb", buffering=0) as stream:
            try:
                yield stream
            finally:
                os.fsync(stream.fileno())


def _write_all(stream: IO[bytes], data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[stream.write(view) :]


@contextmanager
def _room_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise _no_space() from error
        raise


def too_large(most: int) -> UploadTooLarge:
    """Return the refusal of an upload of more than `most` bytes."""
    return UploadTooLarge(
        f"it is larger than the {most / 2**20:.0f} MB that are taken in"
        if most >= 2**20
        else f"more came than the {most} bytes announced",
        remedy="Split it or pack it as a zip; the operator sets the limit with NARU_MAX_UPLOAD_MB.",
    )


def _no_space() -> NoSpace:
    return NoSpace(
        "the server's disk has no room for this upload",
        remedy="Ask the operator to free disk space (`naru doctor` shows it, `naru gc` frees some).",
    )


def _unknown(upload_id: str) -> UnknownUpload:
    return UnknownUpload(
        f"there is no upload '{PurePosixPath(upload_id).name[:40]}'",
        remedy="Begin a new one with POST /api/uploads; unfinished ones are kept for 24 h.",
    )
