"""The one place where Google's client libraries are made: whose credentials, which address, which transport.

Everything goes over REST, so that what the tests exercise is what runs.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from components.shared import retrying

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.cloud.storage import Client

SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def credentials(*, anonymous: bool = False) -> Credentials:
    """Application default credentials; none for a server on this machine.

    Raises:
        InputError: nobody is logged in.
    """
    if anonymous:
        from google.auth.credentials import AnonymousCredentials

        return AnonymousCredentials()  # type: ignore[no-untyped-call]
    import google.auth

    found, _ = retrying.call("logging in to Google Cloud", lambda: google.auth.default(scopes=[SCOPE]))
    return found


def vertex(client: str, location: str, who: Credentials, address: str = "") -> Any:
    """A client of Vertex AI by the name of its class, for example ``ModelServiceClient``.

    Args:
        client: name of a class of ``google.cloud.aiplatform_v1``.
        location: region.
        who: credentials.
        address: another server than the region's own.
    """
    _be_quiet()
    from google.cloud import aiplatform_v1

    return getattr(aiplatform_v1, client)(
        credentials=who,
        transport="rest",
        client_options={"api_endpoint": address or f"{location}-aiplatform.googleapis.com"},
    )


def storage(project: str, who: Credentials, address: str = "") -> Client:
    """A client of Cloud Storage; ``address`` is another server than Google's."""
    _be_quiet()
    from google.cloud.storage import Client

    options = {"api_endpoint": address} if address else None
    return Client(project, who, client_options=options)


def _be_quiet() -> None:
    # Google's libraries announce the end of a Python version's support on every import.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\..*")
