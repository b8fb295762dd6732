"""What is refused before it is read, on a real socket: hosts, content types, lengths."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from components.scenario.service import BODY_BYTES


def send(address: str, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], Any]:
    """Send a request as it is: no client tidies it up on the way."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    sent = {"Host": place.netloc, "Content-Length": str(len(body)), "Content-Type": "application/json"} | headers
    for name, value in sent.items():
        connection.putheader(name, value)
    connection.endheaders()
    connection.send(body)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    found = {name.lower(): value for name, value in answer.getheaders()}
    return answer.status, found, json.loads(content) if found["content-type"] == "application/json" else content


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1", 200), ("localhost:1", 200), ("evil.example", 400), ("127.0.0.1.evil.example", 400), ("", 400)],
)
def test_host(address: str, host: str, status: int) -> None:
    assert send(address, "GET", "/health", Host=host)[0] == status


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "multipart/form-data"])
def test_forms_of_other_sites_are_refused(address: str, kind: str) -> None:
    status, _, said = send(address, "POST", "/api/scenario", b"{}", **{"Content-Type": kind})
    assert status == 415
    assert "application/json" in said["problems"][0]


def test_long_bodies_are_refused_by_what_they_promise_and_by_what_they_hold(address: str) -> None:
    long = b'{"name": "' + b"x" * BODY_BYTES + b'"}'
    assert send(address, "POST", "/api/scenario", long)[0] == 413
    pieces = b"%x\r\n%b\r\n0\r\n\r\n" % (len(long), long)
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
    connection.putrequest("POST", "/api/scenario")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    connection.send(pieces)
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"[]", 422),
        (b"null", 422),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b'{"seed": ' + b"9" * 10_000 + b"}", 400),
        (b'{"name": "\\ud800"}', 422),
        (b'{"\\ud800": 1}', 422),
        (b'{"shocks": [{"kind": "add", "features": ["\\ud800"], "amount": 1}]}', 422),
        (b'{"shocks": [{"kind": "add", "features": ["meal1"], "amount": NaN}]}', 422),
        (b'{"shocks": [{"kind": "add", "features": ["meal1"], "amount": 1e999}]}', 422),
        (b'{"origin": "0001-01-01T00:00:00+23:59"}', 422),
        (b'{"origin": "9999-12-31"}', 200),
        (b'{"origin": 7}', 422),
        (b'{"unknown": 1}', 422),
        (b'{"shocks": [{"kind": "add", "features": ["' + b"*a" * 99 + b'"], "amount": 1}]}', 422),
    ],
    ids=lambda value: str(value[:40]) if isinstance(value, bytes) else "",
)
def test_odd_bodies(address: str, body: bytes, status: int) -> None:
    found, headers, said = send(address, "POST", "/api/scenario", body)
    assert found == status
    if status != 200:
        assert said["problems"]
    assert headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/scenario", 405),
        ("PUT", "/api/scenario", 405),
        ("GET", "/nothing", 404),
        ("GET", "/static/..%2f__main__.py", 404),
        ("GET", "/docs", 404),
        ("POST", "/api/export/exe", 422),
    ],
)
def test_other_addresses(address: str, method: str, path: str, status: int) -> None:
    found, headers, said = send(address, method, path, b"{}" if method == "POST" else b"")
    assert found == status
    assert said["problems"]
    assert headers["x-content-type-options"] == "nosniff"
