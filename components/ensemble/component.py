"""KFP signature of the ensemble stage; what it does is in step.py."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Model, Output

from components.shared import images


@dsl.component(base_image=images.BASE, target_image=images.SUITE, install_kfp_package=False)
def ensemble(
    prepared: Input[Dataset],
    model_a: Input[Model],
    model_b: Input[Model],
    config: dict,
    model: Output[Model],
    metrics: Output[Metrics],
    model_c: Input[Model] = None,
):
    """Combine models with convex weights found on validation.

    Args:
        prepared: arrays written by `preprocess`; the `validation` split finds the weights.
        model_a: a model written by `train`, on these very arrays.
        model_b: another one.
        config: the `ensemble` section of an experiment.
        model: a model folder that holds copies of its members and their weights.
        metrics: each member's weight and validation loss, and those of the combination.
        model_c: a third one, if there is one.
    """
    from components.ensemble import step
    from components.ensemble.config import EnsembleConfig

    found = step.run(
        EnsembleConfig.parse(config, section="ensemble"),
        prepared.path,
        [given.path for given in (model_a, model_b, model_c) if given is not None],
        model.path,
    )
    model.metadata.update({"kind": "ensemble", "framework": "ensemble", "members": ", ".join(found.weights)})
    for name, value in found.numbers().items():
        metrics.log_metric(name, value)
