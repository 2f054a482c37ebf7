"""Finds the character encoding of a shapefile's attribute table, and says how.

Korean files seldom say what they are: no .cpg, a language byte of 0, or a wrong .cpg. So the bytes decide.
They must be valid in the encoding that is claimed; failing that, UTF-8 and CP949 are so strict about
multi-byte sequences that validity is evidence. EUC-KR is a subset of CP949 (8 822 syllables are missing from
it), so every Korean alias means CP949.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ingest.dbf import read_table, sample_texts
from naru.errors import EncodingUnknown

_KOREAN = {
    *("949", "cp949", "ms949", "uhc", "ansi949", "windows949", "xwindows949", "mskoreanwansung"),
    *("euckr", "ksc5601", "ksc56011987", "ksc56011989", "ksx1001", "korean", "csksc56011987", "johabno"),
}
_SINGLE_BYTE = {"cp437", "cp850", "cp852", "cp866", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "iso8859-1"}
# Language driver ids that name a code page (dBASE and ESRI; GDAL's table). 0x57 "ANSI" and 0 name none.
_LANGUAGE_IDS = {
    **{0x01: "cp437", 0x02: "cp850", 0x03: "cp1252", 0x64: "cp852", 0x65: "cp866", 0xC8: "cp1250"},
    **{0xC9: "cp1251", 0xCA: "cp1254", 0xCB: "cp1253", 0x13: "cp932", 0x7B: "cp932", 0x4D: "gbk", 0x7A: "gbk"},
    **{0x4E: "cp949", 0x79: "cp949", 0x4F: "cp950", 0x78: "cp950"},
}
_NOT_OF_FILES = {"idna", "punycode", "raw_unicode_escape", "unicode_escape", "raw-unicode-escape", "unicode-escape"}
_CHUNK = 2**20
_MOSTLY = 0.8


@dataclass(frozen=True)
class Encoding:
    """An encoding and how it was found, in plain words. `codec` is Python's name, `gdal` is GDAL's."""

    codec: str
    how: str
    warnings: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Name for people: CP949, UTF-8, CP1252."""
        return self.codec.upper().replace("ISO8859", "ISO-8859")

    @property
    def gdal(self) -> str:
        """Name that GDAL's ENCODING option understands."""
        return {"utf-8": "UTF-8", "gbk": "CP936", "iso8859-1": "ISO-8859-1"}.get(self.codec, self.codec.upper())


def normalise(name: str) -> str | None:
    """Return Python's name for an encoding; every Korean alias is 'cp949'. None if there is no such encoding.

    >>> normalise("ks_c_5601-1987"), normalise("EUC-KR"), normalise("UTF8"), normalise("klingon")
    ('cp949', 'cp949', 'utf-8', None)
    """
    plain = "".join(c for c in name.strip().strip("\ufeff").lower() if c.isalnum())
    if plain in _KOREAN or (plain.endswith("949") and plain[:-3] in {"", "cp", "ms", "ansi", "oem"}):
        return "cp949"
    if plain.startswith("ansi") and plain[4:].isdigit():
        plain = "cp" + plain[4:]
    elif plain.isdigit() and len(plain) <= 5:
        plain = {"65001": "utf8", "88591": "latin1"}.get(plain, "cp" + plain)
    try:
        found = codecs.lookup(plain if plain.startswith("cp") else name.strip()).name
    except (LookupError, ValueError):
        try:
            found = codecs.lookup(plain).name
        except (LookupError, ValueError):
            return None
    return found if _is_text(found) else None


def _is_text(codec: str) -> bool:
    """Whether a codec turns a file's bytes into text (Python also registers hex, zip and its own escapes)."""
    try:
        return codec not in _NOT_OF_FILES and isinstance(b"a".decode(codec), str)
    except (LookupError, UnicodeError):
        return False


def find_encoding(dbf: Path, cpg: Path | None, option: str | None, file: str) -> Encoding:
    """Find the encoding of a dBASE table's names and texts.

    `option` is the user's word and is only checked; then .cpg, language id, UTF-8 validity, CP949 validity.
    Raises EncodingUnknown, FileDamaged.
    """
    table = read_table(dbf, file)
    texts = sorted(sample_texts(dbf, table))
    if option is not None:
        return _from_option(option, texts, file)
    claims, doubts = _claims(cpg, table.language_id), []
    for claim in claims:
        if claim.codec is None:
            doubts.append(claim.source)
        elif not texts:
            return Encoding(claim.codec, f"{claim.source}; all text is plain ASCII")
        elif (better := _stricter(claim.codec, texts)) is None and _valid(claim.codec, texts):
            return Encoding(claim.codec, f"{claim.source}; the bytes agree")
        else:
            found = f"the bytes are valid {better.upper()}" if better else "the bytes are not valid in it"
            doubts.append(f"{claim.source}, but {found}")
    return _from_bytes(texts, doubts or ["no .cpg"])


