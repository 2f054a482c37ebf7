"""Keys: their text, how they are kept, and `naru keys`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from naru.catalogue import Catalogue
from naru.cli import cli
from naru.database import Database
from naru.errors import UnknownKey
from naru.schema import key_secrets, keys
from tests.conftest import naru, naru_json
from tileserver.keys.ring import ANONYMOUS, Key, KeyRing, Permissions
from tileserver.keys.text import ALPHABET, checksum, digest, is_well_formed, make_key_text, redact

PEPPER = b"pepper"
NOON = datetime(2026, 11, 22, 3, tzinfo=UTC)
CONTENT = Permissions(frozenset(("content",)))


@pytest.fixture
def database(empty_database: str) -> Iterator[Database]:
    opened = Database.open(empty_database)
    yield opened
    opened.close()


@pytest.fixture
def ring(database: Database) -> KeyRing:
    return KeyRing(database, PEPPER, now=lambda: NOON)


def test_key_text_has_the_published_shape() -> None:
    assert re.fullmatch(r"nru_live_[0-9A-Za-z]{32}_[0-9A-Za-z]{6}", make_key_text("live"))


def test_fresh_keys_are_well_formed_and_differ() -> None:
    made = [make_key_text("live") for _ in range(200)]
    assert len(set(made)) == 200
    assert all(map(is_well_formed, made))


@given(st.integers(0, 47), st.sampled_from(ALPHABET))
def test_one_mistyped_character_is_noticed_without_a_look_up(place: int, other: str) -> None:
    text = "nru_live_" + "Zz09Aa8b" * 4 + "_" + "000000"
    text = text[:-6] + checksum(text[:-7])
    mistyped = text[:place] + other + text[place + 1 :]
    assert is_well_formed(mistyped) == (mistyped == text)


@given(st.text(max_size=80))
def test_any_text_can_be_presented_as_a_key(text: str) -> None:
    assert is_well_formed(text) is False
    assert len(digest(text, PEPPER)) == 64


def test_redaction_leaves_no_whole_key_in_a_text() -> None:
    key = make_key_text("live")
    shown = redact(f'GET /tiles/a/1/1/1.mvt?key={key}&x=1 "{key}"')
    assert key not in shown
    assert shown.startswith("GET /tiles/a/1/1/1.mvt?key=nru_live…") and "&x=1" in shown


def test_the_database_holds_only_a_keyed_hash_of_the_secret(ring: KeyRing, database: Database) -> None:
    _key, text = ring.create("map", "live", CONTENT)
    with database.read() as connection:
        kept = [*connection.execute(sa.select(key_secrets)), *connection.execute(sa.select(keys))]
    assert text not in repr(kept)
    assert digest(text, PEPPER) in repr(kept)
    assert digest(text, b"other pepper") not in ring.credentials()


def test_what_a_key_may_is_kept_whole(ring: KeyRing) -> None:
    may = Permissions(
        functions=frozenset(("basemap", "twin")),
        access="private",
        groups=frozenset(("water",)),
        layers=frozenset(("han",)),
        referrers=("*.seoul.go.kr",),
        cidrs=("10.0.0.0/8",),
        day_quota=10,
        month_quota=100,
        second_rate=5,
        expires=NOON + timedelta(days=1),
    )
    made, _text = ring.create("물순환", "live", may)
    assert ring.get(made.id) == made
    assert made.permissions == may


def test_a_new_key_is_a_change_that_servers_see(ring: KeyRing, database: Database) -> None:
    catalogue = Catalogue(database)
    before = catalogue.generation()
    made, _text = ring.create("map", "live", CONTENT)
    after_creation = catalogue.generation()
    ring.revoke(made.id)
    assert before < after_creation < catalogue.generation()


def test_a_revoked_key_opens_nothing(ring: KeyRing) -> None:
    made, text = ring.create("map", "live", CONTENT)
    assert digest(text, PEPPER) in ring.credentials()
    assert ring.revoke(made.id).state(NOON) == "revoked"
    assert ring.credentials() == {}


def test_while_rotating_both_texts_are_good_and_then_only_the_new_one(ring: KeyRing) -> None:
    made, old = ring.create("map", "live", CONTENT)
    _key, new = ring.rotate(made.id, timedelta(days=2))
    credentials = ring.credentials()
    assert credentials[digest(old, PEPPER)].expires == (NOON + timedelta(days=2)).timestamp()
    assert credentials[digest(new, PEPPER)].expires == float("inf")


def test_a_second_rotation_does_not_prolong_the_first_text(ring: KeyRing) -> None:
    made, old = ring.create("map", "live", CONTENT)
    ring.rotate(made.id, timedelta(days=2))
    ring.rotate(made.id, timedelta(days=9))
    assert ring.credentials()[digest(old, PEPPER)].expires == (NOON + timedelta(days=2)).timestamp()


def test_a_text_expires_with_its_key(ring: KeyRing) -> None:
    may = Permissions(frozenset(("content",)), expires=NOON + timedelta(hours=1))
    made, text = ring.create("map", "live", may)
    assert ring.credentials()[digest(text, PEPPER)].expires == (NOON + timedelta(hours=1)).timestamp()
    assert made.state(NOON + timedelta(hours=1)) == "expired"


def test_the_anonymous_key_is_made_once_and_keeps_its_limit(ring: KeyRing) -> None:
    ring.ensure_anonymous()
    ring.limit(ANONYMOUS, day=7, month=None)
    ring.ensure_anonymous()
    assert ring.get(ANONYMOUS).permissions.day_quota == 7
    assert ring.credentials() == {}


@pytest.mark.parametrize("do", ["get", "revoke"])
def test_an_unknown_id_is_named_in_the_error(ring: KeyRing, do: str) -> None:
    with pytest.raises(UnknownKey, match="key-0"):
        getattr(ring, do)("key-0")


def test_the_anonymous_key_has_no_text_to_rotate(ring: KeyRing) -> None:
    ring.ensure_anonymous()
    with pytest.raises(UnknownKey, match="no live text"):
        ring.rotate(ANONYMOUS, timedelta(days=1))


def test_keys_of_one_name_are_different_keys(ring: KeyRing) -> None:
    made: list[Key] = [ring.create("map", "live", CONTENT)[0] for _ in range(2)]
    assert made[0].id != made[1].id


# --- the command ----------------------------------------------------------------------------------


def test_create_prints_the_contract_and_only_the_contract(home: Path) -> None:
    words = [
        "keys",
        "create",
        "--name",
        "map",
        "--functions",
        "basemap,content",
        "--access",
        "public",
        "--day",
        "1000",
    ]
    made = naru_json(*words, home=home)
    assert is_well_formed(made["key"])
    assert made["functions"] == ["basemap", "content"]
    assert (made["access"], made["day_quota"], made["month_quota"]) == ("public", 1000, None)


def test_people_are_shown_lists_without_brackets(tmp_path: Path) -> None:
    words = ("keys", "create", "--name", "map", "--functions", "content,basemap", "--referrer", "a.kr", "--json")
    home, run = ("--home", str(tmp_path)), CliRunner().invoke
    made = json.loads(run(cli, [*home, *words], standalone_mode=False).stdout)
    told = run(cli, [*home, "keys", "show", made["id"]], standalone_mode=False).stdout
    lines = dict(line.partition(" ")[::2] for line in told.splitlines())
    shown = {name: lines[name].strip() for name in ("functions", "referrers", "cidrs")}
    assert shown == {"functions": "basemap, content", "referrers": "a.kr", "cidrs": ""}


def test_a_key_is_shown_once(home: Path) -> None:
    made = naru_json("keys", "create", "--name", "map", "--functions", "content", home=home)
    for words in (["keys", "list"], ["keys", "show", made["id"]], ["keys", "revoke", made["id"]]):
        told = naru(*words, "--json", home=home)
        assert told.returncode == 0, told.stderr
        assert made["key"] not in told.stdout + told.stderr
        assert made["key"][-4:] in told.stdout


def test_a_last_day_is_counted_whole_in_the_local_time_zone(home: Path) -> None:
    words = ["keys", "create", "--name", "m", "--functions", "content", "--expires", "2027-12-31"]
    assert naru_json(*words, home=home)["expires"] == "2027-12-31T15:00:00+00:00"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--functions", "content,everything"], "everything"),
        (["--functions", ""], "choose from"),
        (["--functions", "content", "--cidr", "10.0.0.1/8"], "10.0.0.1/8"),
        (["--functions", "content", "--referrer", "https://a.kr/path"], "https://a.kr/path"),
        (["--functions", "content", "--expires", "tomorrow"], "2027-12-31"),
        (["--functions", "content", "--day", "0"], "0"),
        (["--functions", "content", "--group", "water"], "--access private"),
        (["--functions", "content", "--env", "Live!"], "Live!"),
    ],
)
def test_wrong_use_exits_2_and_says_what_was_wrong(home: Path, words: list[str], said: str) -> None:
    done = naru("keys", "create", "--name", "m", *words, home=home)
    assert done.returncode == 2
    assert said in done.stderr


def test_an_unknown_key_exits_1_with_the_remedy(home: Path) -> None:
    done = naru("keys", "revoke", "key-none", "--json", home=home)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "KEY_NOT_FOUND"
    assert "naru keys list" in done.stderr
