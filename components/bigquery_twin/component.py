"""KFP signature of the BigQuery twin stage; what it does is in step.py."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Dataset, Input

from components.shared import images


@dsl.component(base_image=images.BASE, target_image=images.SUITE, install_kfp_package=False)
def bigquery_twin(
    prepared: Input[Dataset],
    config: dict,
    train: dict,
) -> NamedTuple("Twin", create_model=str, holdout=str, project=str, location=str):
    """Send the columns of every window to BigQuery, and write the SQL that trains and asks the twin there.

    Args:
        prepared: arrays written by `preprocess`.
        config: the `twin` section of an experiment.
        train: the `train` section of the local model, boosted trees under squared error.

    Returns:
        The statement that trains the twin, the SELECT of the hold-out, and the project and location of both.
    """
    from components.bigquery_twin import step
    from components.bigquery_twin.config import TwinConfig
    from components.train.config import TrainConfig

    twin = step.run(
        TwinConfig.parse(config, section="twin"), TrainConfig.parse(train, section="train_b"), prepared.path
    )
    return twin.create_model, twin.holdout, twin.project, twin.location
