"""Resumable uploads over HTTP: tus 1.0.0, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from flask import Flask

from tests.handing_in import PIECE, Staff, geojson, staff
from tests.serving import make_home, open_app, service_of
from tests.test_uploads import aged

DATA = geojson(count=20)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    opened = open_app(make_home(tmp_path_factory.mktemp("tus") / "home", NARU_MAX_UPLOAD_MB="1"))
    yield opened
    service_of(opened).close()


@pytest.fixture(scope="module")
def boss(app: Flask) -> Staff:
    return staff(app)


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.get_json(force=True)["code"]


def head(boss: Staff, address: str) -> Any:
    return boss.client.head(address, headers=boss.tus())


def test_an_upload_in_pieces_becomes_a_layer(boss: Staff) -> None:
    begun = boss.begin(len(DATA), id="pieces", title="조각")
    address = begun.headers["Location"]
    assert (begun.status_code, begun.headers["Upload-Offset"], begun.data) == (201, "0", b"")
    half = len(DATA) // 2
    first = boss.go_on(address, 0, DATA[:half])
    assert (first.status_code, first.headers["Upload-Offset"]) == (204, str(half))
    assert "Naru-Job" not in first.headers
    assert head(boss, address).headers["Upload-Offset"] == str(half)
    last = boss.go_on(address, half, DATA[half:])
    assert (last.status_code, last.headers["Upload-Offset"]) == (204, str(len(DATA)))
    boss.work()
    job = boss.get(last.headers["Naru-Job"]).get_json()
    assert (job["state"], job["file"], job["layers"][0]["id"]) == ("done", "중구.geojson", "pieces")
    assert boss.get("/api/layers/pieces").get_json()["title"]["ko"] == "조각"
    assert boss.uploads() == []


def test_an_upload_tells_how_far_it_is(boss: Staff) -> None:
    begun = boss.begin(10)
    address = begun.headers["Location"]
    boss.go_on(address, 0, b"abc")
    shown = boss.get(address).get_json()
    assert {k: shown[k] for k in ("filename", "offset", "length", "job")} == {
        "filename": "중구.geojson", "offset": 3, "length": 10, "job": None,
    }  # fmt: skip
    assert shown["expires"] == begun.headers["Upload-Expires"] and parsedate_to_datetime(shown["expires"])
    asked = head(boss, address)
    assert (asked.headers["Upload-Length"], asked.headers["Cache-Control"], asked.data) == ("10", "no-store", b"")


def test_a_finished_upload_is_told_from_its_job_also_when_its_bytes_are_gone(boss: Staff) -> None:
    begun = boss.begin(len(DATA), id="told")
    address = begun.headers["Location"]
    job = boss.go_on(address, 0, DATA).headers["Naru-Job"]
    for _ in range(2):
        shown = boss.get(address).get_json()
        assert (shown["offset"], shown["length"], shown["job"]) == (len(DATA), len(DATA), job)
        assert head(boss, address).headers["Naru-Job"] == job
        boss.work()


def test_the_last_byte_sent_twice_makes_one_job(boss: Staff) -> None:
    address = boss.begin(len(DATA), id="once").headers["Location"]
    first = boss.go_on(address, 0, DATA)
    again = boss.go_on(address, len(DATA), b"")
    assert (again.status_code, again.headers["Naru-Job"]) == (204, first.headers["Naru-Job"])
    assert boss.work() == 1


def test_an_empty_upload_is_whole_at_once(boss: Staff) -> None:
    begun = boss.begin(0)
    boss.work()
    assert boss.get(begun.headers["Naru-Job"]).get_json()["state"] == "failed"


def test_another_offset_is_409_and_changes_nothing(boss: Staff) -> None:
    address = boss.begin(10).headers["Location"]
    boss.go_on(address, 0, b"abc")
    assert told(boss.go_on(address, 0, b"abc")) == (409, "UPLOAD_OFFSET")
    assert told(boss.go_on(address, 5, b"abc")) == (409, "UPLOAD_OFFSET")
    assert head(boss, address).headers["Upload-Offset"] == "3"


@pytest.mark.parametrize("version", ["0.2.2", "1.0.1", "", "2"])
def test_another_version_of_tus_is_412(boss: Staff, version: str) -> None:
    address = boss.begin(10).headers["Location"]
    said = {"Tus_Resumable": version}
    asked = [
        boss.go_on(address, 0, b"abc", **said),
        boss.client.head(address, headers=boss.tus(**said)),
        boss.client.delete(address, headers=boss.tus(**said)),
        boss.client.post("/api/uploads", headers=boss.tus(Upload_Length="1", **said)),
    ]
    assert {answer.status_code for answer in asked} == {412}
    assert {answer.headers["Tus-Version"] for answer in asked} == {"1.0.0"}
    assert {answer.headers["Tus-Resumable"] for answer in asked} == {"1.0.0"}


def test_more_bytes_than_announced_are_413(boss: Staff) -> None:
    address = boss.begin(4).headers["Location"]
    assert told(boss.go_on(address, 0, b"abcde")) == (413, "UPLOAD_SIZE")
    assert head(boss, address).headers["Upload-Offset"] == "0"


def test_an_upload_that_would_be_too_large_is_413_before_it_begins(boss: Staff) -> None:
    assert told(boss.begin(2**20 + 1)) == (413, "UPLOAD_SIZE")
    offered = boss.client.options("/api/uploads").headers
    assert (offered["Tus-Max-Size"], offered["Tus-Version"]) == (str(2**20), "1.0.0")
    assert set(offered["Tus-Extension"].split(",")) == {"creation", "expiration", "termination"}


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data; boundary=x"])
def test_a_piece_of_another_media_type_is_415(boss: Staff, content_type: str) -> None:
    address = boss.begin(4).headers["Location"]
    assert told(boss.go_on(address, 0, b"abcd", Content_Type=content_type)) == (415, "MEDIA_TYPE")


@pytest.mark.parametrize("offset", ["-1", "x", "", "1.0", "١", "9" * 40])
def test_a_malformed_offset_is_400(boss: Staff, offset: str) -> None:
    address = boss.begin(4).headers["Location"]
    said = boss.tus(Content_Type=PIECE) | {"Upload-Offset": offset}
    answer = boss.client.patch(
        address, data=b"abcd", headers={k: v.encode().decode("latin-1") for k, v in said.items()}
    )
    assert told(answer) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("length", ["-1", "x", "1e3", ""])
def test_a_malformed_length_is_400(boss: Staff, length: str) -> None:
    answer = boss.client.post("/api/uploads", headers=boss.tus(Upload_Length=length))
    assert told(answer) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    "metadata",
    ["filename not-base64!", "filename YQ==,filename YQ==", "visibility ZXZlcnlib2R5", "x" * 40_000, "secret YQ=="],
)
def test_malformed_metadata_is_400(boss: Staff, metadata: str) -> None:
    answer = boss.client.post("/api/uploads", headers=boss.tus(Upload_Length="1", Upload_Metadata=metadata))
    assert told(answer) == (400, "BAD_REQUEST")


def test_what_clients_add_by_themselves_is_no_option(boss: Staff) -> None:
    assert boss.begin(1, filetype="application/zip", type="x").status_code == 201


def test_an_upload_can_be_given_up(boss: Staff) -> None:
    address = boss.begin(4).headers["Location"]
    boss.go_on(address, 0, b"ab")
    assert boss.client.delete(address, headers=boss.tus()).status_code == 204
    assert head(boss, address).status_code == 404
    assert told(boss.go_on(address, 2, b"cd")) == (404, "UPLOAD_NOT_FOUND")
    assert address.rsplit("/", 1)[1] not in boss.uploads()


def test_an_upload_that_nobody_continued_is_gone(boss: Staff) -> None:
    address = boss.begin(4).headers["Location"]
    aged(service_of(boss.app).house.uploads, address.rsplit("/", 1)[1], 24 * 3600 + 60)
    assert told(boss.go_on(address, 0, b"ab")) == (404, "UPLOAD_NOT_FOUND")
    assert boss.get(address).status_code == 404


def test_only_the_key_that_began_an_upload_goes_on_with_it(app: Flask, boss: Staff) -> None:
    other = staff(app)
    address = boss.begin(4).headers["Location"]
    assert told(other.go_on(address, 0, b"abcd")) == (404, "UPLOAD_NOT_FOUND")
    assert other.get(address).status_code == 404
    assert other.client.delete(address, headers=other.tus()).status_code == 404


@pytest.mark.parametrize("upload_id", ["..", "%2e%2e%2fjobs", "0" * 16, "x", "%00", "0" * 300])
@pytest.mark.parametrize("method", ["get", "head", "patch", "delete"])
def test_an_upload_that_is_not_there_is_404(boss: Staff, upload_id: str, method: str) -> None:
    headers = boss.tus(Upload_Offset="0", Content_Type=PIECE)
    answer = getattr(boss.client, method)(f"/api/uploads/{upload_id}", headers=headers)
    assert answer.status_code in (404, 405)
    assert "Traceback" not in answer.get_data(as_text=True)


def test_a_piece_at_the_same_time_is_423(boss: Staff) -> None:
    store = service_of(boss.app).house.uploads
    address = boss.begin(4).headers["Location"]
    with store.held(store.find(address.rsplit("/", 1)[1])):
        assert told(boss.go_on(address, 0, b"abcd")) == (423, "UPLOAD_BUSY")
        assert told(boss.client.delete(address, headers=boss.tus())) == (423, "UPLOAD_BUSY")
    assert boss.go_on(address, 0, b"abcd").status_code == 204
    boss.work()
