"""What is brought in: files, tables, rasters, surveys of rivers, facilities, models."""

from __future__ import annotations

from naru.errors.root import NaruError

# --- reading files (ingest) -----------------------------------------------------------------------


class BadInput(NaruError):
    """A file that cannot become a layer; the subclasses say why."""

    code = "BAD_INPUT"


class FileMissing(BadInput):
    """No such file, or not readable."""

    code = "FILE_MISSING"


class UnknownFormat(BadInput):
    """The content is of no format that we read, or not of the one its name claims."""

    code = "FORMAT"


class FileDamaged(BadInput):
    """Truncated, malformed, or contradicting itself."""

    code = "FILE_DAMAGED"


class BadZip(BadInput):
    """A zip that is damaged, dangerous, encrypted, or holds nothing to read."""

    code = "ZIP"


class CrsUnknown(BadInput):
    """No coordinate reference system claimed, or several fit: the user must say which."""

    code = "CRS_UNKNOWN"


class CrsRefused(BadInput):
    """The coordinates cannot belong to the claimed coordinate reference system."""

    code = "CRS_REFUSED"


class ColumnsUnknown(BadInput):
    """Several columns of a table may hold the coordinates, or the one named is not there: the user must say."""

    code = "COLUMNS_UNKNOWN"


class EncodingUnknown(BadInput):
    """The text is in none of the encodings we know, or not in the one given."""

    code = "ENCODING"


class NoFeatures(BadInput):
    """Nothing with a geometry to draw."""

    code = "NO_FEATURES"


class TooLarge(BadInput):
    """Over a limit on size, memory, time, entries or vertices."""

    code = "TOO_LARGE"


class BadOption(BadInput):
    """An option that this file cannot follow."""

    code = "OPTION"


class ParserDied(BadInput):
    """The sandboxed parser was killed (memory, time, forbidden call) or crashed."""

    code = "PARSER_DIED"


# --- river terrains -------------------------------------------------------------------------------


class BadSpec(BadInput):
    """A terrain or scenario file that cannot be followed: a field unknown, missing, or of a wrong value."""

    code = "SPEC"


class BadSurvey(BadInput):
    """A survey that contradicts itself, its river or its ground: says which section, line or row."""

    code = "SURVEY"


class DatumRefused(BadInput):
    """Heights above different zeros (or none that is known) would be mixed, and nothing converts them."""

    code = "DATUM"


class BadFacility(BadInput):
    """A facility (weir, gate, pump …) that cannot be as it is said to be: says which, and in which field."""

    code = "FACILITY"


class BadModels(BadInput):
    """A layer that cannot become 3D models: no outlines, no heights, or no ground under them."""

    code = "MODELS"
