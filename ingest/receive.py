"""Receives what a user hands in (a file, a folder, a zip) and sorts it into datasets in the job's folder.

Names inside archives are data, never paths: everything unpacked lies under names that we made.
"""

from __future__ import annotations

import shutil
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from ingest.naming import legible
from ingest.sandbox import Limits
from ingest.sidefiles import belongs_to_raster, beside, group_rasters
from naru.errors import BadZip, FileMissing, TooLarge, UnknownFormat
from naru.export.formats import BESIDE_SHAPES

SHAPEFILE_PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")
SINGLE_FILES = (
    *(".geojson", ".json", ".geojsonl", ".geojsons", ".ndjson", ".jsonl", ".topojson", ".jsonfg"),
    *(".kml", ".kmz", ".gpx", ".gpkg", ".fgb", ".parquet", ".geoparquet"),
    *(".csv", ".tsv", ".txt", ".xlsx", ".xls", ".ods"),
)
_FREE_BYTES = 64 * 2**20  # a zip may hold this much whatever its ratio
_CHUNK = 2**20
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError)


@dataclass(frozen=True)
class Dataset:
    """The files of one dataset. `parts` are by lower-case suffix; `name` and `file` are for people only."""

    name: str
    file: str
    parts: dict[str, Path]

    @property
    def main(self) -> Path:
        """The file that gives the dataset its format."""
        return self.parts[".shp"] if ".shp" in self.parts else next(iter(self.parts.values()))


def locate(path: Path, limits: Limits) -> list[Path]:
    """Return the regular files that `path` stands for: itself, a shapefile's siblings, or a folder's content.

    Looks at names only. Raises FileMissing, TooLarge.
    """
    if path.is_dir():
        found = sorted(p for p in _walk(path, limits) if _is_wanted(p.name))
        if not found:
            raise FileMissing("the folder holds no file that we read", file=path.name, remedy=_formats_remedy())
    elif path.is_file():
        found = _with_companions(path)
    else:
        raise FileMissing("there is no such file", file=str(path), remedy="Check the path.")
    for member in found:
        if member.stat().st_size > limits.file_bytes:
            raise TooLarge(
                f"it has more than the {limits.file_bytes / 2**20:.0f} MiB allowed",
                file=member.name,
                remedy="Split it.",
            )
    return [p.resolve() for p in found]


@dataclass(frozen=True)
class Called:
    """What the user calls the whole that was handed in, and files of it that are kept under names of ours."""

    whole: str
    names: Mapping[str, str] = field(default_factory=dict)  # kept as: called

    def file(self, file: Path) -> str:
        """Return what the user calls one of several files."""
        return _display(self.names.get(file.name, file.name))


def receive(files: Sequence[Path], called: Called, folder: Path, limits: Limits) -> list[Dataset]:
    """Sort `files` (from `locate`) into datasets under `folder`; a zip is unpacked there.

    Raises BadZip, TooLarge, UnknownFormat.
    """
    name = called.whole
    folder.mkdir(parents=True, exist_ok=True)
    if len(files) == 1 and _is_zip(files[0]) and files[0].suffix.lower() != ".kmz" and not workbook(files[0]):
        members = list(_unpack(files[0], name, folder, limits))
        return _group(members, name)
    links = []
    for number, file in enumerate(files):
        link = folder / f"{number:04d}{file.suffix.lower()}"
        link.symlink_to(file)
        links.append((called.file(file) if len(files) > 1 else name, link))
    return _group(links, name, single=len(files) == 1)


def _walk(folder: Path, limits: Limits) -> Iterator[Path]:
    """Yield regular files below `folder`, no links followed."""
    for seen, path in enumerate(folder.rglob("*")):
        if seen >= limits.entries:
            raise TooLarge(
                f"the folder has more than {limits.entries} entries",
                file=folder.name,
                remedy="Name the files you mean.",
            )
        if path.is_file() and not path.is_symlink():
            yield path


def _is_wanted(name: str) -> bool:
    return _suffix(name) in (*SHAPEFILE_PARTS, *SINGLE_FILES) or belongs_to_raster(name)


def _with_companions(path: Path) -> list[Path]:
    """Return a file and those beside it that make up one dataset with it."""
    if path.suffix.lower() in SHAPEFILE_PARTS:
        return _beside(path)
    return beside(path) if belongs_to_raster(path.name) else [path]


def _beside(path: Path) -> list[Path]:
    """Return the shapefile's parts; those of a link with none beside it lie beside the file that it leads to."""
    found = _siblings(path)
    return _siblings(path.resolve()) if path.is_symlink() and len(found) == 1 else found


