"""Neural forecasting: from a table to an explained model in the registry."""

from kfp import dsl

from pipelines import stages


@dsl.pipeline(
    name="forecasting",
    description="Ingest a table, prepare windows, train, score beside baselines, explain and register.",
)
def forecasting(
    ingest: dict,
    preprocess: dict,
    train: dict,
    evaluate: dict,
    explain: dict,
    register: dict,
    device: str = "auto",
    seed: int = 0,
) -> str:
    """Train and register one forecasting model.

    Args:
        ingest: where the table is and what its columns must look like.
        preprocess: horizon, lookback, target transform, scaling, split.
        train: model and training settings.
        evaluate: baselines and the deciding metric.
        explain: samples, background and quadrature of the attributions.
        register: registry, model name and gate.
        device: auto, cpu, metal, cuda or tpu.
        seed: seeds training and the draws of the explanation.

    Returns:
        The registered model version.
    """
    table = stages.ingest(config=ingest)
    prepared = stages.preprocess(table=table.outputs["table"], config=preprocess)
    trained = stages.train(prepared=prepared.outputs["prepared"], config=train, device=device, seed=seed)
    scored = stages.evaluate(prepared=prepared.outputs["prepared"], model=trained.outputs["model"], config=evaluate)
    explained = stages.explain(
        prepared=prepared.outputs["prepared"], model=trained.outputs["model"], config=explain, seed=seed
    )
    registered = stages.register(
        prepared=prepared.outputs["prepared"],
        model=trained.outputs["model"],
        evaluation=scored.outputs["metrics"],
        config=register,
    )
    registered.after(explained)  # a model that cannot be explained takes no alias
    return registered.outputs["Output"]
