"""A/B forecasting: two models of the same windows, their ensemble, and which of the three is worth having."""

from google_cloud_pipeline_components.v1.bigquery import (
    BigqueryCreateModelJobOp,
    BigqueryEvaluateModelJobOp,
    BigqueryPredictModelJobOp,
)
from kfp import dsl
from kfp.dsl import Dataset, Input

from pipelines import stages


@dsl.pipeline(
    name="train-in-bigquery", description="Train boosted trees in BigQuery ML on the same windows, and ask them."
)
def train_in_bigquery(prepared: Input[Dataset], train: dict, twin: dict):
    """Send the windows' columns to BigQuery; there create the twin, evaluate it on the hold-out and forecast with it.

    Args:
        prepared: arrays written by `preprocess`.
        train: the section of the local model whose twin this is.
        twin: project, dataset, location and name.
    """
    sent = stages.bigquery_twin(prepared=prepared, config=twin, train=train)
    place = {"project": sent.outputs["project"], "location": sent.outputs["location"]}
    created = BigqueryCreateModelJobOp(query=sent.outputs["create_model"], **place)
    asked = {"model": created.outputs["model"], "query_statement": sent.outputs["holdout"], **place}
    BigqueryEvaluateModelJobOp(**asked)
    BigqueryPredictModelJobOp(**asked)


@dsl.pipeline(
    name="forecasting-ab",
    description="Train two models on the same windows, combine them, score all three in one table and register.",
)
def forecasting_ab(
    ingest: dict,
    preprocess: dict,
    train_a: dict,
    train_b: dict,
    ensemble: dict,
    evaluate: dict,
    explain: dict,
    register: dict,
    twin: dict,
    bigquery: bool = False,
    device: str = "auto",
    seed: int = 0,
) -> str:
    """Train two forecasting models and register their ensemble.

    Args:
        ingest: where the table is and what its columns must look like.
        preprocess: horizon, lookback, target transform, scaling, split; the same for both models.
        train_a: one model and its training settings, a network for example.
        train_b: the other one, boosted trees for example.
        ensemble: how the two are weighted, on validation windows.
        evaluate: baselines and the deciding metric; the members are scored beside the ensemble.
        explain: samples, background and quadrature of each member's attributions.
        register: registry, model name and gate.
        twin: where in BigQuery the twin of model B lives.
        bigquery: train that twin, evaluate it and forecast with it; only on Google Cloud.
        device: auto, cpu, metal, cuda or tpu.
        seed: seeds both trainings and the draws of the explanations.

    Returns:
        The registered version of the ensemble.
    """
    table = stages.ingest(config=ingest)
    prepared = stages.preprocess(table=table.outputs["table"], config=preprocess).outputs["prepared"]
    # Neither waits for the other: in the cloud, and with workers of their own, they train at the same time.
    model_a = stages.train(prepared=prepared, config=train_a, device=device, seed=seed)
    model_b = stages.train(prepared=prepared, config=train_b, device=device, seed=seed)
    model_a.set_display_name("train A")
    model_b.set_display_name("train B")
    combined = stages.ensemble(
        prepared=prepared, model_a=model_a.outputs["model"], model_b=model_b.outputs["model"], config=ensemble
    )
    scored = stages.evaluate(prepared=prepared, model=combined.outputs["model"], config=evaluate)
    registered = stages.register(
        prepared=prepared, model=combined.outputs["model"], evaluation=scored.outputs["metrics"], config=register
    )
    with dsl.If(bigquery == True, name="bigquery"):  # noqa: E712  KFP builds the condition from this comparison
        train_in_bigquery(prepared=prepared, train=train_b, twin=twin)
    for name, trained in (("A", model_a), ("B", model_b)):
        explained = stages.explain(prepared=prepared, model=trained.outputs["model"], config=explain, seed=seed)
        explained.set_display_name(f"explain {name}")
        registered.after(explained)  # an ensemble of models that cannot be explained takes no alias
    return registered.outputs["Output"]
