"""One way to call a cloud service: try again where that helps, and say in one line what to do where it does not."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from components.shared.errors import InputError, TandemError

T = TypeVar("T")

LOGGER = logging.getLogger("tandem.cloud")
WORTH_SAYING = 2.0
"""Seconds; who waits longer is told why."""
AGAIN = frozenset({408, 429, 500, 502, 503, 504})
"""HTTP statuses after which the same call may work."""


class CloudError(TandemError):
    """A cloud service refused, or could not be reached."""


@dataclass
class Pace:
    """Waits between attempts: ``first`` seconds, then twice as long each time up to ``longest``, ``within`` in all."""

    first: float = 1.0
    longest: float = 32.0
    within: float = 300.0


PACE = Pace()


def call(what: str, attempt: Callable[[], T], *, hints: dict[int, str] | None = None) -> T:
    """Call until it works, it cannot work, or it has been tried long enough.

    ``attempt`` must be safe to repeat: a connection may break after the service did what it was asked.

    Args:
        what: what is being done, for messages: ``submitting the pipeline``.
        attempt: the call.
        hints: by HTTP status, the next thing to do.

    Raises:
        CloudError: with what was tried, what came, and the next command.
    """
    begin, wait = time.monotonic(), PACE.first
    while True:
        try:
            return attempt()
        except TandemError:
            raise
        except Exception as error:
            if not _known(error):
                raise
            pause = max(wait * random.uniform(0.7, 1.0), _retry_after(error))
            if not transient(error) or time.monotonic() - begin + pause > PACE.within:
                raise explained(what, error, hints or {}) from error
            if pause >= WORTH_SAYING:
                LOGGER.warning("%s: %s; again in %.0f s", what, status(error) or type(error).__name__, pause)
            time.sleep(pause)
            wait = min(wait * 2, PACE.longest)


def status(error: BaseException) -> int | None:
    """The HTTP status of a client library's error, None when there is none."""
    for name in ("code", "status"):
        value = getattr(error, name, None)
        if isinstance(value, int):
            return int(value)
    return getattr(getattr(error, "response", None), "status_code", None)


def transient(error: BaseException) -> bool:
    """Whether the same call may work in a while."""
    return status(error) in AGAIN or _connection_broke(error)


def conflict(error: BaseException) -> bool:
    """Whether what was to be made is there already, or is not as it was expected to be."""
    return status(error) in (409, 412)


def explained(what: str, error: BaseException, hints: dict[int, str]) -> TandemError:
    """An error of a client library in one line, with the next thing to do."""
    import google.auth.exceptions as auth

    if isinstance(error, auth.DefaultCredentialsError) and not isinstance(error, auth.InvalidOperation):
        return InputError(f"{what}: there are no Google Cloud credentials. Next: gcloud auth application-default login")
    if isinstance(error, auth.RefreshError):
        return InputError(f"{what}: the credentials have expired. Next: gcloud auth application-default login")
    if isinstance(error, auth.GoogleAuthError) and not isinstance(error, auth.TransportError):
        return InputError(f"{what}: the credentials are not accepted. Next: gcloud auth application-default login")
    code = status(error)
    general = {
        401: "the credentials are not accepted. Next: gcloud auth application-default login",
        403: "permission is missing. Next: python -m pipelines doctor PIPELINE --profile P names what is",
        429: "the quota is used up. Next: wait, or ask for more quota, then type the same command again",
    }
    hint = hints.get(code or 0) or general.get(code or 0) or ""
    if transient(error) and not hint:
        hint = "the service did not answer in time. Next: type the same command again; what is done is not done twice"
    came = " ".join(str(getattr(error, "message", "") or error).split())[:300]
    return CloudError(f"{what}: {f'{code} ' if code else ''}{came}{f' - {hint}' if hint else ''}")


def _known(error: BaseException) -> bool:
    """Errors that client libraries raise about a service, as against defects."""
    import google.auth.exceptions as auth

    return status(error) is not None or isinstance(error, auth.GoogleAuthError) or _connection_broke(error)


def _connection_broke(error: BaseException) -> bool:
    import google.auth.exceptions as auth
    import requests
    import urllib3

    return isinstance(
        error,
        (
            requests.exceptions.ConnectionError, requests.exceptions.Timeout, requests.exceptions.ChunkedEncodingError,
            urllib3.exceptions.HTTPError, auth.TransportError, ConnectionError, TimeoutError,
        ),
    )  # fmt: skip


def _retry_after(error: BaseException) -> float:
    """Seconds that the service asked to wait; dates are not read, and a day is not waited for."""
    headers: Any = getattr(getattr(error, "response", None), "headers", None) or getattr(error, "headers", None) or {}
    text = str(headers.get("Retry-After", "") or "")
    return float(text) if text.isdigit() else 0.0