def _siblings(path: Path) -> list[Path]:
    """Return the parts of the shapefile that `path` belongs to, whatever the case of their suffixes."""
    same = [p for p in path.parent.iterdir() if p.is_file() and p.stem.casefold() == path.stem.casefold()]
    exact = [p for p in same if p.stem == path.stem]
    parts = {p.suffix.lower(): p for p in (*same, *exact) if p.suffix.lower() in SHAPEFILE_PARTS}
    if ".shp" not in parts:
        raise FileMissing(
            f"it is an attribute table or side file ({path.suffix}) without its .shp",
            file=path.name,
            remedy="Hand in the .shp with the files beside it.",
        )
    return [parts[suffix] for suffix in SHAPEFILE_PARTS if suffix in parts]


def _group(members: Sequence[tuple[str, Path]], file: str, single: bool = False) -> list[Dataset]:
    """Group (display name, path) pairs into datasets: parts of one shapefile belong together."""
    rasters, members = group_rasters(_without_ours(members))
    shapefiles: dict[str, dict[str, Path]] = {}
    others = [Dataset(PurePosixPath(s).stem, file if single else s, parts) for s, parts in rasters]
    for shown, path in members:
        suffix = path.suffix.lower()
        pure = PurePosixPath(shown)
        if suffix in SHAPEFILE_PARTS:
            shapefiles.setdefault(str(pure.with_suffix("")).casefold(), {})[suffix] = path
            continue
        others.append(Dataset(pure.stem, file if single else shown, {suffix: path}))
    names = {str(PurePosixPath(s).with_suffix("")).casefold(): PurePosixPath(s).stem for s, _ in members}
    complete = [
        Dataset(names[key], file, _same_stem(parts, number))
        for number, (key, parts) in enumerate(shapefiles.items())
        if ".shp" in parts
    ]
    if not complete and not others:
        raise UnknownFormat("it holds no .shp and no other file that we read", file=file, remedy=_formats_remedy())
    return complete + others


def _without_ours(members: Sequence[tuple[str, Path]]) -> list[tuple[str, Path]]:
    """Leave out what `naru export` put beside a shapefile for people to read: it is no layer of its own."""
    if not any(_suffix(shown) == ".shp" for shown, _ in members):
        return list(members)
    return [(shown, path) for shown, path in members if not _is_ours(PurePosixPath(shown).name, path)]


def _is_ours(name: str, path: Path) -> bool:
    begins = [text.encode() for text in BESIDE_SHAPES.get(name, ())]
    if not begins:
        return False
    with path.open("rb") as stream:
        return stream.read(max(map(len, begins))).startswith(tuple(begins))


def _same_stem(parts: dict[str, Path], number: int) -> dict[str, Path]:
    """Give the parts of one shapefile one stem of their own: GDAL finds the table and index by name."""
    folder = next(iter(parts.values())).parent / f"shp{number:04d}"
    folder.mkdir()
    return {suffix: path.rename(folder / f"layer{suffix}") for suffix, path in parts.items()}


def _display(name: str) -> str:
    """Return a name for people: NFC, without control characters."""
    composed = unicodedata.normalize("NFC", legible(name))
    return "".join(c for c in composed if unicodedata.category(c)[0] != "C")


def _formats_remedy() -> str:
    return (
        "We read shapefiles (.shp with .dbf), GeoJSON, KML, KMZ, GPX, GeoPackage, FlatGeobuf, GeoParquet, "
        "CSV, XLSX, XLS, ODS."
    )


# --- zip ------------------------------------------------------------------------------------------


def _is_zip(path: Path) -> bool:
    with path.open("rb") as f:
        return f.read(4) in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")


def open_zip(path: Path, name: str, limits: Limits) -> zipfile.ZipFile:
    """Open a zip whose entries are harmless. Raises BadZip, TooLarge."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise BadZip(f"it is not a readable zip ({error})", file=name, remedy="Pack it again.") from error
    _check_entries(archive.infolist(), name, limits)
    return archive


def member_name(info: zipfile.ZipInfo) -> str:
    """Return a member's name for people. Without the UTF-8 flag it is UTF-8 if valid, else CP949 (Windows)."""
    if info.flag_bits & 0x800:
        return _display(info.filename.replace("\\", "/"))
    raw = info.orig_filename.encode("cp437", "replace")
    for codec in ("utf-8", "cp949"):
        try:
            return _display(raw.decode(codec).replace("\\", "/"))
        except UnicodeDecodeError:
            continue
    return _display(info.filename)


def unpack_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, budget: list[int]) -> None:
    """Unpack one member; `budget[0]` is how many bytes may still be unpacked, counted as they come.

    Raises BadZip, TooLarge.
    """
    try:
        with target.open("wb") as out:
            _copy(archive, info, out, budget)
    except _DAMAGED as error:
        message = f"entry '{member_name(info)}' is damaged ({error})"
        raise BadZip(message, file=Path(archive.filename or "").name, remedy="Pack it again.") from error


