"""What becomes of every file of a corpus? Each is uploaded to a real server; the fates are counted.

    python bench/corpus.py ../shared/data [--only GROUP] [--json FILE] [--workers N]

The corpus is any folder with a `truth.json` (see `bench/cases.py`). Every file is handed in as people would hand it
in: with its side files, under its own name, without options. Of each the scoreboard says one of

- **as in truth**: loaded, with as many features (bands) as an independent reader counted;
- **accounted for**: loaded, and every feature that is not there has its reason in the report;
- **refused**: with a reason that names the cause, and a remedy;
- **not an upload format**: refused by the name of what it is;
- **violation**: something that must never happen. Counted are: a crash of the server or a worker, an answer 5xx, a
  layer that is empty without a word, features lost without account, mojibake in the source archive or in a served
  tile, a position more than 5 m from the truth (or from the vertex in the source, in a tile of the last zoom),
  more than 10 s (measured once more, alone; of processor time where others keep the machine busy) or 1 GiB of one
  process for one file, a file written outside the home folder or left over in it,
  a connection to anywhere (canary server on loopback, which is also the proxy of all processes; and strace, where
  it is installed, sees every `connect` and every file opened for writing).

Ends with 1 where there is a violation.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

if not __package__:  # run as a file
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.cases import Case, load
from bench.lab import Lab, Outcome, clear, running
from bench.outside import Outside
from bench.verdicts import WORDS, Verdict, judge, weigh

_UNDER_WAY = 6  # uploads that wait for a worker at a time
_NOTICED_S = 4.0  # the server looks for what is new every second


def upload_all(lab: Lab, cases: Sequence[Case]) -> Iterator[tuple[Case, Outcome]]:
    """Upload every case, a few at a time; yield each when its job has ended and the server has noticed."""
    waiting: list[tuple[Case, Outcome]] = []
    ended: deque[tuple[Case, Outcome]] = deque()
    for number, case in enumerate(cases):
        waiting.append((case, lab.submit(case.files, {"id": f"case-{number:04d}"})))
        while len(waiting) >= _UNDER_WAY:
            ended += _take_ended(lab, waiting)
            yield from _take_ripe(ended)
    while waiting or ended:
        ended += _take_ended(lab, waiting)
        yield from _take_ripe(ended)


def _take_ended(lab: Lab, waiting: list[tuple[Case, Outcome]]) -> list[tuple[Case, Outcome]]:
    ended = [(case, outcome) for case, outcome in waiting if lab.settled(outcome)]
    waiting[:] = [one for one in waiting if one not in ended]
    if not ended:
        time.sleep(0.03)
    return ended


def _take_ripe(ended: deque[tuple[Case, Outcome]]) -> Iterator[tuple[Case, Outcome]]:
    """Yield those that ended long enough ago for the server to know of what they published."""
    while ended and time.time() - ended[0][1].ended > _NOTICED_S:
        yield ended.popleft()


def show(console: Console, verdict: Verdict) -> None:
    """Print one line for a file, and one for each violation."""
    style = {"violation": "bold red", "refused": "yellow", "not an upload format": "dim"}.get(verdict.word, "green")
    console.print(f"{verdict.word:>20}", style=style, end="  ", markup=False)
    note = verdict.note if len(verdict.note) < 160 else verdict.note[:157] + "…"
    console.print(f"{verdict.case.path}: {note}", markup=False, highlight=False, soft_wrap=True)
    for violation in verdict.violations:
        console.print(f"{'':>22}! {violation}", style="red", markup=False, highlight=False, soft_wrap=True)


def table(verdicts: Sequence[Verdict]) -> list[str]:
    """Return the table by group, as markdown."""
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for verdict in verdicts:
        groups[verdict.case.group][verdict.word] += 1
    rows = ["| group | files | " + " | ".join(WORDS) + " |", "|---|---|" + "---|" * len(WORDS)]
    total: Counter[str] = Counter()
    for group, counts in sorted(groups.items()):
        total += counts
        rows.append(_row(group, counts))
    return [*rows, _row("all", total)]


def _row(group: str, counts: Mapping[str, int]) -> str:
    cells = [str(counts[word] or "") for word in WORDS]
    return f"| {group} | {sum(counts.values())} | " + " | ".join(cells) + " |"


def run(given: argparse.Namespace, folder: Path, console: Console) -> tuple[list[Verdict], list[str]]:
    """Upload and judge everything; return the verdicts, and what the whole run did that it must not."""
    corpus = load(given.folder, given.only)
    console.print(f"{corpus.files} files: {len(corpus.cases)} uploads, {corpus.side_files} side files go with them")
    verdicts = []
    with running(folder, workers=given.workers, traced=not given.no_trace, over_http=not given.queue) as lab:
        outside = Outside(lab, given.folder)
        columns = (TextColumn("uploading"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("", total=len(corpus.cases))
            for case, outcome in upload_all(lab, corpus.cases):
                verdicts.append(weigh(lab, judge(lab, case, outcome)))
                bar.advance(task)
                show(console, verdicts[-1])
            for late in [n for n, v in enumerate(verdicts) if any(x.startswith("time:") for x in v.violations)]:
                verdicts[late] = _again(lab, verdicts[late])
                show(console, verdicts[late])
        faults = outside.while_running()
    return verdicts, faults + outside.afterwards()


def _again(lab: Lab, first: Verdict) -> Verdict:
    """Measure a file that took too long once more, alone: the machine may have had other work, or had to start."""
    outcome = lab.submit(first.case.files, {"id": first.outcome.layers[0]["id"]} if first.outcome.layers else {})
    while not lab.settled(outcome):
        time.sleep(0.03)
    time.sleep(_NOTICED_S)
    verdict = weigh(lab, judge(lab, first.case, outcome))
    verdict.note += f"; {outcome.seconds:.1f} s alone, {first.outcome.seconds:.1f} s before"
    return verdict


def report(verdicts: Sequence[Verdict], faults: Sequence[str], seconds: float) -> dict[str, Any]:
    """Return the whole as one object."""
    words = Counter(v.word for v in verdicts)
    return {
        "uploads": len(verdicts),
        "files": sum(len(v.case.files) for v in verdicts),
        "words": dict(words),
        "violations": sum(len(v.violations) for v in verdicts) + len(faults),
        "of_the_run": list(faults),
        "slowest_s": max((v.outcome.seconds for v in verdicts), default=0.0),
        "largest_mib": max((v.peak_bytes for v in verdicts), default=0) / 2**20,
        "seconds": round(seconds, 1),
        "cases": [v.to_dict() for v in sorted(verdicts, key=lambda v: v.case.path)],
    }


def main() -> int:
    """Read the command line; return 1 where there is a violation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the corpus: a folder with truth.json")
    parser.add_argument("--only", metavar="GROUP", help="one group of the corpus")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there as JSON")
    parser.add_argument("--workers", type=int, default=2, help="job workers  [default: 2]")
    parser.add_argument("--queue", action="store_true", help="hand files to the workers without HTTP")
    parser.add_argument("--no-trace", action="store_true", help="without strace")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="make the server's home there, and leave it")
    given = parser.parse_args()
    given.folder = given.folder.resolve()
    console = Console(soft_wrap=True)
    began = time.monotonic()
    folder = given.keep or Path(tempfile.mkdtemp(prefix="naru-corpus-"))
    try:
        verdicts, faults = run(given, folder.resolve(), console)
    finally:
        if not given.keep:
            clear(folder)
    result = report(verdicts, faults, time.monotonic() - began)
    if given.json:
        given.json.write_text(json.dumps(result, ensure_ascii=False, indent=1), "utf-8")
    _conclude(console, verdicts, result)
    return 1 if result["violations"] else 0


def _conclude(console: Console, verdicts: Sequence[Verdict], result: Mapping[str, Any]) -> None:
    console.print("\n" + "\n".join(table(verdicts)), markup=False)
    doubtful = [v for v in verdicts if v.doubtful]
    if doubtful:
        console.print(f"\n{len(doubtful)} refused where the manifest says load:", markup=False)
        for verdict in doubtful:
            console.print(f"  {verdict.case.path}: {verdict.note[:150]}", markup=False, highlight=False)
    for fault in result["of_the_run"]:
        console.print(f"! {fault}", style="red", markup=False, highlight=False)
    console.print(
        f"\n{result['files']} files in {result['seconds']:.0f} s; slowest {result['slowest_s']:.1f} s, "
        f"largest process {result['largest_mib']:.0f} MiB\nviolations: {result['violations']}"
    )


if __name__ == "__main__":
    sys.exit(main())
