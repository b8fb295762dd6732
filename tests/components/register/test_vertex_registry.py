"""The Model Registry of Vertex AI: real clients against the stand-in."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from components.forecast import choosing
from components.forecast.config import ModelChoice
from components.register import bucket_files
from components.register.candidate import Candidate
from components.register.config import RegisterConfig, VertexConfig
from components.register.registry import Version, open_registry
from components.shared.errors import InputError
from pipelines.cloud import assembly, settings

if TYPE_CHECKING:
    from cloud.whole import Cloud

PARENT = "projects/tandem-test/locations/us-central1"


@pytest.fixture
def candidate(tmp_path: Path) -> Candidate:
    folders = {}
    for name in ("model", "exported", "evaluation"):
        (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / name / "inner" / "file.txt").write_text(name)
        folders[name] = tmp_path / name
    return Candidate(
        name="soy-1m", identity="0123456789abcdef", folders=folders, champion=True,
        tags={
            "digest": "sha256:" + "d" * 64, "source_digest": "sha256:" + "5" * 64, "horizon": "1m", "kind": "lstm",
            "verdict": "beats", "beats": "true", "metric/rmse": "3.62", "metric/mae": "2.7", "metric/mase": "2.2",
        },
        params={}, metrics={"lstm/rmse": 3.62, "random_walk/rmse": 3.7}, description="lstm beats the random walk",
    )  # fmt: skip


@pytest.fixture
def registry(cloud: Cloud) -> Any:
    return open_registry(VertexConfig.model_validate(assembly.vertex_registry(settings.read())))


def test_a_candidate_becomes_a_version_with_all_that_is_known_of_it(
    cloud: Cloud, registry: Any, candidate: Candidate
) -> None:
    version = registry.register(candidate)
    assert (version.name, version.number, version.aliases) == ("soy-1m", 1, ("candidate", "champion", "default"))
    model = cloud.vertex.resources[f"{PARENT}/models/soy-1m@1"]
    files = f"runs/models/soy-1m/0123456789abcdef-{bucket_files.digest(candidate.folders)}"
    assert (model.artifact_uri, version.location) == (
        f"gs://{cloud.bucket}/{files}/exported",
        f"gs://{cloud.bucket}/{files}",
    )
    assert model.labels["digest"] == "d" * 63
    assert (model.labels["horizon"], model.labels["kind"], model.labels["champion"]) == ("1m", "lstm", "true")
    names = cloud.storage.names(cloud.bucket)
    assert names == [f"{files}/{folder}/inner/file.txt" for folder in ("evaluation", "exported", "model")]
    (evaluation,) = cloud.vertex.of("evaluations").values()
    assert dict(evaluation.metrics.struct_value) == {"rootMeanSquaredError": 3.62, "meanAbsoluteError": 2.7}
    assert evaluation.metadata.struct_value["random_walk/rmse"] == 3.7
    assert {edge[1].split("/")[-1].split("-")[0]: edge[2] for edge in cloud.vertex.edges} == {"data": 1, "model": 2}


def test_all_that_is_kept_is_encrypted_with_the_key(cloud: Cloud, candidate: Candidate) -> None:
    key = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"
    cloud.change(encryption_key=key)
    open_registry(VertexConfig.model_validate(assembly.vertex_registry(settings.read()))).register(candidate)
    kept = [cloud.vertex.resources[f"{PARENT}/{name}"] for name in ("models/soy-1m@1", "metadataStores/default")]
    assert [each.encryption_spec.kms_key_name for each in kept] == [key, key]


def test_the_same_again_is_found_and_another_is_a_version_of_the_same_model(
    cloud: Cloud, registry: Any, candidate: Candidate
) -> None:
    assert registry.register(candidate).number == registry.register(candidate).number == 1
    assert len(cloud.vertex.of("evaluations")) == 1
    other = registry.register(dataclasses.replace(candidate, identity="f" * 16, champion=False))
    assert (other.number, other.aliases) == (2, ("candidate",))
    found = registry.find("soy-1m@champion")
    chosen = choosing.find(ModelChoice(source="soy-1m@champion", registry=registry.config))
    assert (str(chosen.path), chosen.name) == (f"{found.location}/model", "soy-1m/1")
    folder = f"0123456789abcdef-{bucket_files.digest(candidate.folders)}"
    assert (found.number, found.location) == (1, f"/gcs/{cloud.bucket}/runs/models/soy-1m/{folder}")
    assert registry.find("soy-1m/2").number == 2


@pytest.mark.parametrize("reference", ["soi-1m@champion", "soy-1m@best", "soy-1m/7"])
def test_what_is_not_registered_is_named(registry: Any, candidate: Candidate, reference: str) -> None:
    registry.register(candidate)
    with pytest.raises(InputError, match="It has: soy-1m"):
        registry.find(reference)


def test_nothing_is_registered_without_a_bucket(cloud: Cloud, candidate: Candidate) -> None:
    config = {**assembly.vertex_registry(settings.read()), "root": "gs://tandem-no-such-bucket/x"}
    with pytest.raises(InputError, match="there is no bucket gs://tandem-no-such-bucket"):
        open_registry(VertexConfig.model_validate(config)).register(candidate)
    assert not cloud.vertex.resources


def test_credentials_never_travel_in_the_clear() -> None:
    wanted = {
        "kind": "vertex",
        "project": "tandem-test",
        "location": "us-central1",
        "root": "gs://bucket",
        "serving_image": "a",
    }
    for address in ("http://example.com", "http://127.0.0.1:80@example.com/", "http://localhost:1@example.com"):
        with pytest.raises(ValidationError, match="expected https"):
            VertexConfig.model_validate({**wanted, "endpoint": address})
    with pytest.raises(ValidationError, match="only for a server on this machine"):
        VertexConfig.model_validate({**wanted, "endpoint": "https://example.com", "anonymous": True})


def test_a_registry_without_a_kind_is_a_file() -> None:
    section = {"name": "soy", "registry": {"uri": "sqlite:///a/b.db"}}
    assert RegisterConfig.parse(section, section="register").registry.kind == "mlflow"
    with pytest.raises(InputError, match="registry"):
        RegisterConfig.parse({"name": "soy", "registry": {"kind": "vertx"}}, section="register")


def registered(candidate: Candidate) -> Version:
    """Register in a registry of its own."""
    config = VertexConfig.model_validate(assembly.vertex_registry(settings.read()))
    return open_registry(config).register(candidate)


def register(cloud: Cloud, candidate: Candidate) -> list[int]:
    """Register, and look at what is there; how often each server was asked."""
    assert registered(candidate).number == 1
    made = cloud.made()
    ((number, aliases, labels),) = made["versions"]
    assert (number, aliases, labels["identity"]) == ("1", ["candidate", "champion", "default"], candidate.identity)
    assert (made["evaluations"], len(made["objects"]), len(made["edges"])) == (1, 3, 2)
    return [len(server.seen) for server in cloud.servers]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["429", "503", "reset", "lost"])
def test_one_version_is_made_whatever_breaks(cloud: Cloud, candidate: Candidate, kind: Any) -> None:
    from cloud.server import Fault

    cloud.vertex.pending_answers = 0  # the client waits a second between two looks at an operation
    asked = register(cloud, candidate)
    for server, requests in enumerate(asked):
        for number in range(requests):
            cloud.anew()
            cloud.servers[server].faults = {number: Fault(kind)}
            register(cloud, candidate)


@pytest.mark.parametrize("kind", ["503", "reset"])
def test_a_break_in_the_middle_of_an_upload_makes_no_second_version(
    cloud: Cloud, candidate: Candidate, kind: Any
) -> None:
    from cloud.server import Fault

    register(cloud, candidate)
    upload = next(i for i, request in enumerate(cloud.vertex.server.seen) if request.path.endswith("models:upload"))
    cloud.anew()
    cloud.vertex.server.faults = {upload + 1: Fault(kind)}  # the first look at the operation
    register(cloud, candidate)


def test_two_exports_of_one_model_never_mix_in_the_bucket(
    cloud: Cloud, candidate: Candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that is tried again exports again, and TensorFlow writes the same model in other bytes each time."""
    from cloud.server import Fault

    from components.shared import retrying

    def export(name: str) -> None:
        for file in ("saved_model.pb", "variables.data", "variables.index"):
            (candidate.folders["exported"] / file).write_text(f"{file} of the {name} export")

    export("first")
    with monkeypatch.context() as patched:
        patched.setattr(retrying, "PACE", retrying.Pace(first=0.001, longest=0.001, within=0.004))
        cloud.storage.server.faults = {number: Fault("503") for number in range(4, 500)}
        with pytest.raises(retrying.CloudError, match=r"Left behind: \d files in gs://.*registering again goes on"):
            registered(candidate)
    cloud.storage.server.forget()
    export("second")
    version = registered(candidate)
    export("third")
    assert registered(candidate) == version
    bucket = cloud.storage.client().bucket(cloud.bucket)
    exported = cloud.vertex.resources[f"{PARENT}/models/soy-1m@1"].artifact_uri.removeprefix(f"gs://{cloud.bucket}/")
    texts = [blob.download_as_text() for blob in bucket.list_blobs(prefix=f"{exported}/") if "inner" not in blob.name]
    assert [text.split(" of ")[1] for text in texts] == ["the second export"] * 3
    assert not any("third" in blob.download_as_text() for blob in bucket.list_blobs())
