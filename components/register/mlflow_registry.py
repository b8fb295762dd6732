"""A local MLflow registry: a SQLite file, and beside it the files of every version.

    registry/
      registry.db                          MLflow's tables: versions, tags, aliases, runs
      models/<name>/<identity>/            model/ exported/ evaluation/ of one version
      runs/                                artifact root of MLflow runs
      .lock                                held while a process registers

Files are kept by identity rather than by version number: MLflow gives out the number only when it creates the version,
and by then the files must be there.
"""

from __future__ import annotations

import difflib
import fcntl
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from components.register.config import SQLITE_PREFIX
from components.register.registry import CANDIDATE, CHAMPION, RegistryError, Version
from components.shared.errors import InputError
from components.shared.files import new_file, new_folder

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

    from components.register.candidate import Candidate
    from components.register.config import MlflowConfig

SQLITE_HEADER = b"SQLite format 3\x00"
MOST_PARAMS, LONGEST_PARAM = 100, 6000
"""MLflow's limits on one batch of parameters and on one parameter's length."""


@dataclass(frozen=True)
class LocalMlflow:
    """See the module's docstring; ``root`` is the folder of ``database``."""

    database: Path

    @classmethod
    def open(cls, config: MlflowConfig) -> Self:
        """Open the registry; its folder is created, its tables on first use.

        Raises:
            InputError: the folder cannot be written, or the file is something else than a SQLite database.
        """
        database = config.database
        try:
            database.parent.mkdir(parents=True, exist_ok=True)
            (database.parent / ".lock").touch()
            header = database.read_bytes()[: len(SQLITE_HEADER)] if database.exists() else b""
        except OSError as error:
            raise InputError(f"register.registry.uri: no registry can be at {database}: {error}") from error
        # MLflow would try a file that is no database again and again, for minutes, before it says so.
        if header not in (b"", SQLITE_HEADER):
            raise InputError(f"register.registry.uri: {database} is not a SQLite database: name another file")
        return cls(database)

    @property
    def root(self) -> Path:
        return self.database.parent

    def register(self, candidate: Candidate) -> Version:
        """See :meth:`components.register.registry.Registry.register`."""
        with self._alone(), connect(self.database) as client:
            files = self._keep_files(candidate)
            version = _find_version(client, candidate)
            if version is None:
                version = _create_version(client, candidate, files, self._run(client, candidate))
            for alias in (CANDIDATE, CHAMPION) if candidate.champion else (CANDIDATE,):
                client.set_registered_model_alias(candidate.name, alias, version.version)
            now = client.get_model_version(candidate.name, version.version)
            return Version(candidate.name, int(now.version), tuple(sorted(now.aliases)), str(files))

    def find(self, reference: str) -> Version:
        """See :meth:`components.register.registry.Registry.find`."""
        name, by_alias, alias = reference.partition("@")
        name, _, number = (name, "", "") if by_alias else reference.rpartition("/")
        with connect(self.database) as client:
            found = _versions(client, name)
            chosen = [v for v in found if (alias in v.aliases if by_alias else str(v.version) == number)]
            if not chosen:
                raise InputError(_not_found(client, reference, name, found, self.database))
            version = chosen[0]
            files = self.root / "models" / name / version.tags["identity"]
            return Version(name, int(version.version), tuple(sorted(version.aliases)), str(files))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one process at a time register: finding a version and creating it must not be interleaved."""
        with (self.root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _keep_files(self, candidate: Candidate) -> Path:
        """Copy the candidate's folders into the registry, unless they are there: run folders may be removed."""
        kept = self.root / "models" / candidate.name / candidate.identity
        if not kept.is_dir():
            with new_folder(kept) as scratch:
                for name, source in candidate.folders.items():
                    shutil.copytree(source, scratch / name)
        return kept

    def _run(self, client: MlflowClient, candidate: Candidate) -> str:
        """Id of the finished MLflow run that shows the candidate's parameters and metrics."""
        from mlflow.entities import Metric, Param

        experiment = _experiment(client, candidate.name, self.root / "runs")
        found = client.search_runs([experiment], f"tags.identity = '{candidate.identity}'", max_results=1)
        if found and found[0].info.status == "FINISHED":
            return str(found[0].info.run_id)
        tags = {"identity": candidate.identity, **candidate.tags}
        run = found[0] if found else client.create_run(experiment, tags=tags, run_name=candidate.identity)
        now = int(time.time() * 1000)
        params = [Param(key, value[:LONGEST_PARAM]) for key, value in candidate.params.items()]
        for first in range(0, len(params), MOST_PARAMS):
            client.log_batch(run.info.run_id, params=params[first : first + MOST_PARAMS])
        client.log_batch(
            run.info.run_id, metrics=[Metric(key, value, now, 0) for key, value in candidate.metrics.items()]
        )
        client.set_terminated(run.info.run_id, "FINISHED")
        return str(run.info.run_id)


