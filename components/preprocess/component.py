"""KFP signature of the preprocess stage; what it does is in step.py."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Output

from components.shared import images


@dsl.component(base_image=images.BASE, target_image=images.SUITE, install_kfp_package=False)
def preprocess(table: Input[Dataset], config: dict, prepared: Output[Dataset]):
    """Split by time with an embargo, fit imputation, scaling and selection on train rows, lay windows over one array.

    Args:
        table: a table written by `ingest`.
        config: the `preprocess` section of an experiment.
        prepared: `features.npy`, `labels.npy`, `targets.npy`, `times.npy`, `starts-*.npy` and `preprocessing.json`.
    """
    from components.preprocess import step
    from components.preprocess.config import PreprocessConfig

    prepared.metadata.update(step.run(PreprocessConfig.parse(config, section="preprocess"), table.path, prepared.path))
