"""What tests of uploads share: a client that hands files in, a worker that takes the jobs, small files."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import TestResponse, encode_multipart

from naru.work import work
from tests.serving import new_key, service_of

MANAGE = frozenset(("manage", "content"))
PIECE = "application/offset+octet-stream"


def geojson(name: str = "중구", count: int = 1) -> bytes:
    """Return a GeoJSON file of squares in Seoul, each named."""
    features = [
        {
            "type": "Feature",
            "properties": {"이름": f"{name}{number}"},
            "geometry": {
                "type": "Polygon",
                "coordinates": [
                    [[x := 126.9 + number % 100 / 1000, 37.5], [x + 0.01, 37.5], [x, 37.51], [x, 37.5]]
                ],
            },
        }
        for number in range(count)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False).encode()


@dataclass(frozen=True)
class Staff:
    """Somebody with a key, at an app of ours."""

    app: Flask
    client: FlaskClient
    key: str
    key_id: str

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every request."""
        return {"X-API-Key": self.key}

    def send(self, *files: tuple[str, bytes], **options: str) -> TestResponse:
        """Hand files (name, content) in as one form."""
        parts = [FileStorage(io.BytesIO(content), name) for name, content in files]
        boundary, body = encode_multipart(MultiDict([*options.items(), *(("file", one) for one in parts)]))
        kind = f"multipart/form-data; boundary={boundary}"
        return self.client.post("/api/uploads", data=body, content_type=kind, headers=self.headers)

    def job_of(self, answer: TestResponse) -> dict[str, Any]:
        """Return the job of an upload, as it is now."""
        assert answer.status_code == 202, answer.get_data(as_text=True)
        return self.get(f"/api/jobs/{answer.get_json()['job']['id']}").get_json()

    def get(self, path: str) -> TestResponse:
        """Fetch `path` with the key."""
        return self.client.get(path, headers=self.headers)

    def begin(self, length: int, name: str = "중구.geojson", **said: str) -> TestResponse:
        """Begin a resumable upload."""
        metadata = {"filename": name, **said}
        coded = ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in metadata.items())
        return self.client.post("/api/uploads", headers=self.tus(Upload_Length=str(length), Upload_Metadata=coded))

    def go_on(self, address: str, offset: int, data: bytes, **headers: str) -> TestResponse:
        """Send the next bytes of a resumable upload."""
        said = {"Upload_Offset": str(offset), "Content_Type": PIECE, **headers}
        return self.client.patch(address, data=data, headers=self.tus(**said))

    def tus(self, **headers: str) -> dict[str, str]:
        """Return the headers of a tus request; underscores in names stand for hyphens."""
        plain = {name.replace("_", "-"): value for name, value in headers.items()}
        return {**self.headers, "Tus-Resumable": "1.0.0", **plain}

    def work(self) -> int:
        """Run the jobs that wait, here; return how many there were."""
        done = work(service_of(self.app).house, once=True)
        service_of(self.app).pulse()
        return done

    def uploads(self) -> list[str]:
        """Return the ids of the uploads whose bytes are on the disk."""
        return service_of(self.app).house.uploads.ids()


def staff(app: Flask, **permissions: Any) -> Staff:
    """Return somebody with a key of these permissions; private and for everything unless said otherwise."""
    given = {"functions": MANAGE, "access": "private", **permissions}
    key, text = new_key(app, **given)
    return Staff(app, app.test_client(), text, key.id)


def events(body: bytes) -> Sequence[tuple[str, Mapping[str, Any]]]:
    """Return what a stream of server-sent events says: name and data of each."""
    out = []
    for block in body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            out.append((fields["event"], json.loads(fields["data"])))
    return out
