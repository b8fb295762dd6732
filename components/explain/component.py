"""KFP signature of the explain stage; what it does is in step.py."""

from kfp import dsl
from kfp.dsl import HTML, Dataset, Input, Metrics, Model, Output

from components.shared import images


@dsl.component(base_image=images.BASE, target_image=images.SUITE, install_kfp_package=False)
def explain(
    prepared: Input[Dataset],
    model: Input[Model],
    config: dict,
    explanations: Output[Dataset],
    metrics: Output[Metrics],
    report: Output[HTML],
    seed: int = 0,
):
    """Attribute hold-out forecasts to features by expected gradients, and state the residual.

    Args:
        prepared: arrays written by `preprocess`.
        model: a model written by `train`.
        config: the `explain` section of an experiment.
        explanations: attributions by sample, time and feature, with base values and residuals.
        metrics: the residual and the share of the strongest features.
        report: top features, as a page.
        seed: which samples and background windows are drawn.
    """
    from components.explain import step
    from components.explain.config import ExplainConfig

    numbers = step.run(
        ExplainConfig.parse(config, section="explain"),
        prepared.path,
        model.path,
        explanations_path=explanations.path,
        report_path=report.path,
        seed=seed,
    )
    for name, value in numbers.items():
        metrics.log_metric(name, value)
