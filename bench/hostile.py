"""Does any of some hundred and fifty files made to harm read, call, swell or stop anything? Each is uploaded.

    python bench/hostile.py [--json FILE]

Counted are calls to a canary web server, answers and archives that hold the token of a secret file, answers 5xx,
crashes, files that take more than 60 s or 3.25 GiB of one process (a parser may hold 3 GiB), and refusals that name
no cause. After the last of them the server must answer and a good file must come onto the map. Ends with 1 if not.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # run as a file
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from bench.hostile_files import hostile_files
from bench.killing import points
from bench.lab import Lab, Outcome, clear, running
from bench.outside import Outside

_MOST_S = 60.0
_MOST_BYTES = int(3.25 * 2**30)
_NO_CAUSE = frozenset({"INTERNAL", "ERROR", "NO_ANSWER", "NO_JSON", "STUCK", "", "PARSER_DIED"})


def faults_of(lab: Lab, outcome: Outcome, token: str) -> list[str]:
    """Return what one file has brought about that it must not."""
    found = []
    said = json.dumps([outcome.error, outcome.layers], ensure_ascii=False)
    if outcome.status >= 500:
        found.append(f"5xx: {said[:200]}")
    if token in said:
        found.append("the token is in the answer")
    if outcome.seconds > _MOST_S:
        found.append(f"{outcome.seconds:.0f} s")
    if outcome.attempts > 1 or outcome.state == "stuck":
        found.append(f"{outcome.attempts} attempts, {outcome.state}")
    if outcome.state != "done" and (outcome.error.get("code", "") in _NO_CAUSE or not outcome.error.get("remedy")):
        found.append(f"refused without cause: {said[:200]}")
    peak = lab.memory.peak_between(outcome.claimed, outcome.ended)
    if peak > _MOST_BYTES:
        found.append(f"{peak / 2**20:.0f} MiB")
    return found


def leaked(folder: Path, token: str) -> list[str]:
    """Return the files below a folder that hold the token."""
    raw = token.encode()
    return [str(p) for p in folder.rglob("*") if p.is_file() and raw in p.read_bytes()]


def run(folder: Path, files: Sequence[Path], lab: Lab, token: str) -> tuple[Counter[str], list[str]]:
    """Upload each file and then a good one; return the fates and the faults."""
    fates: Counter[str] = Counter()
    faults = []
    for file in files:
        outcome = lab.submit([file], {"id": file.stem.split("-")[0] + "-x", "visibility": "public"})
        while not lab.settled(outcome):
            time.sleep(0.03)
        fate = "loaded" if outcome.state == "done" else str(outcome.error.get("code"))
        fates[fate] += 1
        wrong = faults_of(lab, outcome, token)
        faults += [f"{file.name}: {fault}" for fault in wrong]
        text = outcome.error.get("message") or "; ".join(w for la in outcome.layers for w in la["warnings"])
        print(
            f"{'!' if wrong else ' '} {file.name:34} {outcome.seconds:5.1f} s  {fate}: {str(text)[:110]}",
            flush=True,
        )
    good = lab.submit([points(folder / "good.geojson", 7)], {"id": "good"})
    while not lab.settled(good):
        time.sleep(0.03)
    if good.state != "done" or lab.request("GET", "/health/ready")[0] != 200:
        faults.append("afterwards a good file does not come onto the map")
    return fates, faults


def main() -> int:
    """Read the command line; return 1 where anything was read, called, swollen or stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the account there")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="naru-hostile-"))
    token, secret = secrets.token_hex(16), folder / "secret" / "token.csv"
    secret.parent.mkdir()
    secret.write_text(f"token,x,y\n{token},127,37\n")
    try:
        with running(folder / "lab", workers=1) as lab:
            files = hostile_files(folder / "files", lab.canary_url, secret)
            outside = Outside(lab, folder / "files")
            fates, faults = run(folder, files, lab, token)
            faults += outside.while_running()
        faults += outside.afterwards()
        faults += [
            f"the token lies in {path}" for path in leaked(folder / "lab" / "home", token) if "uploads" not in path
        ]
    finally:
        clear(folder)
    print(f"\n{len(files)} files: {dict(fates)}; canary asked {len(lab.asked)} times; faults: {len(faults)}")
    for fault in faults:
        print(f"  ! {fault}")
    if given.json:
        given.json.write_text(json.dumps({"files": len(files), "fates": fates, "faults": faults}, indent=1))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
