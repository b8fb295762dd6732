"""KFP signature of the register stage; what it does is in step.py."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Metrics, Model, Output

from components.shared import images


@dsl.component(base_image=images.BASE, target_image=images.SUITE, install_kfp_package=False)
def register(
    prepared: Input[Dataset],
    model: Input[Model],
    evaluation: Input[Metrics],
    config: dict,
    exported: Output[Artifact],
) -> str:
    """Export a model, check the export against the model, and register it as candidate, or champion if it earned it.

    Args:
        prepared: arrays written by `preprocess`; a few windows check the export.
        model: a model written by `train`.
        evaluation: metrics written by `evaluate`; its verdict decides about the alias.
        config: the `register` section of an experiment.
        exported: the SavedModel with its manifest.

    Returns:
        The registered version, for example `soybean-oil-1m/3`.
    """
    from components.register import step
    from components.register.config import RegisterConfig

    registration = step.run(
        RegisterConfig.parse(config, section="register"), prepared.path, model.path, evaluation.path, exported.path
    )
    exported.metadata.update(registration.describe())
    return registration.version_name