@dataclass(frozen=True)
class _Claim:
    codec: str | None
    source: str


def _claims(cpg: Path | None, language_id: int) -> list[_Claim]:
    """Return what the file says of itself, first word first."""
    out = []
    if cpg is not None:
        word = cpg.read_bytes()[:100].decode("ascii", "replace").split("\n")[0].strip("\ufeff\ufffd \r\t\x00")
        codec = normalise(word) if word else None
        out.append(_Claim(codec, f".cpg says {word!r}" + ("" if codec else ", which is no encoding we know")))
    codec = _LANGUAGE_IDS.get(language_id)
    about = f"language id 0x{language_id:02X}"
    if codec or cpg is None:
        prefix = "" if cpg is not None else "no .cpg, "
        out.append(_Claim(codec, f"{prefix}{about} {'means ' + codec.upper() if codec else 'names no code page'}"))
    return out


def _from_option(option: str, texts: Sequence[bytes], file: str) -> Encoding:
    codec = normalise(option)
    if codec is None:
        raise EncodingUnknown(
            f"there is no encoding named '{option}'", file=file, remedy="Use CP949, UTF-8 or another known name."
        )
    bad = [t for t in texts if not _decodes(t, codec)]
    if bad:
        shown = bad[0][:24].hex(" ")
        raise EncodingUnknown(
            f"{len(bad)} of {len(texts)} texts are not valid {codec.upper()}, the first is {shown}",
            file=file,
            remedy="Leave --encoding out and let it be found, or give the right one.",
        )
    return Encoding(codec, "given by --encoding")


def _stricter(codec: str, texts: Sequence[bytes]) -> str | None:
    """Return the multi-byte encoding that the texts are in although a single-byte one is claimed.

    A single-byte code page accepts any bytes, so its validity says nothing.
    """
    if codec not in _SINGLE_BYTE:
        return None
    if _valid("utf-8", texts):
        return "utf-8"
    return "cp949" if _valid("cp949", texts) and _looks_korean(texts) else None


def _looks_korean(texts: Sequence[bytes]) -> bool:
    """Whether the texts, read as CP949, are Hangul rather than accented letters that happen to be valid."""
    letters = [c for t in texts for c in t.decode("cp949", "ignore") if not c.isascii()]
    hangul = sum("\uac00" <= c <= "\ud7a3" for c in letters)
    return hangul >= 2 and hangul >= _MOSTLY * len(letters)


def _from_bytes(texts: Sequence[bytes], doubts: Sequence[str]) -> Encoding:
    """Decide by the bytes alone."""
    said = "; ".join(doubts)
    if not texts:
        return Encoding("utf-8", f"{said}; all text is plain ASCII")
    warnings = tuple(d for d in doubts if ", but " in d or "no encoding" in d)
    if _valid("utf-8", texts):
        return Encoding("utf-8", f"{said}; bytes are valid UTF-8", warnings)
    if _valid("cp949", texts):
        return Encoding("cp949", f"{said}; bytes are valid CP949 and not UTF-8", warnings)
    for codec in ("utf-8", "cp949"):
        bad = sum(not _decodes(t, codec) for t in texts)
        if bad <= (1 - _MOSTLY) * len(texts):
            note = f"{bad} of {len(texts)} texts are damaged: not valid {codec.upper()}, shown with �"
            return Encoding(codec, f"{said}; most bytes are valid {codec.upper()}", (*warnings, note))
    note = "the text is neither UTF-8 nor CP949 and was read as Windows-1252: check the names, or give --encoding"
    return Encoding("cp1252", f"{said}; bytes are neither UTF-8 nor CP949", (*warnings, note))


def _valid(codec: str, texts: Iterable[bytes]) -> bool:
    return all(_decodes(t, codec) for t in texts)


def _decodes(text: bytes, codec: str) -> bool:
    """Whether text decodes, a character cut off by the field's width forgiven."""
    try:
        codecs.getincrementaldecoder(codec)().decode(text, final=False)
    except UnicodeDecodeError:
        return False
    return True


# --- text files -------------------------------------------------------------------------------------


def decoded(stream: BinaryIO, codec: str) -> Iterator[str]:
    """Yield a stream's text in pieces, without byte order mark and blanks before the first character.

    Raises UnicodeDecodeError.
    """
    decoder = codecs.getincrementaldecoder(codec)("strict")
    started = False
    while chunk := stream.read(_CHUNK):
        text = decoder.decode(chunk)
        if not started:
            text = text.lstrip("\ufeff \t\r\n")
            started = bool(text)
        yield text
    yield decoder.decode(b"", final=True)


def decodes_file(path: Path, codec: str) -> bool:
    """Whether the whole file is valid in an encoding."""
    try:
        with path.open("rb") as stream:
            for _ in decoded(stream, codec):
                pass
    except UnicodeDecodeError:
        return False
    return True
