"""What is odd: strings, header values, methods and bodies; and what is sound, to stand beside it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

CANARY = "canary.txt"  # lies beside the home
_WORDS = """\
서울시 구  \u1109\u1165\u110b\u116e\u11af\u1109\u1175 \u1100\u116e  ﾊﾝｶｸ  \u202eevil  \u2066RTL\u2069  שלום
مرحبا  👩\u200d👩\u200d👧\u200d👦🏳\ufe0f\u200d🌈
éééééééééééééééééééééééééééééééééééééééé  \0  a\0b  \ufeff  \ufffe
\ud800  \udfff\ud800  \U0010ffff  ../  ../../../../etc/passwd  ..%2f..%2fetc%2fpasswd  %2e%2e/%2e%2e
....//....//  ..\\..\\windows  ../canary.txt  ../../canary.txt  ..%2fcanary.txt  /etc/passwd
file:///etc/passwd  C:\\boot.ini  /proc/self/environ  /vsicurl/http://127.0.0.1:9/x  http://127.0.0.1:9/
//evil.example/x  ~root  '  \"  `  \\  ' OR 1=1 --  \"; DROP TABLE layers; --  1;SELECT pg_sleep(9)  ${7*7}
{{7*7}}  <script>alert(1)</script>  <!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>&y;  ]]>  &lt;  <>
=cmd|' /C calc'!A0  +1+1  @SUM(A1)  \t=1  a\r\nX-Injected: 1  a\nb  \r\n\r\nHTTP/1.1 200 OK  NULL  null
None  nan  NaN  inf  -inf  Infinity  1e999  -1e-999  true  undefined  %  %%  %2  %zz  %u0041  +  -  --  .
..  ...  ,  ,,,,  ;  :  /  //  0  -0  -1  +1  01  007  1.  .5  1.0  1e3  0x10  1_000  ١  ²  １  Ⅷ  %31  25
99  16777216  2147483648  9223372036854775808  9999999999999999999999999999999999999999
-9999999999999999999999999999999999999999  *  ?  #  {z}  @2x  @  seoul-gu@nowhere  seoul-gu,seoul-gu
seoul-gu,own  dem,ortho  __proto__  constructor  1,2,3,4,5,6,7,8,9  126,37,127,38  127,38,126,37
-180,-90,180,90  nan,nan,nan,nan  1,1,1,1e400  EPSG:0  EPSG:99999999  urn:ogc:def:crs:EPSG::5186
http://www.opengis.net/def/crs/EPSG/0/5186  +proj=x  2026-13-45  2026-11-23T25:61:61Z  ../..  9999-12-31
0001-01-01  2026-11-01/..  bytes=0-  W/"""
_LONG = (
    *("", " ", "9" * 40, "-" + "9" * 40, "9" * 400, "a" * 300, "가" * 1366, "a," * 300 + "a"),
    *("(" * 2000, "b1+" * 3000 + "b1", "[" * 3000, "e\u0301" * 1000),
)
_NO_TEXT = (b"\xff\xfe", b"\xc0\xaf", b"\xb0\xa1\xb3\xaa", bytes(range(0x80, 0xA0)))  # no UTF-8
NASTY: tuple[bytes, ...] = (
    *(text.encode("utf-8", "surrogatepass") for text in (*re.split("  |\n", _WORDS), *_LONG)),
    *_NO_TEXT,
)
GOOD: Mapping[str, tuple[str, ...]] = {
    "layer": ("seoul-gu", "han-bridges", "own", "dem", "ortho", "seoul-dong"),
    "layers": ("seoul-gu", "seoul-gu,han-bridges", "own", "dem", "ortho", "seoul-gu,own"),
    "style": ("default", "seoul-gu", "naru"),
    "tile_map": ("seoul-gu", "seoul-gu@EPSG5179", "dem@WorldCRS84Quad", "own"),
    "grid": ("WebMercatorQuad", "WorldCRS84Quad", "EPSG5179", "EPSG5186"),
    "z": ("10", "9", "11", "0"),
    "x": ("873", "436", "1746", "1"),
    "y": ("396", "198", "793", "1"),
    "row": ("396", "198", "793", "0"),
    "column": ("873", "436", "1746", "0"),
    "extension": ("mvt", "png", "webp", "jpg", "json", "csv", "geojson", "xlsx", "kml"),
    "feature": ("1", "2"),
    "frame": ("0", "0000", "12"),
    "t": ("600", "max", "2022-08-08T20:10:00+09:00"),
    "TIME": ("max", "600"),
    "entry": ("tileset.json", "tiles/0.glb"),
    "name": ("viewer.js", "viewer.css"),
    "upload": ("0" * 16,),
    "job": ("0" * 16,),
    "run": ("0" * 16,),
    "gauge": ("bridge-1",),
    "structure": ("gate-1",),
    "section": ("outlet",),
    "key": ("victim",),
    "stack": ("Noto Sans Regular",),
    "letters": ("0-255", "44032-44287"),
    # of queries
    "encoding": ("mapbox", "terrarium", "utf-8", "cp949"),
    "rescale": ("0,200", "0,1"),
    "colormap": ("elevation", "water_r"),
    "bands": ("1", "3,2,1"),
    "expression": ("b1*2", "(b1-b2)/(b1+b2)"),
    "algorithm": ("hillshade", "slope"),
    "azimuth": ("270",),
    "altitude": ("30",),
    "exaggeration": ("2",),
    "scale": ("1", "2"),
    "bbox": ("126.9,37.5,127.0,37.6",),
    "bbox-crs": ("http://www.opengis.net/def/crs/EPSG/0/4326",),
    "crs": ("EPSG:5186", "http://www.opengis.net/def/crs/EPSG/0/5186"),
    "fields": ("시군구명",),
    "where": ("시군구명 = '중구'",),
    "limit": ("3",),
    "offset": ("1",),
    "datetime": ("2026-01-01/..",),
    "f": ("json", "mvt", "png"),
    "collections": ("seoul-gu", "seoul-gu,han-bridges"),
    "by": ("hour", "day,key"),
    "from": ("2026-11-01", "EPSG:4326"),
    "to": ("2026-11-23", "EPSG:5186"),
    "function": ("content",),
    "format": ("json", "csv", "xlsx"),
    "lon": ("126.978",),
    "lat": ("37.5666",),
    "points": ("126.978,37.5666", "126.978,37.5666;127,37.6"),
    "line": ("126.95,37.55;126.955,37.56",),
    "samples": ("20",),
    "axis": ("xy",),
    "digits": ("8",),
    "number": ("다사 5384 5203",),
    "q": ("시청", "세종대로 110"),
    "SERVICE": ("WMTS",),
    "REQUEST": ("GetTile", "GetCapabilities", "GetFeatureInfo"),
    "VERSION": ("1.0.0",),
    "LAYER": ("seoul-gu", "own", "dem"),
    "STYLE": ("default",),
    "FORMAT": ("image/png", "application/vnd.mapbox-vector-tile"),
    "TILEMATRIXSET": ("WebMercatorQuad", "EPSG5179"),
    "TILEMATRIX": ("10",),
    "TILEROW": ("396",),
    "TILECOL": ("873",),
}
HEADERS = (
    *("If-None-Match", "If-Modified-Since", "If-Match", "Range", "Accept", "Accept-Encoding", "Accept-Language"),
    *("Authorization", "X-API-Key", "Origin", "Referer", "X-Forwarded-For", "X-Forwarded-Proto", "X-Request-Id"),
    *(
        "Traceparent",
        "Cookie",
        "Content-Type",
        "Expect",
        "Upgrade",
        "X-HTTP-Method-Override",
        "Forwarded",
        "User-Agent",
    ),
    *(
        "Tus-Resumable",
        "Upload-Length",
        "Upload-Offset",
        "Upload-Metadata",
        "Last-Event-ID",
        "Access-Control-Request-Method",
    ),
)
HEADER_VALUES: tuple[bytes, ...] = (
    *(
        b"*",
        b'W/"',
        b'"',
        b'"a","b',
        b",,,,",
        b"gzip;q=-1",
        b"gzip;q=1e999",
        b"gzip;q=nan, br;q=nan",
        b"br;q=0, *;q=0",
    ),
    *(
        b"bytes=0-",
        b"bytes=-1",
        b"bytes=0-1,2-3,4-5" * 50,
        b"image/png;q=nan",
        b"*/*;q=",
        b"text/html" + b",x/y" * 900,
    ),
    *(
        b"Bearer",
        b"Bearer ",
        b"Basic ====",
        b"Negotiate",
        b"nru_live_",
        b"nru_live_" + b"A" * 4000,
        b"null",
        b"http://[",
    ),
    *(
        b"1.0.0",
        b"0.2.2",
        b"-1",
        b"9" * 30,
        b"filename",
        b"filename !!",
        b"filename Li4v",
        b"id Li4v,id Li4v",
        b"100",
    ),
    *(
        b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01",
        b"00-zz",
        b"127.0.0.1, 10.0.0.1",
        b'for="[::1]"',
        b"999.999.1.1",
    ),
    *(
        b'application/json; charset="x',
        b"multipart/form-data",
        b"multipart/form-data; boundary=",
        b"text/xml",
        b"/",
    ),
    *(
        b"Thu, 99 Foo 2026 99:99:99 GMT",
        b"a" * 8000,
        b"\xff\xfe",
        "한글".encode(),
        b"POST",
        b"h2c",
        b"sid=1; sid=2",
    ),
)
METHODS = ("HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "BREW", "get", "G" * 300)
_JSON, _FORM = b"application/json", b"multipart/form-data; boundary=x"
_FIELDS = b"name functions access day expires title version referrers cidrs grace layers".split()
_VALUES = (b"null", b"-1", b"1e400", b"true", b'"x"', b'["\\ud800"]', b"{}", b"9" * 40, b'"%s"' % (b"a" * 5000))
BODIES: tuple[tuple[bytes, bytes], ...] = (  # media type, body
    *((_JSON, body) for body in (b"{", b"[]", b"null", b'"x"', b"[" * 30000, b"{}" * 9, b"1e999", b"\xff")),
    *((_JSON, b'{"%s": %s}' % pair) for pair in itertools.product(_FIELDS, _VALUES)),
    (_JSON, b'{"a":1,"a":2}'),
    (_JSON, b"{" + b'"a":' * 20000),
    (b"text/plain", b"x"),
    (_FORM, b"--x\r\n\r\n\r\n--x--"),
    (_FORM, b'--x\r\nContent-Disposition: form-data; name="id"\r\n\r\n../x\r\n--x--\r\n'),
    (_FORM, b"no boundary at all"),
    (b"multipart/form-data; boundary=" + b"x" * 500, b"--x"),
    (b"application/offset+octet-stream", b"x" * 100),
    (b"application/x-www-form-urlencoded", b"a=b&" * 500),
)
