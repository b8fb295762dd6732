"""How every stage reaches BigQuery: one way to make clients, and one to say what went wrong and what to type next."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from pydantic import StringConstraints

from components.shared.errors import InputError, TandemError

if TYPE_CHECKING:
    from google.api_core.exceptions import GoogleAPICallError
    from google.cloud import bigquery
    from google.cloud.bigquery_storage_v1.services.big_query_read import BigQueryReadClient

GIB = 1 << 30
LOGIN = "gcloud auth application-default login"
READER_ROLES = "roles/bigquery.jobUser roles/bigquery.dataViewer roles/bigquery.readSessionUser"
WRITER_ROLES = "roles/bigquery.jobUser roles/bigquery.dataEditor"
ENABLE = "gcloud services enable bigquery.googleapis.com bigquerystorage.googleapis.com"
EncryptionKey = Annotated[
    str, StringConstraints(pattern=r"^(projects/[\w.:-]+/locations/[\w-]+/keyRings/[\w-]+/cryptoKeys/[\w-]+)?$")
]
"""A key of one's own in Cloud KMS, in the location of the data; empty for that of the dataset, or Google's."""
QUOTA_REASONS = {"quotaExceeded", "rateLimitExceeded", "resourcesExceeded"}


def client_of(project: str | None, location: str | None = None, api_endpoint: str | None = None) -> bigquery.Client:
    """A client with the user's default credentials, or with none for a plain http server such as an emulator.

    Args:
        project: that pays; None for the one of the credentials.
        location: of the data, None to have BigQuery find it.
        api_endpoint: another server that speaks BigQuery's REST API; ``BIGQUERY_EMULATOR_HOST`` names one too.
    """
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery

    endpoint = api_endpoint or os.environ.get("BIGQUERY_EMULATOR_HOST")
    plain = endpoint is not None and urlsplit(endpoint).scheme != "https"
    return bigquery.Client(
        project=project or ("local" if plain else None),
        location=location,
        # A token must not travel over plain http.
        credentials=AnonymousCredentials() if plain else None,  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": api_endpoint} if api_endpoint else None,
    )


def encryption(key: str | None) -> bigquery.EncryptionConfiguration | None:
    """What a table or the answer of a query is encrypted with; None leaves it to the dataset."""
    from google.cloud import bigquery

    return bigquery.EncryptionConfiguration(kms_key_name=key) if key else None


def read_client_of(storage_endpoint: str | None) -> BigQueryReadClient:
    """A client of the Storage Read API; ``http://host:port`` is another server, which is sent no credentials."""
    import grpc
    from google.cloud.bigquery_storage_v1.services.big_query_read import BigQueryReadClient
    from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

    if storage_endpoint is None:
        return BigQueryReadClient()
    parts = urlsplit(storage_endpoint)
    if parts.scheme == "https":
        return BigQueryReadClient(client_options={"api_endpoint": parts.netloc})
    # A response holds up to 10 MiB of rows, gRPC's own limit is 4.
    channel = grpc.insecure_channel(parts.netloc, options=[("grpc.max_receive_message_length", -1)])
    return BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))


@contextmanager
def explained(doing: str, *, roles: str = READER_ROLES, settings: str = "source") -> Iterator[None]:
    """Turn the errors of Google's clients into one message each: what was being done, what came, what to type next.

    Args:
        doing: what is tried, for example ``read market.prices``.
        roles: that whoever does it needs, for the advice about a refusal.
        settings: the section of the config that says where the table is.

    Raises:
        InputError: what the user can mend: credentials, permissions, names, a query, a limit.
        TandemError: BigQuery did not answer, or a quota is used up; running again later goes on.
    """
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError, TransportError

    try:
        yield
    except TransportError as error:
        raise TandemError(
            f"cannot {doing}: Google cannot be reached ({error}). Check the network, then run again"
        ) from error
    except GoogleAuthError as error:
        raise InputError(f"cannot {doing}: no usable Google credentials ({error}). Run: {LOGIN}") from error
    except GoogleAPIError as error:
        raise _explanation(_innermost(error), doing, roles, settings) from error
    except OSError as error:
        # requests' ConnectionError is one, when the client has given up trying again.
        if type(error).__module__.partition(".")[0] not in {"requests", "urllib3"}:
            raise
        raise TandemError(f"cannot {doing}: the connection was lost ({error}). Run again; it goes on") from error


def _innermost(error: Any) -> Any:
    """What made the client give up: a RetryError holds the last refusal."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, Exception) else error


def _explanation(error: GoogleAPICallError, doing: str, roles: str, settings: str) -> TandemError:
    """The refusal in the user's words. Most specific first: 400 and 403 stand for several things."""
    from google.api_core import exceptions as google

    said = f"cannot {doing}: {getattr(error, 'message', None) or error}"
    reasons = {str(item.get("reason")) for item in getattr(error, "errors", None) or [] if isinstance(item, dict)}
    if isinstance(error, (google.ResourceExhausted, google.TooManyRequests)) or reasons & QUOTA_REASONS:
        see = "gcloud alpha services quota list --service=bigquery.googleapis.com --consumer=projects/PROJECT"
        return TandemError(f"{said}\nA quota is used up. See it: {see}; run again later, it goes on")
    if "accessNotConfigured" in reasons or "SERVICE_DISABLED" in said:
        return InputError(f"{said}\nRun: {ENABLE}")
    if isinstance(error, google.Unauthorized):
        return InputError(f"{said}\nThe credentials have expired or are not accepted. Run: {LOGIN}")
    if isinstance(error, google.Forbidden):
        return InputError(f"{said}\nThe account needs {roles}. Run, once a role: "
                          "gcloud projects add-iam-policy-binding PROJECT --member=user:YOU --role=ROLE")  # fmt: skip
    if isinstance(error, google.NotFound):
        return InputError(f"{said}\nSee what is there: bq ls --project_id=PROJECT DATASET; if it is there, "
                          f"set {settings}.location to its own")  # fmt: skip
    if "bytesBilledLimitExceeded" in reasons or "bytes billed" in said:
        return InputError(
            f"{said}\nNarrow what is read, or raise the limit: --set {settings}.maximum_bytes_billed=BYTES"
        )
    if "partition elimination" in said:
        return InputError(f"{said}\nThe table demands a filter on that column: set ingest.start and ingest.end, or a "
                          "filter on it; in source.sql write a WHERE on it")  # fmt: skip
    if "invalidQuery" in reasons:
        return InputError(f"{said}\nTry it by hand: bq query --use_legacy_sql=false --dry_run 'SELECT …'")
    if isinstance(error, google.ClientError):
        return TandemError(f"{said}\nSee the job: bq ls -j -n 5 --project_id=PROJECT, then bq show -j JOB")
    return TandemError(f"{said}\nBigQuery did not answer in time or broke off. Run again; it goes on")
