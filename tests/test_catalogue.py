"""The catalogue: versions flip in one transaction; readers see the old or the new, never a mix."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import naru.migrations
from naru import schema
from naru.catalogue import Catalogue, check_layer_id
from naru.database import HEAD, Database
from naru.errors import BadLayerId, PublishConflict, StorageFailed, UnknownLayer, UnknownVersion
from naru.records import Archive, Count, Draft, IngestReport, Release, Tileset


@pytest.fixture
def catalogue(empty_database: str) -> Iterator[Catalogue]:
    database = Database.open(empty_database)
    yield Catalogue(database)
    database.close()


def archive(text: str, suffix: str = ".pmtiles") -> Archive:
    return Archive(text * 64, suffix, 100)


def release(layer_id: str, expected: int | None, mark: str = "a", title: str = "구") -> Release:
    report = IngestReport(
        id=layer_id,
        kind="vector",
        features_read=2,
        features_published=1,
        features_dropped=(Count("no geometry", 1),),
        features_repaired=(),
        crs_claimed=None,
        crs="EPSG:5186",
        crs_how="given",
        encoding=None,
        encoding_how=None,
        bounds=(126.0, 37.0, 127.0, 38.0),
        minzoom=0,
        maxzoom=12,
        tiles=3,
        bytes=100,
    )
    draft = Draft(layer_id, title, "gu", "basemap", "public", "", "", "vector", "polygon", ({"id": mark},), report)
    bounds = (126.0, 37.0, 127.0, 38.0)
    tileset = Tileset(archive(mark), "mvt", "WebMercatorQuad", 0, 12, bounds, 3, ({"id": layer_id},), {"z": 1})
    return Release(draft, archive(mark, ".parquet"), (tileset,), expected)


def test_what_is_published_is_read_back(catalogue: Catalogue) -> None:
    [version] = catalogue.publish([release("seoul-gu", None)])
    layer = catalogue.layer("seoul-gu")
    assert layer.live == version
    assert layer.title_ko == "구"
    assert layer.live.report["features_dropped"] == [{"reason": "no geometry", "count": 1}]
    assert layer.live.report["version"] == 1
    assert catalogue.layers() == [layer]


def test_a_second_publication_makes_version_two_live(catalogue: Catalogue) -> None:
    catalogue.publish([release("seoul-gu", None, "a")])
    catalogue.publish([release("seoul-gu", 1, "b")])
    assert catalogue.layer("seoul-gu").live.number == 2
    assert [v.number for v in catalogue.versions("seoul-gu")] == [1, 2]


def test_a_late_publication_is_refused(catalogue: Catalogue) -> None:
    catalogue.publish([release("seoul-gu", None)])
    with pytest.raises(PublishConflict):
        catalogue.publish([release("seoul-gu", None, "b")])
    assert catalogue.layer("seoul-gu").live.number == 1


def test_layers_of_one_file_go_live_together_or_not_at_all(catalogue: Catalogue) -> None:
    catalogue.publish([release("taken", None)])
    with pytest.raises(PublishConflict):
        catalogue.publish([release("fresh", None, "b"), release("taken", None, "c")])
    assert [layer.id for layer in catalogue.layers()] == ["taken"]


def test_rollback_brings_back_version_and_style(catalogue: Catalogue) -> None:
    catalogue.publish([release("seoul-gu", None, "a")])
    catalogue.publish([release("seoul-gu", 1, "b")])
    assert catalogue.rollback("seoul-gu") == 1
    layer = catalogue.layer("seoul-gu")
    assert layer.live.number == 1
    assert layer.style == ({"id": "a"},)
    with pytest.raises(UnknownVersion, match="nothing to go back to"):
        catalogue.rollback("seoul-gu")
    catalogue.publish([release("seoul-gu", 1, "c")])
    assert catalogue.layer("seoul-gu").live.number == 3


def test_every_change_advances_the_generation(catalogue: Catalogue) -> None:
    seen = [catalogue.generation()]
    catalogue.publish([release("seoul-gu", None, "a")])
    seen.append(catalogue.generation())
    catalogue.rename("seoul-gu", title_ko="자치구", title_en=None)
    seen.append(catalogue.generation())
    catalogue.delete("seoul-gu")
    seen.append(catalogue.generation())
    assert seen == sorted(set(seen))


def test_a_deleted_layer_is_gone_from_every_list_and_can_be_restored(catalogue: Catalogue) -> None:
    catalogue.publish([release("one", None, "a")])
    catalogue.publish([release("one", 1, "b")])
    catalogue.delete("one")
    assert catalogue.layers() == []
    for gone in (catalogue.layer, catalogue.versions, catalogue.rollback, catalogue.delete):
        with pytest.raises(UnknownLayer):
            gone("one")
    assert [layer_id for layer_id, _ in catalogue.deleted()] == ["one"]
    assert catalogue.restore("one") == 2
    assert [version.number for version in catalogue.versions("one")] == [1, 2]
    assert catalogue.deleted() == []
    with pytest.raises(UnknownLayer):
        catalogue.restore("one")


def test_a_purge_forgets_a_deleted_layer_but_not_the_archives_of_others(catalogue: Catalogue) -> None:
    catalogue.publish([release("one", None, "a")])
    catalogue.publish([release("two", None, "a")])
    catalogue.publish([release("three", None, "b")])
    catalogue.delete("one")
    catalogue.delete("three")
    before, after = catalogue.now() - timedelta(days=1), catalogue.now() + timedelta(days=1)
    assert catalogue.purge(before) == []
    assert len(catalogue.archives()) == 4
    of_two = {archive("a").name, archive("a", ".parquet").name}
    assert {a.name for a in catalogue.archives(but_deleted=after)} == of_two
    assert catalogue.purge(after) == ["one", "three"]
    assert {a.name for a in catalogue.archives()} == of_two
    with pytest.raises(UnknownLayer):
        catalogue.restore("one")


def test_who_publishes_under_a_deleted_id_goes_on_with_its_numbers(catalogue: Catalogue) -> None:
    catalogue.publish([release("one", None, "a")])
    catalogue.delete("one")
    [version] = catalogue.publish([release("one", None, "b")])
    assert version.number == 2
    assert catalogue.deleted() == []
    assert catalogue.rollback("one") == 1


def test_set_live_refuses_what_is_not_there(catalogue: Catalogue) -> None:
    catalogue.publish([release("seoul-gu", None)])
    with pytest.raises(UnknownVersion, match="no version 9"):
        catalogue.set_live("seoul-gu", 9)
    with pytest.raises(UnknownLayer):
        catalogue.set_live("nowhere", 1)


@pytest.mark.parametrize("bad", ["", "-a", "a-", "A", "서울", "a_b", "a/b", "..", "a" * 65, "naru", "a\n"])
def test_ids_that_cannot_stand_in_a_url_are_refused(bad: str) -> None:
    with pytest.raises(BadLayerId):
        check_layer_id(bad)


def test_publications_from_many_threads_are_each_whole(catalogue: Catalogue) -> None:
    threads = [
        threading.Thread(target=catalogue.publish, args=([release(f"layer-{n}", None, "abcdefgh"[n])],))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(catalogue.layers()) == 8


def test_migrations_lead_to_the_schema(catalogue: Catalogue) -> None:
    with catalogue.database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
    folder = ScriptDirectory(str(Path(naru.migrations.__file__).parent))
    assert folder.get_current_head() == HEAD


def test_sqlite_is_durable(tmp_path: Path) -> None:
    with Database.open(f"sqlite:///{tmp_path / 'catalog.sqlite'}").read() as connection:
        assert connection.execute(sa.text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(sa.text("PRAGMA synchronous")).scalar() == 2
        assert connection.execute(sa.text("PRAGMA foreign_keys")).scalar() == 1


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(StorageFailed) as caught:
        Database.open(f"sqlite:///{path}")
    assert caught.value.file == str(path)


def test_of_many_first_publications_of_one_layer_one_wins(catalogue: Catalogue) -> None:
    ends: list[str] = []

    def publish() -> None:
        try:
            catalogue.publish([release("seoul-gu", None)])  # with the same archives, too
            ends.append("live")
        except PublishConflict:
            ends.append("conflict")

    threads = [threading.Thread(target=publish) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["conflict"] * 5 + ["live"]


def test_a_catalogue_of_a_newer_version_is_left_alone(empty_database: str) -> None:
    database = Database.open(empty_database)
    with database.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(StorageFailed, match="newer version of naru") as caught:
        Database.open(empty_database)
    assert "newer naru" in caught.value.remedy


def test_what_takes_part_in_a_publication_can_undo_it(catalogue: Catalogue) -> None:
    before = catalogue.generation()

    def refuse(connection: sa.Connection, versions: object) -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        catalogue.publish([release("seoul-gu", None)], refuse)
    assert (catalogue.layers(), catalogue.generation()) == ([], before)
