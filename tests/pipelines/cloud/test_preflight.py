"""Preflight: forty ways to spoil a submission, each refused with the message that fixes it."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from pipelines.cloud import assembly, preflight
from pipelines.cloud.settings import EXAMPLE, CloudSettings, read

if TYPE_CHECKING:
    from cloud.whole import Cloud

Spec = dict[str, Any]


@pytest.fixture(scope="module")
def settings() -> CloudSettings:
    return read(EXAMPLE)


@pytest.fixture(scope="module")
def good(settings: CloudSettings) -> dict[str, assembly.Assembly]:
    return {
        profile: assembly.assemble("forecasting", profile=profile, settings=settings)
        for profile in ("l4", "tpu-v5e-4", "l4x4-workers")
    }


def tasks(spec: Spec) -> Spec:
    return spec["root"]["dag"]["tasks"]


def executor(spec: Spec, name: str = "train") -> Spec:
    return spec["deploymentSpec"]["executors"][f"exec-{name}"]["container"]


def pool(spec: Spec, number: int = 0) -> Spec:
    return spec["components"]["comp-train"]["inputDefinitions"]["parameters"]["worker_pool_specs"]["defaultValue"][
        number
    ]


def put(path: str, value: Any) -> Callable[[Spec], None]:
    """Set ``a.b.c`` of a spec."""

    def change(spec: Spec) -> None:
        *outer, last = path.split(".")
        for key in outer:
            spec = spec[key]
        spec[last] = value

    return change


def drop(path: str) -> Callable[[Spec], None]:
    def change(spec: Spec) -> None:
        *outer, last = path.split(".")
        for key in outer:
            spec = spec[key]
        del spec[last]

    return change


ROOT, TRAIN = "root.dag.tasks", "deploymentSpec.executors.exec-train.container"
ACCELERATOR = f"{TRAIN}.resources.accelerator"
MUTATIONS: list[tuple[str, str, Callable[[Spec], Any], str]] = [
    ("bad-name", "l4", put("pipelineInfo.name", "My Pipeline"), "pipelineInfo.name: expected up to 128 small letters"),
    ("no-name", "l4", drop("pipelineInfo.name"), "pipelineInfo.name: expected"),
    ("no-info", "l4", drop("pipelineInfo"), "pipelineInfo.name: expected"),
    ("schema", "l4", put("schemaVersion", "9.9"), "schemaVersion: expected 2.0.0 or 2.1.0, got '9.9'"),
    ("sdk", "l4", put("sdkVersion", "kfp-1.8.22"), "sdkVersion: expected kfp-2.x.y, got 'kfp-1.8.22'"),
    ("new-sdk", "l4", put("sdkVersion", "kfp-2.14.3"), "Vertex AI knows KFP up to 2.13"),
    ("root-field", "l4", put("speling", 1), "unknown field speling"),
    (
        "task-field",
        "l4",
        put(f"{ROOT}.train.componentReff", {}),
        "unknown field root.dag.tasks.train.componentReff: did you mean componentRef?",
    ),
    (
        "container-field",
        "l4",
        put(f"{TRAIN}.imagee", "x"),
        "executors.exec-train.container.imagee: did you mean image?",
    ),
    ("wrong-kind", "l4", put("root.dag", "tasks"), "root.dag: expected a mapping, got str"),
    ("number-as-text", "l4", put(f"{TRAIN}.resources.cpuLimit", "many"), "PipelineDeploymentConfig"),
    ("no-tasks", "l4", put(ROOT, {}), "expected dag.tasks with at least one task"),
    (
        "dangling-task",
        "l4",
        put(f"{ROOT}.evaluate.dependentTasks", ["trian"]),
        "waits for unknown task 'trian': did you mean train?",
    ),
    (
        "dangling-component",
        "l4",
        put(f"{ROOT}.train.componentRef.name", "comp-tran"),
        "unknown component 'comp-tran': did you mean comp-train?",
    ),
    ("missing-executor", "l4", drop("deploymentSpec.executors.exec-train"), "unknown executor 'exec-train'"),
    ("no-label", "l4", drop("components.comp-train.executorLabel"), "expected dag or executorLabel, got neither"),
    ("circle", "l4", put(f"{ROOT}.ingest.dependentTasks", ["register"]), "tasks wait for each other: "),
    (
        "unknown-output",
        "l4",
        put(f"{ROOT}.preprocess.inputs.artifacts.table.taskOutputArtifact.outputArtifactKey", "tabel"),
        "did you mean table?",
    ),
    (
        "unknown-producer",
        "l4",
        put(f"{ROOT}.preprocess.inputs.artifacts.table.taskOutputArtifact.producerTask", "ingst"),
        "reads from unknown task 'ingst'",
    ),
    (
        "unknown-input",
        "l4",
        put(f"{ROOT}.train.inputs.parameters.config.componentInputParameter", "trian"),
        "reads unknown input 'trian': did you mean train?",
    ),
    ("input-not-given", "l4", drop(f"{ROOT}.train.inputs.artifacts.prepared"), "its input prepared is not given"),
    (
        "output-of-nobody",
        "l4",
        put("root.dag.outputs.parameters.Output.valueFromParameter.producerSubtask", "regster"),
        "output Output is of unknown task 'regster'",
    ),
    ("image", "l4", put(f"{TRAIN}.image", "Not An Image"), "is not the name of an image"),
    (
        "no-digest",
        "l4",
        put(f"{TRAIN}.image", "eu.pkg.dev/p/r/gpu:latest"),
        "has no digest, so that it may be another one tomorrow",
    ),
    (
        "symbolic-image",
        "l4",
        put(f"{TRAIN}.image", "tandem-suite"),
        "no image is named for it. Next: fill in images.gpu in cloud.yaml",
    ),
    (
        "tpu-on-a-task",
        "l4",
        put(f"{ACCELERATOR}.type", "TPU_V5_LITEPOD"),
        "a task takes no TPU_V5_LITEPOD, only a custom job does",
    ),
    ("unknown-gpu", "l4", put(f"{ACCELERATOR}.type", "NVIDIA_L5"), "unknown accelerator NVIDIA_L5; known: NVIDIA_"),
    ("gpu-count", "l4", put(f"{ACCELERATOR}.count", "3"), "NVIDIA_L4 comes in 1, 2, 4, 8, not 3"),
    (
        "gpu-machine",
        "l4",
        put(f"{TRAIN}.resources.memoryLimit", 500.0),
        "no machine with 1 NVIDIA_L4 has 8 CPUs and 500 GB",
    ),
    (
        "gpu-region",
        "l4",
        put(f"{ACCELERATOR}.type", "NVIDIA_H200_141GB"),
        "NVIDIA_H200_141GB is not to be had in europe-west4",
    ),
    ("cpu-limit", "l4", put(f"{TRAIN}.resources.cpuLimit", 128.0), "a task may ask for 96 CPUs, got 128"),
    ("memory-limit", "l4", put(f"{TRAIN}.resources.memoryLimit", 700.0), "a task may ask for 624 GB, got 700"),
    (
        "tpu-topology",
        "tpu-v5e-4",
        lambda spec: pool(spec)["machine_spec"].update(tpu_topology="4x4"),
        "expected topology 2x2, got 4x4",
    ),
    (
        "tpu-replicas",
        "tpu-v5e-4",
        lambda spec: pool(spec).update(replica_count=2),
        "expected one worker pool of one replica",
    ),
    (
        "job-machine",
        "tpu-v5e-4",
        lambda spec: pool(spec)["machine_spec"].update(machine_type="ct5lp-hightpu-2t"),
        "unknown machine 'ct5lp-hightpu-2t': did you mean",
    ),
    (
        "job-image",
        "tpu-v5e-4",
        lambda spec: pool(spec)["container_spec"].update(image_uri="a/b:1"),
        "comp-train pool 0: image a/b:1 has no digest",
    ),
    (
        "two-chiefs",
        "l4x4-workers",
        lambda spec: pool(spec).update(replica_count=2),
        "the first pool is the chief: expected replica_count 1",
    ),
    (
        "worker-gpu",
        "l4x4-workers",
        lambda spec: pool(spec, 1)["machine_spec"].update(accelerator_count=2),
        "pool 1: machine g2-standard-8 takes 1 NVIDIA_L4, not 2",
    ),
    (
        "no-pools",
        "l4x4-workers",
        lambda spec: put("defaultValue", [])(
            spec["components"]["comp-train"]["inputDefinitions"]["parameters"]["worker_pool_specs"]
        ),
        "a custom job without worker pools",
    ),
    (
        "worker-machine",
        "l4x4-workers",
        lambda spec: pool(spec, 1)["machine_spec"].update(machine_type="e2-standard-4"),
        "machine e2-standard-4 takes no NVIDIA_L4",
    ),
]


def said(made: assembly.Assembly, settings: CloudSettings, run: str = "forecasting-x") -> str:
    return "\n".join(preflight.problems(made, settings, run).problems)


@pytest.mark.parametrize(
    ("profile", "change", "expected"), [each[1:] for each in MUTATIONS], ids=[each[0] for each in MUTATIONS]
)
def test_a_spoilt_spec_is_refused_with_the_message_that_fixes_it(
    profile: str,
    change: Callable[[Spec], Any],
    expected: str,
    good: dict[str, assembly.Assembly],
    settings: CloudSettings,
) -> None:
    assert said(good[profile], settings) == ""
    spec = copy.deepcopy(good[profile].spec)
    change(spec)
    assert expected in said(dataclasses.replace(good[profile], spec=spec), settings)


def test_there_are_forty_of_them() -> None:
    assert len(MUTATIONS) >= 40


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"sed": 3}, "unknown parameter sed: did you mean seed?"),
        ({"seed": "three"}, "parameter seed: expected integer, got str 'three'"),
        ({"seed": True}, "parameter seed: expected integer, got bool"),
        ({"device": 3}, "parameter device: expected string, got int"),
        ({"train": ["lstm"]}, "parameter train: expected struct, got list"),
        ({"train": {"model": "x" * 120_000}}, "train: its parameters are 120,"),
        (
            {"ingest": {"source": {"kind": "csv", "path": "mine.csv"}}},
            "ingest.source.path: mine.csv is on this machine",
        ),
        ({"register": {"registry": {"kind": "mlflow"}}}, "register.registry: an MLflow file would be written into"),
        ({"model": {"source": "runs/latest/model"}}, "--set model.source=gs://BUCKET/model"),
        ({"model": {"source": "oil@champion", "registry": {}}}, "model.registry: an MLflow file is on this machine"),
    ],
    ids=["unknown", "text", "bool", "number", "list", "size", "path", "registry", "model", "version"],
)
def test_a_wrong_parameter_is_named(
    given: Spec, expected: str, good: dict[str, assembly.Assembly], settings: CloudSettings
) -> None:
    made = dataclasses.replace(good["l4"], parameters={**good["l4"].parameters, **given})
    assert expected in said(made, settings)


@pytest.mark.parametrize("profile", ["l4", "l4-spot"])
def test_an_image_that_is_left_out_is_named_by_its_key(profile: str, settings: CloudSettings) -> None:
    images = {kind: image for kind, image in settings.images.items() if kind != "gpu"}
    without = settings.model_copy(update={"images": images})
    made = assembly.assemble("forecasting", profile=profile, settings=without)
    assert "no image is named for it. Next: fill in images.gpu in cloud.yaml" in said(made, without)


def test_the_image_that_serves_needs_a_digest_and_must_be_there(cloud: Cloud) -> None:
    images = {**cloud.settings["images"], "serving": "europe-west4-docker.pkg.dev/p/r/serving:latest"}
    cloud.change(images=images)
    for words in (("doctor", "forecasting"), ("schedule", "create", "a", "forecasting", "--cron", "0 6 * * *")):
        done = cloud.type(*words)
        assert done.exit_code == 2
        assert (
            "images.serving: image europe-west4-docker.pkg.dev/p/r/serving:latest has no digest"
            in done.output + done.stderr
        )
    absent = images["cpu"].partition("@")[0] + "@sha256:" + "e" * 64
    cloud.change(images={**images, "serving": absent})
    assert f"image {absent} is not in its registry" in cloud.type("doctor", "forecasting").output


@pytest.mark.parametrize("pipeline", ["forecast", "forecasting", "forecasting_ab"])
def test_each_shipped_pipeline_can_be_submitted_as_it_is(pipeline: str, settings: CloudSettings) -> None:
    assert said(assembly.assemble(pipeline, settings=settings), settings) == ""


def test_a_server_of_ones_own_registers_in_vertex_and_is_told_so(settings: CloudSettings) -> None:
    made = assembly.assemble("forecasting", settings=settings, profile="l4", target="kfp")
    found = preflight.problems(made, settings, "run")
    assert found.problems == []
    assert "tasks of the Kubeflow server need Google credentials" in found.notes[0]
    assert found.notes[1].endswith("told nothing of these keys of cloud.yaml: service_account, labels")
    forecast = assembly.assemble("forecast", settings=settings, target="kfp")
    assert "Next: --set model.source=/gcs/BUCKET/FOLDER" in said(forecast, settings)


def test_a_missing_parameter_is_named(good: dict[str, assembly.Assembly], settings: CloudSettings) -> None:
    spec = copy.deepcopy(good["l4"].spec)
    definition = spec["root"]["inputDefinitions"]["parameters"]["seed"]
    del definition["defaultValue"], definition["isOptional"]
    values = {name: value for name, value in good["l4"].parameters.items() if name != "seed"}
    made = dataclasses.replace(good["l4"], spec=spec, parameters=values)
    assert "parameter seed is missing: the pipeline needs it. Next: --param seed=VALUE" in said(made, settings)


@pytest.mark.parametrize(
    ("change", "run", "expected"),
    [
        ({"labels": {"Team": "soy"}}, "a", "labels.Team: expected small letters"),
        ({"labels": {"team": "Soy Oil"}}, "a", "labels.team: expected small letters"),
        ({"labels": {f"l{n}": "x" for n in range(60)}}, "a", "Vertex AI takes 59 of your own, got 60"),
        ({"notify": ["nobody"]}, "a", "notify: 'nobody' is not an e-mail address"),
        ({}, "Forecasting 1", "run name 'Forecasting 1'"),
    ],
    ids=["key", "value", "count", "mail", "name"],
)
def test_what_is_around_the_spec_is_checked_too(
    change: Spec, run: str, expected: str, good: dict[str, assembly.Assembly], settings: CloudSettings
) -> None:
    assert expected in said(good["l4"], settings.model_copy(update=change), run)


def test_everything_is_said_at_once(good: dict[str, assembly.Assembly], settings: CloudSettings) -> None:
    spec = copy.deepcopy(good["l4"].spec)
    for _, profile, change, _ in MUTATIONS[3:8]:
        assert profile == "l4"
        change(spec)
    assert len(preflight.problems(dataclasses.replace(good["l4"], spec=spec), settings, "a").problems) >= 4


def test_a_sound_project_passes(cloud: Cloud) -> None:
    done = cloud.type("doctor", "forecasting", "--profile", "l4")
    assert (done.exit_code, "nothing is in the way" in done.output) == (0, True), done.output


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (
            lambda cloud: cloud.apis.disabled.add("aiplatform.googleapis.com"),
            "Vertex AI is switched off. Next: gcloud services enable",
        ),
        (
            lambda cloud: cloud.apis.denied.add("aiplatform.pipelineJobs.create"),
            "you lack aiplatform.pipelineJobs.create. Next: gcloud projects",
        ),
        (lambda cloud: cloud.apis.denied.add("iam.serviceAccounts.actAs"), "you may not act as tandem-pipelines@"),
        (
            lambda cloud: cloud.apis.accounts.clear(),
            "there is no tandem-pipelines@tandem-test.iam.gserviceaccount.com. Next: gcloud iam",
        ),
        (lambda cloud: cloud.apis.images.clear(), "is not in its registry, or may not be seen (which takes"),
        (
            lambda cloud: cloud.apis.quotas.update(CustomModelTrainingL4GPUsPerProjectPerRegion=0),
            "quota CustomModelTrainingL4GPUsPerProjectPerRegion in us-central1 is 0",
        ),
        (
            lambda cloud: cloud.change(root="gs://tandem-nowhere-here"),
            "there is no bucket gs://tandem-nowhere-here. Next: gcloud storage buckets create",
        ),
        (lambda cloud: cloud.change(location="europe-west4"), "is in us-central1, runs are in europe-west4"),
        (
            lambda cloud: cloud.change(encryption_key="projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"),
            "--default-encryption-key=projects/p/locations/us-central1/keyRings/r/cryptoKeys/k",
        ),
        (
            lambda cloud: cloud.change(service_account="robot@robots.iam.gserviceaccount.com"),
            "there is no robot@robots.iam.gserviceaccount.com. Next: gcloud iam service-accounts create robot "
            "--project robots",
        ),
    ],
    ids=["service", "permission", "act-as", "account", "image", "quota", "bucket", "region", "key", "foreign-account"],
)
def test_what_google_knows_is_asked_for(cloud: Cloud, spoil: Callable[[Cloud], Any], expected: str) -> None:
    spoil(cloud)
    done = cloud.type("doctor", "forecasting", "--profile", "l4")
    assert (done.exit_code, expected in done.output) == (2, True), done.output
    assert not cloud.vertex.of("pipelineJobs")


@pytest.mark.parametrize(
    ("host", "google"),
    [
        ("gcr.io", True), ("eu.gcr.io", True), ("europe-west4-docker.pkg.dev", True), ("mygcr.io", False),
        ("evil.example?.gcr.io", False), ("evil.example#-docker.pkg.dev", False), ("gcr.io@evil.example", False),
        ("x.gcr.io.evil.example", False), ("docker.io", False),
    ],
)  # fmt: skip
def test_credentials_go_to_googles_registries_alone(host: str, google: bool) -> None:
    assert preflight.online.registry.asked(f"{host}/p/r@sha256:{'1' * 64}") is google


def test_what_may_not_be_asked_says_which_role_it_takes(cloud: Cloud) -> None:
    from cloud.server import Fault

    cloud.storage.server.faults = dict.fromkeys(range(9), Fault("403"))
    cloud.apis.server.faults = dict.fromkeys(range(9), Fault("403"))
    done = cloud.type("doctor", "forecasting", "--profile", "l4")
    assert done.exit_code == 2
    roles = (
        "storage.legacyBucketReader", "artifactregistry.reader", "serviceusage.serviceUsageViewer", "browser",
        "iam.serviceAccountUser", "cloudquotas.viewer",
    )  # fmt: skip
    assert [role for role in roles if f"roles/{role}" not in done.output] == []
    assert "python -m pipelines doctor" not in done.output  # it is what was typed


@pytest.mark.parametrize(
    ("profile", "change", "said"),
    [
        ("l4", {"distribution": "off"}, []),
        ("tpu-v5e-4", {}, []),
        ("l4x4-workers", {}, []),
        (
            "tpu-v5e-4",
            {"model": {"kind": "dart"}},
            ["train trains on one accelerator (boosted trees grow on one machine)"],
        ),
        ("l4x4-workers", {"distribution": "off"}, ["train trains on one accelerator (distribution: off)"]),
    ],
    ids=["one", "cores-together", "workers-together", "trees", "off"],
)
def test_accelerators_that_would_be_idle_are_said(
    good: dict[str, assembly.Assembly], settings: CloudSettings, profile: str, change: dict[str, Any], said: list[str]
) -> None:
    made = good[profile]
    changed = {**made.parameters, "train": {**made.parameters["train"], **change}}
    found = preflight.problems(dataclasses.replace(made, parameters=changed), settings, "run-1").notes
    idle = [note for note in found if "accelerator" in note]
    assert [note.partition(";")[0] for note in idle] == said
    assert all(f"of profile {profile} are paid for idle" in note for note in idle)
