"""``python -m components.shared``: what the backend in use sees of this machine, as one JSON object.

``doctor`` of the local runner asks this way, once for each installed backend, in a process that may die of it.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from components.shared import backend, device
from components.shared.chips import advice
from components.shared.errors import TandemError


def main() -> None:
    try:
        found = device.detect("auto")
    except TandemError as error:
        sys.exit(f"error: {error}")
    seen = asdict(found) | {"version": backend.backend_version(found.backend), "advice": asdict(advice(found))}
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
