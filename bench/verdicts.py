"""What became of one file of a corpus: in one word, with the reason; and what must never happen."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bench import positions
from bench.cases import Case
from bench.lab import Lab, Outcome
from bench.legible import garbled_in, texts_of
from bench.served import look_at

MOST_SECONDS = 10.0
MOST_BYTES = 2**30
Word = Literal["as in truth", "accounted for", "refused", "not an upload format", "violation"]
WORDS: tuple[Word, ...] = ("as in truth", "accounted for", "refused", "not an upload format", "violation")
_NO_CAUSE = frozenset({"PARSER_DIED", "INTERNAL", "ERROR", "NO_ANSWER", "NO_JSON", "STUCK", ""})
_LEFT_OUT = re.compile(r"left out|not read|no place|passed over|ignored|skipped|picture|is a view|no feature")
_NUMBER = re.compile(r"(?<![\w'.-])(\d+)(?![\w'.])")
_LOADS = re.compile(r"^(load|serve as raster|readable)\b")


@dataclass
class Verdict:
    """One file's fate."""

    case: Case
    outcome: Outcome
    word: Word = "violation"
    note: str = ""
    violations: list[str] = field(default_factory=list)
    peak_bytes: int = 0
    cpu_s: float = 0.0

    @property
    def doubtful(self) -> bool:
        """Whether the manifest would have it loaded, and it was refused."""
        return self.word in ("refused", "not an upload format") and bool(_LOADS.match(self.case.expect))

    def to_dict(self) -> dict[str, Any]:
        """Return what `--json` writes of it."""
        out = self.outcome
        return {
            **{"path": self.case.path, "group": self.case.group, "word": self.word, "note": self.note},
            **{"violations": self.violations, "expect": self.case.expect, "doubtful": self.doubtful},
            **{
                "seconds": round(out.seconds, 3),
                "cpu_s": round(self.cpu_s, 2),
                "peak_mib": round(self.peak_bytes / 2**20, 1),
            },
            **{"status": out.status, "error": out.error, "layers": out.layers},
        }


def judge(lab: Lab, case: Case, outcome: Outcome) -> Verdict:
    """Compare what became of a file with what is known of it."""
    verdict = Verdict(case, outcome)
    verdict.violations += _of_process(outcome)
    if outcome.state == "done":
        _loaded(lab, verdict)
    elif not verdict.violations:
        _refused(verdict)
    if verdict.violations:
        verdict.word = "violation"
    return verdict


def _of_process(outcome: Outcome) -> list[str]:
    found = []
    if outcome.status >= 500:
        found.append(f"5xx: {outcome.status} {outcome.error.get('message', '')}")
    if outcome.attempts > 1:
        found.append(f"crash of the worker: {outcome.attempts} attempts")
    if outcome.state in ("stuck", "cancelled"):
        found.append(f"the job ended {outcome.state}")
    return found


def weigh(lab: Lab, verdict: Verdict) -> Verdict:
    """Charge a file with the time it took and with the memory that one process held while it was at work.

    Where others keep the machine busy (a load of more than two for each processor), processor time counts.
    """
    out = verdict.outcome
    since = out.claimed if out.job else out.started
    verdict.peak_bytes = lab.memory.peak_between(since, out.ended)
    verdict.cpu_s = lab.memory.cpu_between(since, out.ended)
    took = verdict.cpu_s if os.getloadavg()[0] > 2 * (os.cpu_count() or 1) else out.seconds
    if took > MOST_SECONDS:
        verdict.violations.append(f"time: {out.seconds:.1f} s, of the processor {verdict.cpu_s:.1f} s")
    if verdict.peak_bytes > MOST_BYTES:
        verdict.violations.append(f"memory: {verdict.peak_bytes / 2**20:.0f} MiB")
    if verdict.violations:
        verdict.word = "violation"
    return verdict


def _refused(verdict: Verdict) -> None:
    error = verdict.outcome.error
    code, message = str(error.get("code") or ""), str(error.get("message") or error.get("detail") or "")
    verdict.note = f"{code}: {message}"
    if code in _NO_CAUSE or not message or not error.get("remedy"):
        verdict.violations.append(f"refused without cause or remedy: {verdict.note}")
    verdict.word = "not an upload format" if code == "FORMAT" else "refused"


