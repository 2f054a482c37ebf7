"""`naru doctor` looks at what serving needs: where quotas and usage are counted, and what settings ask for."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

from naru.care import Check
from naru.cli import cli
from naru.settings import Settings
from tests.conftest import free_port
from tests.quotas import running_redis
from tileserver import checks


def looked(home: Path, **environ: str) -> dict[str, Check]:
    return {check.name: check for check in checks.look_over(Settings.from_environ(environ, home=home))}


def test_a_fresh_home_is_well_and_nothing_is_counted_into_it(tmp_path: Path) -> None:
    found = looked(tmp_path)
    assert all(check.ok for check in found.values())
    assert not (tmp_path / "usage.sqlite").exists()


def test_doctor_shows_the_checks_of_the_server_with_their_remedies(tmp_path: Path) -> None:
    (tmp_path / "usage.sqlite").write_text("this is no database, and long enough to be taken for one")
    told = CliRunner().invoke(cli, ["--home", str(tmp_path), "doctor"], standalone_mode=False)
    assert told.return_value == 1
    lines = told.output.splitlines()
    amiss = next(place for place, line in enumerate(lines) if line.startswith("BAD"))
    assert lines[amiss].startswith("BAD  usage ")
    assert "moved aside" in lines[amiss + 1]


def test_a_ledger_of_a_newer_version_is_told(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "usage.sqlite") as ledger:
        ledger.execute("CREATE TABLE usage_state (id, version, summed, tidied)")
        ledger.execute("INSERT INTO usage_state VALUES (1, 99, 0, 0)")
    ledger.close()
    usage = looked(tmp_path)["usage"]
    assert (usage.ok, "newer version" in usage.found) == (False, True)


@pytest.mark.parametrize("name", ["quota", "usage", "metrics"])
def test_a_folder_that_workers_cannot_count_in_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("in the way")
    counters = looked(tmp_path)["counters"]
    assert (counters.ok, counters.found) == (False, f"{tmp_path / name} cannot be written")


def test_a_redis_that_remembers_is_well(tmp_path: Path) -> None:
    with running_redis(tmp_path, "--appendonly", "yes", "--maxmemory-policy", "noeviction") as url:
        quotas = looked(tmp_path / "home", NARU_QUOTA_URL=url)["quotas"]
    assert (quotas.ok, quotas.remedy) == (True, "")


def test_a_redis_that_would_forget_is_amiss(tmp_path: Path) -> None:
    with running_redis(tmp_path, "--appendonly", "no", "--maxmemory-policy", "allkeys-lru") as url:
        quotas = looked(tmp_path / "home", NARU_QUOTA_URL=url)["quotas"]
    assert not quotas.ok
    assert "noeviction" in quotas.remedy
    assert "appendonly yes" in quotas.remedy


def test_a_redis_that_is_away_is_told_without_its_password(tmp_path: Path) -> None:
    quotas = looked(tmp_path, NARU_QUOTA_URL=f"redis://:geheim@127.0.0.1:{free_port()}/3")["quotas"]
    assert (quotas.ok, "does not answer" in quotas.found, "geheim" in quotas.found) == (False, True, False)


def test_an_access_log_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    log = looked(tmp_path, NARU_ACCESS_LOG=str(tmp_path / "nowhere" / "access.log"))["access log"]
    assert (log.ok, "cannot be written" in log.found) == (False, True)


@pytest.mark.parametrize(
    ("extra", "environ"),
    [
        ("rendering", {"NARU_RENDERER": "maplibre"}),
        ("telemetry", {"NARU_TRACES_URL": "http://127.0.0.1:4318"}),
    ],
)
def test_an_extra_that_a_setting_needs_is_missed_by_name(
    extra: str, environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "find_spec", lambda _name: None)
    assert looked(tmp_path)["extras"].ok
    missed = looked(tmp_path, **environ)["extras"]
    assert (missed.ok, f"naru-city[{extra}]" in missed.remedy) == (False, True)
