"""A gazetteer: names and addresses of one layer's features with their places, in a file of SQLite (FTS5, R*Tree).

It belongs to a source archive, which never changes; so the file is made once and only read after that. Making one
loads pyarrow and shapely, reading one does not.
"""

from __future__ import annotations

import json
import math
import os
import re
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from naru.errors import ArchiveDamaged, BadSelection, NotReady
from naru.features.systems import CRS84
from naru.storage import sync_file
from naru.style import label_field
from tileserver.common.asking import Position
from tileserver.common.words import APART, Phrase, likeness, phrases, tokens

if TYPE_CHECKING:
    from naru.features.query import Batch

EDITION = 1  # of the file's inner form: to be raised when it changes
_ADDRESS = re.compile(r".*(주소|소재지|juso|addr|adres|nmadr).*|지번", re.IGNORECASE)
_NAME = re.compile(r".*(이름|명칭|(?<!설)명|name|nm|title)|(name|nm)[:_].*", re.IGNORECASE)
_MOST_MATCHES = 200  # that are looked at more closely
_PATIENCE_S = 1.5  # for ranking the matches of a word that is everywhere
_OPCODES = 10_000  # between looks at the clock: about a millisecond
_M_PER_DEG = 111_320.0  # of latitude, and of longitude at the equator
_NICE = 10
_FLOAT32_DEG = 2e-5  # by how much the R*Tree's corners may be off
_SCHEMA = """
create table places (id integer primary key, lon real, lat real, names text, addresses text);
create virtual table words using fts5 (texts, content='', tokenize="unicode61 remove_diacritics 0");
create virtual table near using rtree (id, west, east, south, north);
create table common (word text primary key) without rowid;
"""
_SCHEMA_OF_COUNTS = "create virtual table temp.counts using fts5vocab (main, words, row)"
_COMMON = 0.05  # of the features: words in more of them are looked at last
_FEW = 1000  # features, in which nothing is common


class Match(NamedTuple):
    """A feature that was found: its row in the source from 1, where it is (WGS 84), what it is called."""

    feature: int
    place: Position
    name: str | None
    address: str | None
    text: str  # of these, the one that matched
    score: float  # 0 to 1; 1: the text is what was asked for


