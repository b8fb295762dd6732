"""Batch forecasts: from new rows and a registered model to dated forecasts with intervals."""

from kfp import dsl

from pipelines import stages


@dsl.pipeline(name="forecast", description="Ingest new rows, take a trained model, forecast the future of the rows.")
def forecast(ingest: dict, model: dict, forecast: dict):
    """Forecast new rows with a trained model.

    Args:
        ingest: where the new rows are and what their columns must look like.
        model: a model folder or a registered version.
        forecast: origins, intervals, calendar, destination.
    """
    # Rows are added to a source, and an alias moves to another version, without a change of the arguments.
    table = stages.ingest(config=ingest).set_caching_options(False)
    chosen = stages.find_model(config=model).set_caching_options(False)
    stages.forecast(table=table.outputs["table"], model=chosen.outputs["model"], config=forecast)
