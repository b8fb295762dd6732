"""Whether a container registry has an image, by the registry protocol's own question."""

from __future__ import annotations

import re

from components.shared import retrying
from pipelines.cloud.google import Google
from pipelines.cloud.settings import LOOPBACK

_GOOGLE = re.compile(r"([a-z0-9-]+\.)?gcr\.io|[a-z0-9-]+-docker\.pkg\.dev")
"""The whole of a host's name: a spec of somebody else's must not lead credentials to ``mygcr.io`` or ``x?.gcr.io``."""
MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)


def asked(image: str) -> bool:
    """Whether this registry takes Google's credentials, or none; others have doors of their own."""
    host = image.partition("/")[0]
    return bool(_GOOGLE.fullmatch(host)) or host.split(":")[0] in LOOPBACK


def has(image: str, google: Google) -> bool:
    """Ask for the manifest of ``HOST/NAME@sha256:DIGEST``.

    Raises:
        CloudError: the registry cannot be asked.
    """
    host, _, rest = image.partition("/")
    name, _, digest = rest.partition("@")
    scheme = "http" if host.split(":")[0] in LOOPBACK else "https"
    url = f"{scheme}://{host}/v2/{name.split(':')[0]}/manifests/{digest}"

    def ask() -> bool:
        # Google's credentials belong to Google's registries alone.
        session = google.session if _GOOGLE.fullmatch(host) else _plain_session()
        response = session.head(url, headers={"Accept": MANIFESTS}, timeout=30)
        if response.status_code in (401, 403, 404):
            return False
        response.raise_for_status()
        return True

    return retrying.call(f"asking {host} for an image", ask)


def _plain_session():
    import requests

    return requests.Session()
