"""Settings: one table, typed, checked, handed on to children unchanged."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from naru.errors import BadSetting
from naru.settings import TABLE, Settings, key_pepper, unknown_settings


def test_defaults_are_those_of_the_contract(tmp_path: Path) -> None:
    settings = Settings.from_environ({}, home=tmp_path)
    assert settings.timezone == "Asia/Seoul"
    assert settings.anonymous == "public"
    assert settings.database_url == f"sqlite:///{tmp_path / 'catalog.sqlite'}"
    assert settings.storage == tmp_path / "archives"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NARU_HOME", "/srv/naru?"),
        ("NARU_WORKERS", "two"),
        ("NARU_WORKERS", "-1"),
        ("NARU_WORKERS", "٢"),
        ("NARU_ANONYMOUS", "yes"),
        ("NARU_TIMEZONE", "Seoul"),
        ("NARU_PUBLIC_URL", "maps.example.org"),
        ("NARU_PUBLIC_URL", "https://"),
        ("NARU_PUBLIC_URL", "http://[bad"),
        ("NARU_PUBLIC_URL", "http://maps.example.org:port"),
        ("NARU_PUBLIC_URL", "https://maps.example.org/?key=1"),
        ("NARU_DATABASE_URL", "mysql://x"),
        ("NARU_STORAGE_URL", "ftp://x"),
        ("NARU_MAX_UPLOAD_MB", "0"),
        ("NARU_QUOTA_URL", "memcached://localhost"),
        ("NARU_QUOTA_URL", "redis://"),
        ("NARU_QUOTA_URL", "redis://localhost:port/0"),
        ("NARU_QUOTA_URL", "redis://localhost/zero"),
        ("NARU_QUOTA_URL", "redis://localhost?db=1"),
    ],
)
def test_a_bad_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(BadSetting) as caught:
        Settings.from_environ({name: value})
    assert name in caught.value.message
    assert "docs/settings.md" in caught.value.remedy


@pytest.mark.parametrize("folder", ["home", "나루 집", "100% #1"])
def test_a_child_builds_the_same_settings(tmp_path: Path, folder: str) -> None:
    given = {"NARU_WORKERS": "3", "NARU_PUBLIC_URL": "https://a.example/"}
    settings = Settings.from_environ(given, home=tmp_path / folder)
    assert settings.storage == tmp_path / folder / "archives"
    assert Settings.from_environ(settings.environ()) == settings
    assert set(settings.environ()) == {row.name for row in TABLE}


def test_misspelt_settings_are_found() -> None:
    assert unknown_settings({"NARU_WORKER": "1", "NARU_WORKERS": "1", "PATH": ""}) == ["NARU_WORKER"]


def test_the_pepper_is_made_once_and_private(tmp_path: Path) -> None:
    settings = Settings.from_environ({}, home=tmp_path)
    first = key_pepper(settings)
    assert len(first) == 64
    assert key_pepper(settings) == first
    assert stat.S_IMODE((tmp_path / "key-pepper").stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["key-pepper"]


def test_an_empty_pepper_is_refused_not_used(tmp_path: Path) -> None:
    (tmp_path / "key-pepper").write_text("\n")
    with pytest.raises(BadSetting, match="empty"):
        key_pepper(Settings.from_environ({}, home=tmp_path))
