"""Vertex AI's Model Registry: a version of one model per candidate, its files in a bucket, its evaluation beside it.

What is made carries the candidate's identity, so that registering again after a broken connection finds it:

    gs://<root>/models/<name>/<identity>/{model,exported,evaluation}/   the files, written once
    labels.identity                                                     on the version
    executions/register-<identity>                                      its lineage
"""

from __future__ import annotations

import difflib
import re
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from components.register import bucket_files, vertex_evaluation, vertex_lineage
from components.register.registry import CANDIDATE, CHAMPION, RegistryError, Version
from components.shared import google_clients, retrying
from components.shared.errors import InputError

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

    from components.register.candidate import Candidate
    from components.register.config import VertexConfig

MODEL_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
PATIENCE = (0.5, 1.0, 2.0, 4.0)
"""Seconds between looks for a version whose upload was cut off after it was sent."""


@dataclass(frozen=True)
class VertexRegistry:
    """See the module's docstring."""

    config: VertexConfig
    _clients: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def open(cls, config: VertexConfig) -> Self:
        """A registry; nothing is asked of Google yet."""
        return cls(config)

    @cached_property
    def credentials(self) -> Credentials:
        return google_clients.credentials(anonymous=self.config.anonymous)

    @property
    def parent(self) -> str:
        return f"projects/{self.config.project}/locations/{self.config.location}"

    def client(self, name: str) -> Any:
        """A client of Vertex AI by the name of its class."""
        if name not in self._clients:
            config = self.config
            self._clients[name] = google_clients.vertex(name, config.location, self.credentials, config.endpoint)
        return self._clients[name]

    def register(self, candidate: Candidate) -> Version:
        """See :meth:`components.register.registry.Registry.register`."""
        if not MODEL_ID.fullmatch(candidate.name):
            raise InputError(
                f"register.name: Vertex AI takes 63 small letters, digits, - and _, got {candidate.name!r}"
            )
        storage = google_clients.storage(self.config.project, self.credentials, self.config.storage_endpoint)
        files = f"{self.config.root.rstrip('/')}/models/{candidate.name}/{candidate.identity}"
        bucket_files.keep(storage, candidate.folders, files)
        version = self._find(candidate) or self._upload(candidate, f"{files}/exported")
        self._point_aliases(version, candidate)
        vertex_evaluation.keep(self.client("ModelServiceClient"), _named(version), candidate)
        vertex_lineage.keep(self.client("MetadataServiceClient"), self.parent, candidate, _named(version), files)
        now = retrying.call("reading the version", lambda: self._model(_named(version)))
        return Version(candidate.name, int(now.version_id), tuple(sorted(now.version_aliases)), files)

    def find(self, reference: str) -> Version:
        """See :meth:`components.register.registry.Registry.find`."""
        name = f"{self.parent}/models/{reference.replace('/', '@')}"
        try:
            found = retrying.call(f"looking for {reference}", lambda: self._model(name))
        except retrying.CloudError as error:
            if retrying.status(error.__cause__ or error) != 404:
                raise
            raise InputError(self._not_found(reference)) from error
        mounted = "/gcs/" + found.artifact_uri.removeprefix("gs://").removesuffix("/exported")
        return Version(
            reference.partition("@")[0].partition("/")[0], int(found.version_id), tuple(found.version_aliases), mounted
        )

    def _model(self, name: str) -> Any:
        return self.client("ModelServiceClient").get_model(name=name, retry=None)

    def _find(self, candidate: Candidate) -> Any | None:
        """The version with a candidate's identity, None when there is none."""
        base = f"{self.parent}/models/{candidate.name}"

        def look() -> Any | None:
            try:
                versions = list(self.client("ModelServiceClient").list_model_versions(name=base, retry=None))
            except Exception as error:
                if retrying.status(error) == 404:  # the first version of a new model
                    return None
                raise
            return next((each for each in versions if each.labels.get("identity") == candidate.identity), None)

        return retrying.call(f"looking for versions of {candidate.name}", look)

    def _upload(self, candidate: Candidate, exported: str) -> Any:
        """Create the version; when the answer is lost, look whether it was made before trying again."""
        attempts = 0

        def attempt() -> Any:
            nonlocal attempts
            attempts += 1
            if attempts > 1 and (made := self._made_meanwhile(candidate)) is not None:
                return made
            request = self._request(candidate, exported)
            operation = self.client("ModelServiceClient").upload_model(request=request, retry=None)
            operation.result(timeout=600)
            return self._find(candidate)

        made = retrying.call(f"uploading {candidate.name} to {self.parent}", attempt)
        if made is None:
            raise RegistryError(f"Vertex AI says it has made a version of {candidate.name}, but lists none. Try again")
        return made

    def _made_meanwhile(self, candidate: Candidate) -> Any | None:
        for seconds in PATIENCE:
            if (made := self._find(candidate)) is not None:
                return made
            time.sleep(min(seconds, retrying.PACE.first * seconds * 2))
        return None

    def _request(self, candidate: Candidate, exported: str) -> dict[str, Any]:
        base = f"{self.parent}/models/{candidate.name}"
        known = self._known(base)
        model: dict[str, Any] = {
            "display_name": candidate.name,
            "version_description": candidate.description[:1000],
            "artifact_uri": exported,
            "container_spec": {
                "image_uri": self.config.serving_image,
                "predict_route": "/predict",
                "health_route": "/health",
                "ports": [{"container_port": 8080}],
            },
            "labels": labels(candidate),
        }
        if self.config.encryption_key:
            model["encryption_spec"] = {"kms_key_name": self.config.encryption_key}
        identity = {"parent_model": base} if known else {"model_id": candidate.name}
        return {"parent": self.parent, "model": model, **identity}

    def _known(self, base: str) -> bool:
        try:
            self._model(base)
        except Exception as error:
            if retrying.status(error) == 404:
                return False
            raise
        return True

    def _point_aliases(self, version: Any, candidate: Candidate) -> None:
        aliases = [CANDIDATE, CHAMPION] if candidate.champion else [CANDIDATE]
        retrying.call(
            f"pointing {', '.join(aliases)} to version {version.version_id}",
            lambda: self.client("ModelServiceClient").merge_version_aliases(
                name=_named(version), version_aliases=aliases, retry=None
            ),
        )

    def _not_found(self, reference: str) -> str:
        models = retrying.call(
            "listing models",
            lambda: list(self.client("ModelServiceClient").list_models(parent=self.parent, retry=None)),
        )
        known = sorted(model.name.split("/")[-1] for model in models)
        near = difflib.get_close_matches(reference.partition("@")[0].partition("/")[0], known, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        return f"{self.parent} has no model {reference}: {hint}It has: {', '.join(known) or 'none yet'}"


def _named(version: Any) -> str:
    """Resource name of a version, with its number."""
    return f"{version.name.partition('@')[0]}@{version.version_id}"


def labels(candidate: Candidate) -> dict[str, str]:
    """Labels of a version: what it is and what it was made from, in the letters that labels have."""
    wanted = {"identity": candidate.identity, "champion": str(candidate.champion).lower()}
    for tag in ("horizon", "kind", "digest", "source_digest"):
        if tag in candidate.tags:
            wanted[tag] = candidate.tags[tag].removeprefix("sha256:")
    own = {key: value for key, value in candidate.tags.items() if "/" not in key and key not in ("verdict", "beats")}
    found = {**own, **wanted}
    return {_letters(key): _letters(value)[:63] for key, value in found.items()}


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9_-]", "-", text.lower())
