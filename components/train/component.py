"""KFP signature of the train stage; what it does is in step.py."""

from kfp import dsl
from kfp.dsl import HTML, Dataset, Input, Metrics, Model, Output

from components.shared import images


@dsl.component(base_image=images.BASE, target_image=images.SUITE, install_kfp_package=False)
def train(
    prepared: Input[Dataset],
    config: dict,
    model: Output[Model],
    metrics: Output[Metrics],
    curves: Output[HTML],
    device: str = "auto",
    seed: int = 0,
):
    """Train the configured model and keep its best epoch.

    Args:
        prepared: arrays written by `preprocess`.
        config: the `train` section of an experiment.
        model: `model.keras` with its config, preprocessing, history and environment.
        metrics: epochs run, best epoch, losses, parameters, seconds.
        curves: loss by epoch, as a page.
        device: auto, cpu, metal, cuda or tpu.
        seed: seeds weights, shuffling and dropout.
    """
    from components.train import step
    from components.train.config import TrainConfig

    figures = step.run(
        TrainConfig.parse(config, section="train"), prepared.path, model.path, curves.path, device=device, seed=seed
    )
    if figures is None:  # a worker that is not the chief; the chief tells for all
        return
    model.metadata.update(figures.describe())
    for name, value in figures.numbers().items():
        metrics.log_metric(name, value)
