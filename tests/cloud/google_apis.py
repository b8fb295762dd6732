"""Google's smaller services that checks ask: service usage, resource manager, IAM, quotas, and a container registry."""

from __future__ import annotations

import re
from typing import Any

from cloud.server import Answer, Refusal, Request, StandIn


class GoogleApis:
    """What is switched on, permitted, allotted and stored, all of it to be changed by a test.

    Attributes:
        disabled: services that are off.
        denied: permissions that the caller lacks.
        images: digests that the registry has.
        quotas: free amount by quota name.
        revoked: the token endpoint refuses to refresh.
    """

    def __init__(self) -> None:
        self.disabled: set[str] = set()
        self.denied: set[str] = set()
        self.images: set[str] = set()
        self.quotas: dict[str, int] = {}
        self.accounts: set[str] = set()
        self.revoked = True
        self.server = StandIn(self.answer)

    def answer(self, request: Request) -> Answer:
        path = request.path
        if path.endswith("/services:batchGet"):
            names = request.query.get("names", [])
            return Answer({"services": [self._service(name) for name in names]})
        if path.endswith(":testIamPermissions"):
            asked: list[str] = request.json()["permissions"]
            return Answer({"permissions": [each for each in asked if each not in self.denied]})
        if found := re.search(r"/serviceAccounts/([^/:]+)$", path):
            if found[1] not in self.accounts:
                raise Refusal(404, f"Unknown service account {found[1]}")
            return Answer({"email": found[1]})
        if path.endswith("/quotaInfos"):
            return Answer({"quotaInfos": [self._quota(name, value) for name, value in self.quotas.items()]})
        if found := re.match(r"/v2/(.+)/manifests/(.+)", path):
            if found[2] not in self.images:
                return Answer({"errors": [{"code": "MANIFEST_UNKNOWN"}]}, 404)
            return Answer(b"", 200, {"Docker-Content-Digest": found[2]})
        if path == "/token" and self.revoked:
            return Answer({"error": "invalid_grant", "error_description": "Token has been expired or revoked."}, 400)
        raise Refusal(404, f"no route {request.method} {path}")

    def _service(self, name: str) -> dict[str, Any]:
        return {"name": name, "state": "DISABLED" if name.split("/")[-1] in self.disabled else "ENABLED"}

    def _quota(self, name: str, value: int) -> dict[str, Any]:
        return {
            "quotaId": name,
            "dimensionsInfos": [{"details": {"value": str(value)}, "applicableLocations": ["us-central1"]}],
        }
