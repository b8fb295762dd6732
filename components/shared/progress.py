"""Tell whoever runs the task how far it is.

Progress is a record on the standard logger ``tandem.progress`` whose ``progress`` attribute is a plain dict
``{"step": 3, "total": 50, "what": "epoch", "figures": {"loss": 0.12}}``. The local runner listens there and draws it;
in a container nothing listens, so the line is printed and lands in the task's log.
"""

from __future__ import annotations

import logging

LOGGER = logging.getLogger("tandem.progress")
LOGGER.setLevel(logging.INFO)
LOGGER.propagate = False


def report(what: str, step: int, total: int | None = None, **figures: float) -> None:
    """Report that ``step`` of ``total`` (None when unknown) is done, with the figures worth watching.

    Example:
        >>> report("epoch", 3, 50, loss=0.125)
        epoch 3/50  loss 0.125
    """
    of_total = f"/{total}" if total is not None else ""
    line = f"{what} {step}{of_total}  " + "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
    if LOGGER.handlers:
        record = {"what": what, "step": step, "total": total, "figures": figures}
        LOGGER.log(logging.INFO, line.rstrip(), extra={"progress": record})
    else:
        print(line.rstrip(), flush=True)