def _copy(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: IO[bytes], budget: list[int]) -> None:
    with archive.open(info) as source:
        while chunk := source.read(_CHUNK):
            budget[0] -= len(chunk)
            if budget[0] < 0:
                raise _zip_too_large(archive.filename or "")
            target.write(chunk)


def unpacked_budget(path: Path, limits: Limits) -> list[int]:
    """Return how many bytes a zip of this size may unpack to, as a counter."""
    return [min(limits.unpacked_bytes, max(_FREE_BYTES, path.stat().st_size * limits.ratio))]


def _check_entries(entries: Sequence[zipfile.ZipInfo], name: str, limits: Limits) -> None:
    """Refuse what no honest zip holds: paths that lead out, links, overlaps, passwords, bombs."""
    seen: set[str] = set()
    end_of_last = 0
    for info in sorted(entries, key=lambda i: i.header_offset):
        shown = member_name(info)
        if reason := _harm(info, shown) or ("appears twice" if shown in seen else ""):
            raise BadZip(f"entry '{shown}' {reason}", file=name, remedy="Pack the plain files again.")
        if info.header_offset < end_of_last:
            raise BadZip(f"entry '{shown}' overlaps another", file=name, remedy="Pack the plain files again.")
        seen.add(shown)
        end_of_last = info.header_offset + 30 + info.compress_size
    if len(entries) > limits.entries:
        message = f"the zip has {len(entries)} entries, more than the {limits.entries} allowed"
        raise TooLarge(message, file=name, remedy="Pack only the files of the map, or make several zips.")
    packed = sum(i.compress_size for i in entries)
    unpacked = sum(i.file_size for i in entries)
    if unpacked > limits.unpacked_bytes or unpacked > max(_FREE_BYTES, packed * limits.ratio):
        raise _zip_too_large(name)


def _zip_too_large(name: str) -> TooLarge:
    return TooLarge(
        "the zip unpacks to far more than its size allows",
        file=Path(name).name,
        remedy="Hand in the plain files, or several smaller zips.",
    )


def _harm(info: zipfile.ZipInfo, shown: str) -> str:
    path = PurePosixPath(shown)
    if path.is_absolute() or ".." in path.parts or ":" in shown or "\x00" in info.orig_filename:
        return "leads out of its folder"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "is a link"
    if info.flag_bits & 0x1:
        return "is protected by a password"
    return ""


def _unpack(path: Path, name: str, folder: Path, limits: Limits) -> Iterator[tuple[str, Path]]:
    """Yield (name for people, unpacked file) for every member that we may read."""
    budget = unpacked_budget(path, limits)
    with open_zip(path, name, limits) as archive:
        wanted = [(member_name(i), i) for i in archive.infolist() if not i.is_dir()]
        wanted = [(shown, i) for shown, i in wanted if not _is_clutter(shown)]
        chosen = [(s, i) for s, i in wanted if _is_wanted(s)]
        if not chosen:
            raise _nothing_to_read([s for s, _ in wanted], name)
        for number, (shown, info) in enumerate(chosen):
            target = folder / f"{number:04d}{_suffix(shown)}"
            unpack_member(archive, info, target, budget)
            yield shown, target


def _nothing_to_read(names: Sequence[str], file: str) -> Exception:
    if any(_suffix(n) in {".zip", ".7z", ".rar", ".gz", ".tar"} for n in names):
        return BadZip("it holds another archive", file=file, remedy="Unpack it once and hand in the inner one.")
    if looks := office_document(names):
        return UnknownFormat(f"it is {looks}, which we do not read", file=file, remedy=_formats_remedy())
    inside = ", ".join(names[:3]) or "nothing"
    return UnknownFormat(f"the zip holds no file that we read ({inside})", file=file, remedy=_formats_remedy())


def workbook(path: Path) -> str:
    """Return "xlsx" or "ods" for a zip that is a workbook; "" for any other."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            kind = archive.open("mimetype").read(100) if "mimetype" in names else b""
    except (*_DAMAGED, OSError):
        return ""
    if "[Content_Types].xml" in names and any(name.startswith("xl/") for name in names):
        return "xlsx"
    return "ods" if kind.startswith(b"application/vnd.oasis.opendocument.spreadsheet") else ""


def office_document(names: Sequence[str]) -> str:
    """Return which office document a zip with such members is; "" where it is none."""
    kinds = {"xl/": "an Excel workbook", "word/": "a Word document", "content.xml": "an OpenDocument file"}
    return next((kind for start, kind in kinds.items() if any(name.startswith(start) for name in names)), "")


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _is_clutter(name: str) -> bool:
    """Whether a member was left behind by a packing program."""
    path = PurePosixPath(name)
    return "__MACOSX" in path.parts or path.name.startswith("._") or path.name == ".DS_Store"


def clear(folder: Path) -> None:
    """Remove what `receive` unpacked."""
    shutil.rmtree(folder, ignore_errors=True)
