"""Google's clients for one ``cloud.yaml``, each made when it is first used."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from components.shared import google_clients
from pipelines.cloud.settings import CloudSettings

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.cloud import aiplatform_v1, bigquery, storage


class Google:
    """Clients for one project and region, each made when it is first used."""

    def __init__(self, settings: CloudSettings) -> None:
        self.settings = settings

    @cached_property
    def credentials(self) -> Credentials:
        """Application default credentials; none for a stand-in on this machine."""
        return google_clients.credentials(anonymous=self.settings.endpoints.anonymous)

    @cached_property
    def pipelines(self) -> aiplatform_v1.PipelineServiceClient:
        return self._vertex("PipelineServiceClient")

    @cached_property
    def schedules(self) -> aiplatform_v1.ScheduleServiceClient:
        return self._vertex("ScheduleServiceClient")

    @cached_property
    def jobs(self) -> aiplatform_v1.JobServiceClient:
        return self._vertex("JobServiceClient")

    @cached_property
    def models(self) -> aiplatform_v1.ModelServiceClient:
        return self._vertex("ModelServiceClient")

    @cached_property
    def storage(self) -> storage.Client:
        return google_clients.storage(self.settings.project, self.credentials, self.settings.endpoints.storage)

    @cached_property
    def bigquery(self) -> bigquery.Client:
        from google.cloud import bigquery

        address = self.settings.endpoints.bigquery
        options = {"api_endpoint": address} if address else None
        return bigquery.Client(self.settings.project, self.credentials, client_options=options)

    @cached_property
    def session(self) -> Any:
        """A ``requests`` session that signs: for services that have no client library here."""
        if self.settings.endpoints.anonymous:
            import requests

            return requests.Session()
        from google.auth.transport.requests import AuthorizedSession

        return AuthorizedSession(self.credentials)  # type: ignore[no-untyped-call]

    def rest(self, method: str, service: str, path: str, body: Any = None) -> dict[str, Any]:
        """Call ``https://SERVICE.googleapis.com/PATH``.

        Raises:
            requests.HTTPError: the service refused.
        """
        base = self.settings.endpoints.google or f"https://{service}.googleapis.com"
        response = self.session.request(method, f"{base}/{path}", json=body, timeout=30)
        response.raise_for_status()
        found: dict[str, Any] = response.json()
        return found

    def _vertex(self, name: str) -> Any:
        return google_clients.vertex(name, self.settings.location, self.credentials, self.settings.endpoints.vertex)
