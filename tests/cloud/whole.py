"""All stand-ins together, and the settings file of somebody who uses them."""

from __future__ import annotations

import copy
import hashlib
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from click.testing import CliRunner, Result

if TYPE_CHECKING:
    from cloud.google_apis import GoogleApis
    from cloud.storage import Storage
    from cloud.vertex import Vertex

ACCOUNT = "tandem-pipelines@tandem-test.iam.gserviceaccount.com"


@dataclass
class Cloud:
    """The stand-ins, and ``settings``: what ``cloud.yaml`` says, to be changed through :meth:`change`."""

    vertex: Vertex
    storage: Storage
    apis: GoogleApis
    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._new_bucket()
        registry = f"127.0.0.1:{self.apis.server.port}/tandem-test/tandem"
        images = {}
        for kind in ("cpu", "gpu", "tpu", "serving"):
            digest = f"sha256:{hashlib.sha256(kind.encode()).hexdigest()}"
            images[kind] = f"{registry}/{kind}@{digest}"
            self.apis.images.add(digest)
        self.apis.accounts.add(ACCOUNT)
        self.change(
            project="tandem-test", location="us-central1", root=f"gs://{self.bucket}/runs", service_account=ACCOUNT,
            images=images,
            endpoints={
                "vertex": self.vertex.server.url, "storage": self.storage.url, "google": self.apis.server.url,
                "anonymous": True,
            },
        )  # fmt: skip

    def _new_bucket(self) -> None:
        self.bucket = f"tandem-{uuid.uuid4().hex[:12]}"
        self.storage.client().create_bucket(self.bucket, location="us-central1")
        self.storage.server.forget()

    def anew(self) -> None:
        """Forget everything that was made and asked, and begin with an empty bucket."""
        self._new_bucket()
        self.change(root=f"gs://{self.bucket}/runs")
        for kept in (self.vertex.resources, self.vertex.operations, self.vertex.members, self.vertex.edges):
            kept.clear()
        for server in self.servers:
            server.forget()

    def made(self) -> dict[str, Any]:
        """What there is now, without numbers and times that differ from one attempt to the next."""
        jobs = {job.name.split("/")[-1]: dict(job.labels) for job in self.vertex.of("pipelineJobs").values()}
        schedules = [(each.display_name, each.cron, each.state) for each in self.vertex.of("schedules").values()]
        models = self.vertex.of("models").values()
        versions = [(each.version_id, sorted(each.version_aliases), dict(each.labels)) for each in models]
        lineage = sorted(name for name in self.vertex.resources if "/metadataStores/" in name)
        return {
            "jobs": jobs, "schedules": schedules, "versions": versions, "lineage": lineage,
            "edges": sorted(self.vertex.edges),
            "evaluations": len(self.vertex.of("evaluations")), "objects": self.storage.names(self.bucket),
        }  # fmt: skip

    def change(self, **values: Any) -> None:
        """Write ``cloud.yaml`` anew, with these keys changed."""
        self.settings = {**copy.deepcopy(self.settings), **values}
        (self.folder / "cloud.yaml").write_text(yaml.safe_dump(self.settings))

    def type(self, *words: str) -> Result:
        """Type ``python -m pipelines WORDS``; the exit code is the process's."""
        from components.shared.errors import TandemError
        from pipelines.__main__ import main

        result = CliRunner().invoke(main, list(words))
        if isinstance(result.exception, TandemError):
            result.exit_code = result.exception.exit_code
            result.stderr_bytes = f"error: {result.exception}\n".encode()
        elif result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    @property
    def servers(self) -> list[Any]:
        return [self.vertex.server, self.storage.server, self.apis.server]
