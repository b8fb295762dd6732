"""What Google's components start obeys the settings of every run: account, key, network, and from which image."""

from __future__ import annotations

from typing import Any

import pytest

from components.shared.errors import InputError
from local_runner import plan
from pipelines.cloud import assembly, preflight
from pipelines.cloud.settings import EXAMPLE, CloudSettings, read

KEY = "projects/my-project/locations/europe-west4/keyRings/ring/cryptoKeys/key"
NETWORK = "projects/123456/global/networks/private"
LAUNCHER = f"europe-west4-docker.pkg.dev/my-project/tandem/google-cloud-pipeline-components@sha256:{'1' * 64}"
WRAPPED = ["a100x4-spot", "h100x8", "l4x4-workers", "tpu-v5e-4", "tpu-v5e-4-spot"]


@pytest.fixture(scope="module")
def locked_down() -> CloudSettings:
    plain = read(EXAMPLE)
    return CloudSettings.model_validate(
        {**plain.model_dump(), "encryption_key": KEY, "network": NETWORK, "reserved_ip_ranges": ["range"],
         "images": {**plain.images, "launcher": LAUNCHER}, "notify": ["me@example.com"]}
    )  # fmt: skip


def defaults(spec: dict[str, Any], component: str) -> dict[str, Any]:
    parameters = spec["components"][component]["inputDefinitions"]["parameters"]
    return {name: definition.get("defaultValue") for name, definition in parameters.items()}


@pytest.mark.parametrize("profile", WRAPPED)
def test_a_custom_job_runs_as_the_account_with_the_key_in_the_network(profile: str, locked_down: CloudSettings) -> None:
    made = assembly.assemble("forecasting", profile=profile, settings=locked_down)
    given = defaults(made.spec, "comp-train")
    assert (given["service_account"], given["encryption_spec_key_name"], given["network"]) == (
        locked_down.service_account, KEY, NETWORK,
    )  # fmt: skip
    assert given["reserved_ip_ranges"] == ["range"]
    assert given["psc_interface_config"] is None
    # It is still the same pipeline here.
    assert "{{$}}" in plan.parse(made.text).executors["exec-train"]["container"]["args"][1].replace(
        ".json_escape[1]", ""
    )


def test_a_network_attachment_reaches_job_and_custom_job(locked_down: CloudSettings) -> None:
    attachment = "projects/my-project/regions/europe-west4/networkAttachments/vertex"
    change = {"network": "", "reserved_ip_ranges": (), "network_attachment": attachment}
    made = assembly.assemble("forecasting", profile="l4-spot", settings=locked_down.model_copy(update=change))
    given = defaults(made.spec, "comp-train")
    assert (given["network"], given["psc_interface_config"]) == ("", {"network_attachment": attachment})


def test_jobs_in_bigquery_get_the_key(locked_down: CloudSettings) -> None:
    made = assembly.assemble("forecasting_ab", settings=locked_down)
    for name in ("comp-bigquery-evaluate-model-job", "comp-bigquery-predict-model-job"):
        assert defaults(made.spec, name)["encryption_spec_key_name"] == KEY


def test_what_the_author_of_a_pipeline_has_set_is_kept(locked_down: CloudSettings) -> None:
    from pipelines.cloud import google_tasks

    made = assembly.assemble("forecasting", profile="l4-spot", settings=read(EXAMPLE))
    parameters = made.spec["components"]["comp-train"]["inputDefinitions"]["parameters"]
    parameters["network"]["defaultValue"] = "projects/9/global/networks/theirs"
    governed = google_tasks.governed(made.spec, locked_down)
    assert defaults(governed, "comp-train")["network"] == "projects/9/global/networks/theirs"


@pytest.mark.parametrize(("pipeline", "profile"), [("forecasting", "l4-spot"), ("forecasting_ab", "tpu-v5e-4")])
def test_with_a_launcher_of_ones_own_no_image_is_public(
    pipeline: str, profile: str, locked_down: CloudSettings
) -> None:
    made = assembly.assemble(pipeline, profile=profile, settings=locked_down)
    used = preflight.containers.image_names(made.spec)
    assert all(image.startswith("europe-west4-docker.pkg.dev/my-project/") for image in used)
    found = preflight.problems(made, locked_down, "run")
    assert not [note for note in found.notes if "is public" in note]


def test_a_public_image_is_said_and_a_launcher_needs_a_digest(locked_down: CloudSettings) -> None:
    images = {name: image for name, image in locked_down.images.items() if name != "launcher"}
    without = locked_down.model_copy(update={"images": images})
    (note,) = [
        note
        for note in preflight.problems(
            assembly.assemble("forecasting", profile="l4-spot", settings=without), without, "run"
        ).notes
        if "is public" in note
    ]
    assert "images.launcher in cloud.yaml" in note
    tagged = locked_down.model_copy(update={"images": {**images, "launcher": "europe-west4-docker.pkg.dev/p/g:2.22.0"}})
    made = assembly.assemble("forecasting", profile="l4-spot", settings=tagged)
    assert "has no digest" in "\n".join(preflight.problems(made, tagged, "run").problems)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"encryption_key": KEY.replace("europe-west4", "us-central1")}, "expected a key in europe-west4"),
        ({"encryption_key": "my-key"}, "encryption_key: expected projects/PROJECT/locations/REGION/keyRings/RING"),
        ({"network": "projects/my-project/global/networks/n"}, "NUMBER is that of the project: gcloud projects"),
        ({"network_attachment": "n"}, "expected projects/PROJECT/regions/REGION/networkAttachments/NAME"),
        (
            {"network": NETWORK, "network_attachment": "projects/p/regions/r/networkAttachments/n"},
            "network_attachment: a job has this or network, not both",
        ),
        ({"reserved_ip_ranges": ["a"]}, "reserved_ip_ranges: these are ranges of network, which is left out"),
        ({"network": NETWORK, "reserved_ip_ranges": ["My Range"]}, "expected the name of an address range"),
        ({"images": {"serving": ""}}, "images.serving: expected HOST/PROJECT/REPOSITORY/NAME@sha256:DIGEST"),
        ({"endpoints": {"google": "proxy"}}, "endpoints.google: expected an address such as https://HOST"),
        ({"endpoints": {"vertex": "http://127.0.0.1@evil.example"}}, "endpoints.vertex: expected an address"),
        ({"location": "Europe"}, "location: expected a region such as europe-west4"),
        ({"project": "123456"}, "project: expected a project's id, not its number"),
        ({"root": "s3://bucket"}, "root: expected a folder such as gs://my-bucket/runs"),
        ({"service_account": "robot"}, "service_account: expected an address such as NAME@PROJECT.iam"),
    ],
    ids=[
        "key-elsewhere", "key", "network-by-id", "attachment", "both", "ranges", "range", "no-image", "no-address",
        "user", "region", "number", "root", "account",
    ],
)  # fmt: skip
def test_settings_that_vertex_would_refuse_are_refused(change: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError) as caught:
        CloudSettings.parse({**read(EXAMPLE).model_dump(), **change})
    assert expected in str(caught.value)
