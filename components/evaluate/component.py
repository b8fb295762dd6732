"""KFP signature of the evaluate stage; what it does is in step.py."""

from kfp import dsl
from kfp.dsl import HTML, Dataset, Input, Metrics, Model, Output

from components.shared import images


@dsl.component(base_image=images.BASE, target_image=images.SUITE, install_kfp_package=False)
def evaluate(
    prepared: Input[Dataset],
    model: Input[Model],
    config: dict,
    metrics: Output[Metrics],
    forecasts: Output[Dataset],
    report: Output[HTML],
):
    """Score a model on the hold-out beside its baselines, in the target's own units.

    Args:
        prepared: arrays written by `preprocess`.
        model: a model written by `train`.
        config: the `evaluate` section of an experiment.
        metrics: `metrics.json` with the whole table and the verdict; `<forecaster>/<metric>` numbers as metadata.
        forecasts: a table of origin, date, truth and one column a forecaster.
        report: the table and a forecast plot, as a page.
    """
    from components.evaluate import step
    from components.evaluate.config import EvaluateConfig

    numbers = step.run(
        EvaluateConfig.parse(config, section="evaluate"),
        prepared.path,
        model.path,
        metrics_path=metrics.path,
        forecasts_path=forecasts.path,
        report_path=report.path,
    )
    for name, value in numbers.items():
        metrics.log_metric(name, value)
