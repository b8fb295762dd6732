"""KFP signatures of the forecast stage; what it does is in choosing.py and step.py."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Model, Output

from components.shared import images


@dsl.component(base_image=images.BASE, target_image=images.SUITE, install_kfp_package=False)
def find_model(config: dict, model: Output[Model]):
    """Take a model from a folder or from the registry into this run.

    Args:
        config: the `model` section: `source` (a folder or `name@alias`) and `registry`.
        model: a copy of the model folder.
    """
    from components.forecast import choosing
    from components.forecast.config import ModelChoice

    model.metadata["name"] = choosing.copy(ModelChoice.parse(config, section="model"), model.path)


@dsl.component(base_image=images.BASE, target_image=images.SUITE, install_kfp_package=False)
def forecast(table: Input[Dataset], model: Input[Model], config: dict, forecasts: Output[Dataset]):
    """Forecast the future of new rows, with dates and intervals, in the target's own units.

    Args:
        table: new rows, written by `ingest`, with the columns of the table the model was trained on.
        model: a model written by `train`, or found by `find_model`.
        config: the `forecast` section: origins, intervals, calendar, destination.
        forecasts: a table of model, origin, time, forecast and the ends of each interval.
    """
    from components.forecast import step
    from components.forecast.config import ForecastConfig

    facts = step.run(
        ForecastConfig.parse(config, section="forecast"),
        table.path,
        model.path,
        forecasts.path,
        name=model.metadata.get("name", ""),
    )
    forecasts.metadata.update(facts)
