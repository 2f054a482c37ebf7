"""`/models/…`: 3D Tiles out of a package, and the river bed as files."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from naru.errors import ArchiveDamaged
from naru.house import House
from tests.rasters import Scene, publish_raster
from tests.serving import Fake, make_home, new_key, open_app, service_of, settings_of
from tests.terrains import ENTRIES, GLB, NOISE, attach, attach_all, write_package
from tileserver.twin import package as packages
from tileserver.twin.package import INDEX, Package

BED = bytes(range(256)) * 4 + b"stl"
PACKED = {"Accept-Encoding": "gzip"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("models") / "home"
    make_home(home, Fake("hidden", visibility="private"))
    house = House.open(settings_of(home))
    publish_raster(house, Scene("river", "hills"))
    publish_raster(house, Scene("broken", "hills"))
    for layer in ("river", "hidden"):
        attach_all(house, layer)
    path = home / "models.3tz"
    path.write_bytes(b"PK, but no more")
    attach(house, "broken", {"models": (path, {})})
    house.close()
    return home


@pytest.fixture(scope="module")
def app(home: Path) -> Iterator[Flask]:
    app = open_app(settings_of(home))
    yield app
    service_of(app).close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


# --- models ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("tileset.json", "application/json"),
        ("tiles/0.glb", "model/gltf-binary"),
        ("tiles/건물.glb", "model/gltf-binary"),
        ("page.html", "application/octet-stream"),
    ],
)
@pytest.mark.parametrize("accepted", ["gzip", "identity"])
def test_an_entry_is_served_as_it_lies_in_the_package(
    client: FlaskClient, name: str, media_type: str, accepted: str
) -> None:
    answer = client.get(f"/models/river/{name}", headers={"Accept-Encoding": accepted})
    packed = answer.headers.get("Content-Encoding") == "gzip"
    assert (gzip.decompress(answer.data) if packed else answer.data) == ENTRIES[name]
    assert answer.content_type == media_type
    assert packed == (accepted == "gzip" and name == "tiles/0.glb")  # the others are small, or noise
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_tree_is_asked_about_each_time_and_what_hangs_on_it_kept_a_minute(client: FlaskClient) -> None:
    assert client.get("/models/river/tileset.json").headers["Cache-Control"] == "public, no-cache"
    assert client.get("/models/river/tiles/0.glb").headers["Cache-Control"].startswith("public, max-age=60")
    assert client.get("/models/river/tiles/0.glb").headers["Vary"] == "Accept-Encoding, Origin"


def test_an_entry_that_the_caller_has_is_304(client: FlaskClient) -> None:
    first = client.get("/models/river/tiles/0.glb", headers=PACKED)
    plain = client.get("/models/river/tiles/0.glb")
    assert first.headers["ETag"] != plain.headers["ETag"]  # two forms, two tags (RFC 9110 §8.8.3.3)
    again = client.get("/models/river/tiles/0.glb", headers=PACKED | {"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", first.headers["ETag"])


def test_head_of_an_entry_says_its_length(client: FlaskClient) -> None:
    answer = client.head("/models/river/tiles/0.glb")
    assert (answer.status_code, answer.data, answer.headers["Content-Length"]) == (200, b"", str(len(GLB)))


@pytest.mark.parametrize(
    "name",
    [
        "none.glb",
        "../river/tileset.json",
        "tiles/../tileset.json",
        "tiles",
        "Tileset.json",
        "..%2f..%2fcatalog.sqlite",
        "%2e%2e/%2e%2e/etc/passwd",
        "tiles%5C0.glb",
        "a\0b",
        "tileset.json\0.glb",
        "@3dtilesIndex1@",
        "bed.exe",
        "x" * 3000,
    ],
)
def test_a_name_that_is_not_in_the_directory_is_404(client: FlaskClient, name: str) -> None:
    assert client.get(f"/models/river/{name}").status_code == 404


def test_a_package_that_is_none_is_503_and_tells_no_path(client: FlaskClient) -> None:
    answer = client.get("/models/broken/tileset.json")
    assert (answer.status_code, answer.get_json()["code"]) == (503, "ARCHIVE_DAMAGED")
    assert "archives" not in answer.text


def test_hidden_models_are_private_and_unknown_to_others(app: Flask, client: FlaskClient) -> None:
    _, text = new_key(app, access="private")
    for name in ("tileset.json", "tiles/0.glb", "bed.stl", "none.glb"):
        seen = client.get(f"/models/hidden/{name}", headers={"X-API-Key": text})
        assert seen.status_code == (404 if name == "none.glb" else 200)
        if seen.status_code == 200:
            assert seen.headers["Cache-Control"] == "private, no-store"
        unseen = client.get(f"/models/hidden/{name}")
        assert (unseen.status_code, unseen.get_json()["code"]) == (404, "LAYER_NOT_FOUND")


def test_each_entry_counts_one_request_and_a_missing_one_none(app: Flask, client: FlaskClient) -> None:
    _, text = new_key(app, day_quota=2)
    names = ("none.glb", "tileset.json", "tiles/0.glb", "tileset.json")
    answers = [client.get(f"/models/river/{name}?key={text}").status_code for name in names]
    assert answers == [404, 200, 200, 429]


# --- packages -------------------------------------------------------------------------------------


@given(
    st.dictionaries(st.text("abc/.건", min_size=1, max_size=12).filter(lambda name: name[-1] != "/"), st.binary()),
    st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
)
def test_whatever_lies_in_a_package_is_found(
    tmp_path_factory: pytest.TempPathFactory, entries: dict[str, bytes], method: int
) -> None:
    path = write_package(tmp_path_factory.mktemp("zip") / "any.3tz", {**entries, INDEX: b"index"}, method)
    package = Package(path)
    assert {name: package.read(name) for name in package.entries} == entries
    assert INDEX not in package


def test_a_changed_byte_is_found(tmp_path: Path) -> None:
    path = write_package(tmp_path / "any.3tz", {"a.glb": NOISE})
    spoilt = path.read_bytes().replace(NOISE[:50], bytes(50))
    path.write_bytes(spoilt)
    with pytest.raises(ArchiveDamaged, match=r"a\.glb"):
        Package(path).read("a.glb")


def test_an_entry_that_swells_beyond_what_the_directory_says_is_not_unpacked_further(tmp_path: Path) -> None:
    path = write_package(tmp_path / "bomb.3tz", {"a.glb": bytes(50_000_000)}, zipfile.ZIP_DEFLATED)
    spoilt = path.read_bytes().replace((50_000_000).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    path.write_bytes(spoilt)
    with pytest.raises(ArchiveDamaged, match="not what the directory says"):
        Package(path).read("a.glb")


def test_an_entry_that_is_too_large_is_refused_at_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "LARGEST", 1000)
    with pytest.raises(ArchiveDamaged, match="larger"):
        Package(write_package(tmp_path / "large.3tz", {"a.glb": bytes(1001)}))


def test_an_entry_packed_in_a_way_that_is_not_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveDamaged, match="method 12"):
        Package(write_package(tmp_path / "odd.3tz", {"a.glb": GLB}, zipfile.ZIP_BZIP2))


@pytest.mark.parametrize("cut", [0, 10, 100, 3000])
def test_a_package_cut_short_is_damaged(tmp_path: Path, cut: int) -> None:
    path = write_package(tmp_path / "whole.3tz")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ArchiveDamaged):
        Package(path)


# --- the bed as a file ----------------------------------------------------------------------------


def test_the_bed_comes_as_a_download_under_the_layer_s_title(client: FlaskClient) -> None:
    answer = client.get("/models/river/bed.stl", headers=PACKED)
    assert (answer.status_code, answer.data, answer.content_type) == (200, BED, "model/stl")
    assert answer.headers["Content-Length"] == str(len(BED))
    assert answer.headers["Accept-Ranges"] == "bytes"
    plain, full = answer.headers["Content-Disposition"].split("; ")[1:]
    assert plain == 'filename="river-bed.stl"'
    assert unquote(full).startswith("filename*=UTF-8''river") and unquote(full).endswith("-bed.stl")


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=100-199", 100, 199),
        ("bytes=1000-", 1000, len(BED) - 1),
        ("bytes=1000-99999", 1000, len(BED) - 1),
        ("bytes=-3", len(BED) - 3, len(BED) - 1),
        ("bytes=-99999", 0, len(BED) - 1),
    ],
)
def test_a_part_of_it_is_206(client: FlaskClient, asked: str, first: int, last: int) -> None:
    answer = client.get("/models/river/bed.stl", headers={"Range": asked})
    assert (answer.status_code, answer.data) == (206, BED[first : last + 1])
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(BED)}"
    assert answer.headers["Content-Length"] == str(last + 1 - first)


@pytest.mark.parametrize(
    "asked", ["bytes=5-4", "bytes=-", "bytes=a-b", "lines=0-1", "bytes=0-1,3-4", "bytes=0-" + "9" * 30, "0-1"]
)
def test_what_is_no_range_is_the_whole_file(client: FlaskClient, asked: str) -> None:
    answer = client.get("/models/river/bed.stl", headers={"Range": asked})
    assert (answer.status_code, answer.data) == (200, BED)


@pytest.mark.parametrize("asked", [f"bytes={len(BED)}-", "bytes=99999-100000", "bytes=-0"])
def test_a_part_beyond_the_end_is_416_and_says_how_long_it_is(client: FlaskClient, asked: str) -> None:
    answer = client.get("/models/river/bed.stl", headers={"Range": asked})
    assert (answer.status_code, answer.get_json()["code"]) == (416, "RANGE")
    assert answer.headers["Content-Range"] == f"bytes */{len(BED)}"


def test_a_download_goes_on_only_with_the_same_version(client: FlaskClient) -> None:
    tag = client.get("/models/river/bed.stl").headers["ETag"]
    part = {"Range": "bytes=10-19"}
    assert client.get("/models/river/bed.stl", headers=part | {"If-Range": tag}).status_code == 206
    assert client.get("/models/river/bed.stl", headers=part | {"If-Range": '"other"'}).data == BED
    assert client.get("/models/river/bed.stl", headers=part | {"If-None-Match": tag}).status_code == 304


def test_head_of_a_download_says_what_get_would(client: FlaskClient) -> None:
    answer = client.head("/models/river/bed.stl", headers={"Range": "bytes=0-1"})
    assert (answer.status_code, answer.data, answer.headers["Content-Length"]) == (200, b"", str(len(BED)))


def test_many_downloads_one_after_the_other_leave_their_places(client: FlaskClient) -> None:
    for _ in range(40):
        with client.get("/models/river/bed.stl", headers={"Range": "bytes=0-1"}) as answer:
            assert answer.status_code == 206
    for _ in range(40):  # callers who hang up before a byte was read
        client.get("/models/river/bed.stl", buffered=False).close()
    assert client.get("/models/river/bed.stl").data == BED


def test_a_download_counts_the_bytes_that_were_sent(app: Flask, client: FlaskClient) -> None:
    _, text = new_key(app)
    headers = {"X-API-Key": text, "Range": "bytes=0-99"}
    with client.get("/models/river/bed.stl", headers=headers) as answer:
        assert len(answer.data) == 100
    service_of(app).usage.flush()
    rows = client.get("/api/usage/mine?by=layer", headers=headers).get_json()["rows"]
    assert [(row["requests"], row["bytes"]) for row in rows if row["layer"] == "river"] == [(1, 100)]


def test_the_tree_names_entries_that_there_are(client: FlaskClient) -> None:
    told = json.loads(client.get("/models/river/tileset.json").data)
    assert client.get(f"/models/river/{told['root']['content']['uri']}").status_code == 200
