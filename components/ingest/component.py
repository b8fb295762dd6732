"""KFP signature of the ingest stage; what it does is in step.py."""

from kfp import dsl
from kfp.dsl import Dataset, Output

from components.shared import images


@dsl.component(base_image=images.BASE, target_image=images.SUITE, install_kfp_package=False)
def ingest(config: dict, table: Output[Dataset]):
    """Read a table from a file or a warehouse, check it against its catalog, write it as sharded Parquet.

    Args:
        config: the `ingest` section of an experiment.
        table: the table as read: `part-*.parquet` and `schema.json`.
    """
    from components.ingest import step
    from components.ingest.config import IngestConfig

    table.metadata.update(step.run(IngestConfig.parse(config, section="ingest"), table.path))