def text_kinds(fields: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return which of the names of text fields hold names, and which addresses.

    >>> text_kinds(["건물명", "도로명주소", "비고"])
    (['건물명'], ['도로명주소'])
    """
    names, addresses = [], []
    for field in fields:
        if _ADDRESS.fullmatch(field):
            addresses.append(field)
        elif _NAME.fullmatch(field):
            names.append(field)
    return names, addresses


def search(path: Path, text: str, limit: int, *, every: bool = True) -> list[Match]:
    """Return the features whose names and addresses hold every word of `text`, or any: the most alike first."""
    asked = phrases(text)
    with _opened(path) as connection:
        rare = [phrase for phrase in asked if not _is_common(connection, phrase)]
        if not rare:
            rows = _first(connection, asked, every=every)
        elif every:
            rows = _rare_first(connection, asked, rare)
        else:
            rows = _ranked(connection, rare, every=False)
    return sorted((_best(row, text) for row in rows), key=by_likeness)[:limit]


def by_likeness(match: Match) -> tuple[float, bool, int, int]:
    """Return what matches are sorted by: alike, called so first and foremost, short, in the source's order."""
    return -match.score, match.text not in (match.name, match.address), len(match.text), match.feature


def nearest(path: Path, place: Position, within_m: float, limit: int) -> list[tuple[float, Match]]:
    """Return the features with an address within a distance, with their distance in metres, the nearest first."""
    from pyproj import Geod

    high = within_m / _M_PER_DEG + _FLOAT32_DEG
    wide = within_m / (_M_PER_DEG * max(0.01, math.cos(math.radians(place.y)))) + _FLOAT32_DEG
    box = (place.x - wide, place.x + wide, place.y - high, place.y + high)
    query = (
        "select places.* from near join places using (id) "
        "where west >= ? and east <= ? and south >= ? and north <= ?"
    )
    with _opened(path) as connection:
        rows = connection.execute(query, box).fetchall()
    if not rows:
        return []
    lons, lats = [row[1] for row in rows], [row[2] for row in rows]
    _, _, metres = Geod(ellps="WGS84").inv([place.x] * len(rows), [place.y] * len(rows), lons, lats)
    near = sorted((float(m), row) for m, row in zip(metres, rows, strict=True) if m <= within_m)[:limit]
    return [(m, _match(row, row[4].split("\n")[0], 1.0)) for m, row in near]


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open one; where it is gone or broken, it is out of the way afterwards, to be made again.

    Raises:
        NotReady: it is gone or broken.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            yield connection
    except sqlite3.DatabaseError as error:
        path.unlink(missing_ok=True)
        raise NotReady("a gazetteer must be made anew", remedy="Try again in a moment.") from error


_MATCHING = (
    "select places.* from places join (select rowid from words where words match ? {} limit ?) on id = rowid"
)


def _is_common(connection: sqlite3.Connection, phrase: Phrase) -> bool:
    """Tell whether all words of a phrase are in so many features that looking for them finds nothing."""
    known = "select count(*) from common where word in (select value from json_each(?))"
    words = set(phrase.words)
    return bool(connection.execute(known, (json.dumps(list(words)),)).fetchone()[0] == len(words))


def _rare_first(connection: sqlite3.Connection, asked: Sequence[Phrase], rare: Sequence[Phrase]) -> list[Any]:
    """Return rows with the rare phrases that hold the common ones, too: to look for those takes much longer.

    Those that have everything from the first rare one on in this order are looked for by themselves.
    """
    in_order = Phrase(tuple(word for one in asked[asked.index(rare[0]) :] for word in one.words), asked[-1].open)
    found = {
        row[0]: row for row in (*_first(connection, [in_order], every=True), *_ranked(connection, rare, every=True))
    }
    if len(rare) == len(asked):
        return list(found.values())
    rows = [
        row for row in found.values() if all(phrase.is_in(f"{row[3]}\n{row[4]}".split("\n")) for phrase in asked)
    ]
    return rows if rows or len(found) < _MOST_MATCHES else _ranked(connection, asked, every=True)


def _ranked(connection: sqlite3.Connection, asked: Sequence[Phrase], *, every: bool) -> list[Any]:
    """Return rows that match, the best by BM25; of too many to rank in time, the first."""
    until = time.monotonic() + _PATIENCE_S
    connection.set_progress_handler(lambda: time.monotonic() > until, _OPCODES)
    try:
        query = _MATCHING.format("order by rank")
        return connection.execute(query, (_expression(asked, every=every), _MOST_MATCHES)).fetchall()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
    finally:
        connection.set_progress_handler(None, 0)
    return _first(connection, asked, every=every)


def _first(connection: sqlite3.Connection, asked: Sequence[Phrase], *, every: bool) -> list[Any]:
    """Return rows that match, in the source's order."""
    return connection.execute(_MATCHING.format(""), (_expression(asked, every=every), _MOST_MATCHES)).fetchall()


def _expression(asked: Sequence[Phrase], *, every: bool) -> str:
    return (" AND " if every else " OR ").join(phrase.expression for phrase in asked)


def _best(row: Any, asked: str) -> Match:
    """Return a row as a match by whichever of its texts is most like what was asked."""
    names, addresses = row[3].split("\n"), row[4].split("\n")
    texts = [text for text in (*names, *addresses) if text]
    texts.append(" ".join(texts))
    score, text = max(((likeness(asked, text), text) for text in texts), key=lambda found: found[0])
    return _match(row, text, round(score, 3))


def _match(row: Any, text: str, score: float) -> Match:
    feature, lon, lat, names, addresses = row
    return Match(
        feature, Position(lon, lat), names.split("\n")[0] or None, addresses.split("\n")[0] or None, text, score
    )


# --- making one -----------------------------------------------------------------------------------


def make(source: Path, target: Path) -> None:
    """Make the gazetteer of a source archive; `target` appears when it is whole.

    Raises:
        ArchiveDamaged: the source cannot be read.
        sqlite3.Error, OSError: the file cannot be written.
    """
    aside = target.with_suffix(f".{os.getpid()}.part")  # another one may be at it, whose server died
    try:
        with closing(sqlite3.connect(aside)) as connection:
            connection.executescript("pragma journal_mode = off; pragma synchronous = off;" + _SCHEMA)
            _fill(connection, source)
            connection.execute("insert into words (words) values ('optimize')")
            _note_common(connection)
            connection.commit()
        sync_file(aside)
        aside.rename(target)
    finally:
        aside.unlink(missing_ok=True)


def _fill(connection: sqlite3.Connection, source: Path) -> None:
    for feature, place, names, addresses in _entries(source):
        row = (feature, place.x, place.y, "\n".join(names), "\n".join(addresses))
        connection.execute("insert into places values (?, ?, ?, ?, ?)", row)
        words = f" {APART} ".join(" ".join(tokens(text)) for text in (*addresses, *names))
        connection.execute("insert into words (rowid, texts) values (?, ?)", (feature, words))
        if addresses:
            corners = (place.x, place.x, place.y, place.y)
            connection.execute("insert into near values (?, ?, ?, ?, ?)", (feature, *corners))


def _note_common(connection: sqlite3.Connection) -> None:
    [count] = connection.execute("select count(*) from places").fetchone()
    connection.execute(_SCHEMA_OF_COUNTS)
    most = max(_FEW, count * _COMMON)
    connection.execute("insert into common select term from temp.counts where doc > ?", (most,))


def _entries(source: Path) -> Iterator[tuple[int, Position, list[str], list[str]]]:
    """Yield row, place, names and addresses of the features that have a place and one of either."""
    from naru.features.selection import Selection
    from naru.features.source import FeatureSource

    opened = FeatureSource.open(source)
    texts = {field.name: "String" for field in opened.fields if field.kind == "string"}
    names, addresses = text_kinds(texts)
    names.sort(key=lambda name: name != label_field(texts))  # what the map calls it comes first
    wanted = Selection(
        crs=CRS84, fields=tuple(field.name for field in opened.fields if field.name in (*names, *addresses))
    )
    for batch in opened.select(wanted):
        for feature, place, values in _placed(batch):
            called, lying = ([_clean(values[name]) for name in kind if values[name]] for kind in (names, addresses))
            if place is not None and any((*called, *lying)):
                yield feature, place, [text for text in called if text], [text for text in lying if text]


def _placed(batch: Batch) -> Iterator[tuple[int, Position | None, Mapping[str, Any]]]:
    """Yield row, a position that is surely on the feature, and its values."""
    import shapely

    shapes = batch.geometries
    lines = shapely.get_dimensions(shapes) == 1
    points = shapely.point_on_surface(shapes)
    points[lines] = shapely.line_interpolate_point(shapely.line_merge(shapes[lines]), 0.5, normalized=True)
    xs, ys = shapely.get_x(points), shapely.get_y(points)
    for feature, x, y, values in zip(batch.ids, xs, ys, batch.attributes.to_pylist(), strict=True):
        yield int(feature), Position(float(x), float(y)) if math.isfinite(x) and math.isfinite(y) else None, values


def _clean(text: str) -> str:
    return " ".join(text.split())


def main(words: list[str], say: Callable[[str], object] = print) -> int:
    """Make those of sources: `words` are a source and a target by turns. Returns an exit status.

    For a process of its own, so that tiles are not slowed.
    """
    os.nice(_NICE)
    failed = 0
    for source, target in zip(words[::2], words[1::2], strict=True):
        try:
            make(Path(source), Path(target))
        except (ArchiveDamaged, BadSelection, sqlite3.Error, OSError) as error:
            say(f"{Path(source).name}: {error}")
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
