"""Vertex AI's Model Registry: a version of one model per candidate, its files in a bucket, its evaluation beside it.

What is made carries the candidate's identity, so that registering again after a broken connection finds it:

    gs://<root>/models/<name>/<identity>-<digest>/{model,exported,evaluation}/   the files, written once
    labels.identity                                                              on the version
    executions/register-<identity>                                               its lineage

The digest is of the files: the same model exported again has other bytes, which must not mix with those of an attempt
that broke off.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Self

from components.register import bucket_files, half_done, vertex_evaluation, vertex_lineage, vertex_upload
from components.register.registry import CANDIDATE, CHAMPION, Version
from components.shared import google_clients, retrying
from components.shared.errors import InputError

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

    from components.register.candidate import Candidate
    from components.register.config import VertexConfig

MODEL_ID = re.compile(r"[a-z_][a-z0-9_-]{0,62}")


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
                f"register.name: Vertex AI takes 63 small letters, digits, - and _, the first a letter; "
                f"got {candidate.name!r}. Next: change register.name in the experiment"
            )
        base = f"{self.parent}/models/{candidate.name}"
        version = vertex_upload.find(self.client("ModelServiceClient"), base, candidate)
        if version is None:
            version = self._upload(candidate, base)
        files = version.artifact_uri.removesuffix("/exported")
        with half_done.leaving(f"{candidate.name}/{version.version_id}, with what was done of it"):
            self._point_aliases(version, candidate)
            vertex_evaluation.keep(self.client("ModelServiceClient"), _named(version), candidate)
            metadata = self.client("MetadataServiceClient")
            key = self.config.encryption_key
            vertex_lineage.keep(metadata, self.parent, candidate, _named(version), files, key=key)
            now = self._ask("reading the version", lambda: self._model(_named(version)))
        return Version(candidate.name, int(now.version_id), tuple(sorted(now.version_aliases)), files)

    def _ask(self, what: str, attempt: Callable[[], Any]) -> Any:
        return retrying.call(what, attempt, hints=half_done.vertex_hints(self.parent))

    def _upload(self, candidate: Candidate, base: str) -> Any:
        """Copy the files, then make the version that points to them."""
        storage = google_clients.storage(self.config.project, self.credentials, self.config.storage_endpoint)
        folder = f"{candidate.identity}-{bucket_files.digest(candidate.folders)}"
        files = f"{self.config.root.rstrip('/')}/models/{candidate.name}/{folder}"
        bucket_files.keep(storage, candidate.folders, files)
        with half_done.leaving(f"the files in {files}/"):
            request = partial(self._request, candidate, f"{files}/exported")
            return vertex_upload.version(self.client("ModelServiceClient"), base, candidate, request)

    def find(self, reference: str) -> Version:
        """See :meth:`components.register.registry.Registry.find`."""
        name = f"{self.parent}/models/{reference.replace('/', '@')}"
        try:
            found = self._ask(f"looking for {reference}", lambda: self._model(name))
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

    def _request(self, candidate: Candidate, exported: str, known: bool) -> dict[str, Any]:
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
        base = f"{self.parent}/models/{candidate.name}"
        identity = {"parent_model": base} if known else {"model_id": candidate.name}
        return {"parent": self.parent, "model": model, **identity}

    def _point_aliases(self, version: Any, candidate: Candidate) -> None:
        aliases = [CANDIDATE, CHAMPION] if candidate.champion else [CANDIDATE]
        self._ask(
            f"pointing {', '.join(aliases)} to version {version.version_id}",
            lambda: self.client("ModelServiceClient").merge_version_aliases(
                name=_named(version), version_aliases=aliases, retry=None
            ),
        )

    def _not_found(self, reference: str) -> str:
        models = self._ask(
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