def _loaded(lab: Lab, verdict: Verdict) -> None:
    layers = verdict.outcome.layers
    verdict.note = "; ".join(_account(layer) for layer in layers)
    if not layers:
        verdict.violations.append("silent empty layer: done, with no layer")
        return
    for layer in layers:
        source = lab.source_path(layer["id"], layer["version"])
        verdict.violations += _of_layer(layer, source)
        verdict.violations += look_at(lab, layer, source).faults
    vectors = [layer for layer in layers if layer["kind"] == "vector"]
    if verdict.case.kind == "vector" and vectors:
        _counted(verdict, vectors)
    elif verdict.case.kind == "raster" and len(vectors) < len(layers):
        _measured(lab, verdict, next(layer for layer in layers if layer["kind"] == "raster"))
    else:
        verdict.word = "accounted for"
    if vectors and verdict.case.readable:
        _placed(lab, verdict, vectors)


def _of_layer(layer: Mapping[str, Any], source: Path | None) -> list[str]:
    """Return what is wrong with one layer by itself."""
    found = []
    if layer["kind"] == "vector":
        dropped = sum(c["count"] for c in layer["features_dropped"])
        if layer["features_read"] != layer["features_published"] + dropped:
            found.append(f"lost without account: {layer['features_read']} read, {_account(layer)}")
        if layer["features_published"] == 0 and source is not None:  # else tiles that came as tiles: nobody counted
            found.append(f"silent empty layer: {layer['id']}")
    if layer["tiles"] == 0:
        found.append(f"silent empty layer: {layer['id']} has no tile")
    if layer["kind"] == "vector" and source is not None:
        told = any("damaged characters" in w for w in layer["warnings"])
        bad = [(t, m) for t, m in garbled_in(texts_of(source)) if not (told and m == "\ufffd")]
        found += [f"mojibake: '{text}', perhaps '{meant}'" for text, meant in bad[:1]]
    return found


def _account(layer: Mapping[str, Any]) -> str:
    if layer["kind"] == "raster":
        return f"raster, {layer['crs']}"
    lost = ", ".join(f"{c['count']} {c['reason']}" for c in layer["features_dropped"])
    return f"{layer['features_published']} of {layer['features_read']}" + (f" ({lost})" if lost else "")


def _counted(verdict: Verdict, layers: Sequence[Mapping[str, Any]]) -> None:
    """Compare the number of features read with what the independent readers counted."""
    case = verdict.case
    read = sum(layer["features_read"] for layer in layers)
    dropped = sum(c["count"] for layer in layers for c in layer["features_dropped"])
    counts = case.wanted_counts()
    told = [w for layer in layers for w in layer["warnings"]]
    if read in counts:
        verdict.word = "accounted for" if dropped else "as in truth"
    elif not counts or case.layers_of_unknown_length() or any(_explained(n, read, told) for n in counts):
        verdict.word = "accounted for"
    else:
        verdict.violations.append(f"count: {read} read where the truth has {' or '.join(map(str, sorted(counts)))}")


def _explained(wanted: int, read: int, warnings: Sequence[str]) -> bool:
    """Whether warnings that say what was left out give the numbers that are missing."""
    said = [w for w in warnings if _LEFT_OUT.search(w)]
    numbers = sum(sum(int(n) for n in _NUMBER.findall(w)) or 1 for w in said)
    return bool(said) and read < wanted and numbers >= wanted - read


def _measured(lab: Lab, verdict: Verdict, layer: Mapping[str, Any]) -> None:
    version = lab.house.catalogue.layer(layer["id"]).live
    facts = version.tilesets[0].rules.get("raster", {})
    bands = facts.get("bands")
    verdict.word = "as in truth" if bands == verdict.case.truth.get("bands") else "accounted for"
    if verdict.case.readable:
        apart = positions.raster_error_m(verdict.case, layer, float(facts.get("resolution_m", 0.0)))
        _note_position(verdict, apart)


def _placed(lab: Lab, verdict: Verdict, layers: Sequence[Mapping[str, Any]]) -> None:
    sources = [lab.source_path(layer["id"], layer["version"]) for layer in layers]
    apart = positions.vector_error_m(verdict.case, layers, [s for s in sources if s is not None])
    _note_position(verdict, apart)


def _note_position(verdict: Verdict, apart: float | None) -> None:
    if apart is None:
        return
    verdict.note += f"; {apart:.1f} m off" if apart >= 0.05 else ""
    if apart > positions.ALLOWED_M:
        verdict.violations.append(f"position: {apart:.1f} m off")