@contextmanager
def connect(database: Path) -> Iterator[MlflowClient]:
    """A client of the registry; its failures say which registry failed, which MLflow's messages do not."""
    # MLflow reports its use to its makers unless told not to before it is imported.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    uri = f"{SQLITE_PREFIX}{database}"
    try:
        with _quiet():
            if not database.exists():
                _create(database)
            yield MlflowClient(tracking_uri=uri, registry_uri=uri)
    except (MlflowException, SQLAlchemyError) as error:
        raise RegistryError(f"the registry {database} failed: {error}") from error


def _create(database: Path) -> None:
    """Make MLflow's tables in a file that appears whole: a migration that is killed leaves one no other can finish."""
    from mlflow import MlflowClient

    with new_file(database) as scratch:
        uri = f"{SQLITE_PREFIX}{scratch}"
        MlflowClient(tracking_uri=uri, registry_uri=uri).search_experiments(max_results=1)


def _experiment(client: MlflowClient, name: str, artifacts: Path) -> str:
    """Id of the MLflow experiment ``name``, created on first use."""
    found = client.get_experiment_by_name(name)
    # Without a location, MLflow would make a folder mlruns where the command is run.
    return found.experiment_id if found else client.create_experiment(name, artifact_location=artifacts.as_uri())


def _find_version(client: MlflowClient, candidate: Candidate) -> ModelVersion | None:
    """The version that holds the same model with the same evaluation, if there is one."""
    wanted = f"name = '{candidate.name}' and tags.identity = '{candidate.identity}'"
    found = client.search_model_versions(wanted, max_results=1)
    return found[0] if found else None


def _versions(client: MlflowClient, name: str) -> list[ModelVersion]:
    """Versions of a model with their aliases, oldest first; none for a name that is not a registered one."""
    known = {model.name for model in client.search_registered_models()}
    if name not in known:
        return []
    numbers = sorted(int(version.version) for version in client.search_model_versions(f"name = '{name}'"))
    return [client.get_model_version(name, str(number)) for number in numbers]  # a search leaves the aliases out


def _not_found(client: MlflowClient, reference: str, name: str, found: list[ModelVersion], database: Path) -> str:
    if not found:
        known = sorted(model.name for model in client.search_registered_models())
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        return f"the registry {database} has no model {name!r}: {hint}It has: {', '.join(known) or 'none yet'}"
    numbers = [f"{name}/{version.version}" for version in found]
    aliases = sorted({f"{name}@{alias}" for version in found for alias in version.aliases})
    return f"the registry {database} has no version {reference}; it has {', '.join([*aliases, *numbers])}"


def _create_version(client: MlflowClient, candidate: Candidate, files: Path, run: str) -> ModelVersion:
    if not client.search_registered_models(f"name = '{candidate.name}'"):
        client.create_registered_model(candidate.name)
    tags: dict[str, Any] = {"identity": candidate.identity, **candidate.tags}
    return client.create_model_version(
        candidate.name, str(files / "exported"), run_id=run, tags=tags, description=candidate.description
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep MLflow's and Alembic's notes about creating tables out of the task's log."""
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
