"""``python -m components.shared``: what the backend in use sees of this machine, as one JSON object.

``doctor`` of the local runner asks this way, once for each installed backend, in a process that may die of it.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict

from components.shared import backend, device, health
from components.shared.chips import advice
from components.shared.errors import TandemError


def main() -> None:
    probe = device.ThisMachine()
    asked = dict(os.environ)  # detection adds settings of its own
    try:
        found = device.detect("auto", probe)
    except TandemError as error:
        sys.exit(f"error: {error}")
    seen = asdict(found) | {
        "version": backend.backend_version(found.backend),
        "advice": asdict(advice(found)),
        "problems": health.problems(probe, asked),
        "warnings": health.warnings(probe),
    }
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
