"""What belongs to a version beside its tiles goes where it goes: published, rolled back, swept, backed up."""

from __future__ import annotations

import json
import os
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from naru import care
from naru.errors import UnknownVersion
from naru.house import House
from naru.records import Archive, Asset
from tests.conftest import naru_json
from tests.serving import Fake, open_app, publish, service_of, settings_of
from tests.terrains import attach
from tileserver.service import Service

LAYER = "river"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house with a layer of two versions, each with a river-bed file of its own."""
    house = House.open(settings_of(tmp_path / "home"))
    for number in (1, 2):
        publish(house, Fake(LAYER, text=f"{number}"))
        give(house, f"bed of version {number}")
    yield house
    house.close()


def give(house: House, text: str, name: str = "bed.stl") -> Archive:
    """Give the live version a file."""
    path = house.settings.home / name
    path.write_text(text)
    attach(house, LAYER, {name: (path, {"triangles": len(text)})})
    return house.catalogue.layer(LAYER).live.assets[name].archive


def texts(house: House) -> dict[str, str]:
    """Return what is in the live version's files."""
    assets = house.catalogue.layer(LAYER).live.assets
    return {name: house.storage.path(asset.archive).read_text() for name, asset in assets.items()}


def quiet(_done: float, _what: str) -> None:
    """Tell nobody."""


def age(house: House) -> None:
    """Make every archive look old enough to be swept."""
    long_ago = time.time() - 10 * care.GRACE_S
    for name in house.storage.names():
        os.utime(house.storage.folder / name, (long_ago, long_ago))


def test_a_rollback_brings_the_older_version_s_files(house: House) -> None:
    assert texts(house) == {"bed.stl": "bed of version 2"}
    assert house.catalogue.rollback(LAYER) == 1
    assert texts(house) == {"bed.stl": "bed of version 1"}
    house.catalogue.set_live(LAYER, 2)
    assert texts(house) == {"bed.stl": "bed of version 2"}


def test_the_server_answers_with_the_live_version_s_files(house: House) -> None:
    app = open_app(house.settings)
    service: Service = service_of(app)
    client = app.test_client()
    second = client.get("/models/river/bed.stl")
    house.catalogue.rollback(LAYER)
    service.pulse()
    first = client.get("/models/river/bed.stl", headers={"If-None-Match": second.headers["ETag"]})
    assert (second.text, first.text) == ("bed of version 2", "bed of version 1")
    house.catalogue.delete(LAYER)
    service.pulse()
    assert client.get("/models/river/bed.stl").status_code == 404
    service.close()


def test_a_file_of_the_same_name_takes_the_other_s_place_and_others_stay(house: House) -> None:
    give(house, "a river", "river.json")
    give(house, "a newer bed")
    assert texts(house) == {"river.json": "a river", "bed.stl": "a newer bed"}
    house.catalogue.rollback(LAYER)
    assert texts(house) == {"bed.stl": "bed of version 1"}


def test_a_version_that_is_not_there_gets_no_file(house: House) -> None:
    archive = house.catalogue.layer(LAYER).live.assets["bed.stl"].archive
    with pytest.raises(UnknownVersion):
        house.catalogue.attach(LAYER, 9, [Asset("bed.stl", archive)], lambda _: pytest.fail("it was not attached"))


def test_the_sweep_keeps_the_files_of_every_version_and_removes_what_was_replaced(house: House) -> None:
    replaced = house.catalogue.layer(LAYER).live.assets["bed.stl"].archive
    give(house, "a newer bed")
    age(house)
    assert [name for name, _ in care.sweep(house)] == [replaced.name]
    assert texts(house) == {"bed.stl": "a newer bed"}
    house.catalogue.rollback(LAYER)
    assert texts(house) == {"bed.stl": "bed of version 1"}


def test_a_deleted_layer_keeps_its_files_as_long_as_it_can_be_restored(house: House) -> None:
    house.catalogue.delete(LAYER)
    age(house)
    assert care.sweep(house) == []
    house.catalogue.restore(LAYER)
    assert texts(house) == {"bed.stl": "bed of version 2"}
    house.catalogue.delete(LAYER)
    age(house)
    care.sweep(house, grace_s=-1.0)
    assert house.storage.names() == []


def test_verify_finds_a_file_that_has_changed_and_one_that_is_gone(house: House) -> None:
    assert care.verify(house, quiet) == []
    live = house.catalogue.layer(LAYER).live.assets["bed.stl"].archive
    house.storage.path(live).write_text("spoilt")
    gone = give(house, "a river", "river.json")
    house.storage.path(gone).unlink()
    wrong = {Path(error.file or "").name for error in care.verify(house, quiet)}
    assert wrong == {live.name, gone.name}


def test_a_backup_holds_the_files_of_every_version(house: House, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar"
    care.backup(house, file, quiet)
    with tarfile.open(file) as tar:
        inside = {Path(name).name for name in tar.getnames()}
    assert {version.assets["bed.stl"].archive.name for version in house.catalogue.versions(LAYER)} <= inside
    settings = settings_of(tmp_path / "restored")
    care.restore(settings, file)
    restored = House.open(settings)
    assert texts(restored) == {"bed.stl": "bed of version 2"}
    restored.catalogue.rollback(LAYER)
    assert texts(restored) == {"bed.stl": "bed of version 1"}
    assert restored.catalogue.layer(LAYER).live.assets["bed.stl"].about == {"triangles": 16}
    restored.close()


def test_layers_show_lists_the_files_of_each_version(house: House) -> None:
    versions = naru_json("layers", "show", LAYER, home=house.settings.home)["versions"]
    shown = {version["version"]: version["assets"] for version in versions}
    assert [asset["name"] for asset in shown[1] + shown[2]] == ["bed.stl", "bed.stl"]
    assert shown[1][0]["archive"] != shown[2][0]["archive"]
    assert shown[2][0]["bytes"] == len("bed of version 2")
    assert json.dumps(shown)
