"""Run the train stage itself under the backend in use, on the small prepared artifact of the component tests.

KERAS_BACKEND=torch python probe_train.py FOLDER [TRAIN_SECTION_AS_JSON]
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

from components.train import step
from components.train.config import TrainConfig

PARTS = Path(__file__).resolve().parents[1] / "components" / "conftest.py"


def main() -> None:
    folder = Path(sys.argv[1])
    spec = importlib.util.spec_from_file_location("parts", PARTS)
    assert spec is not None
    assert spec.loader is not None
    parts = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(parts)
    prepared = parts.write_prepared(folder / "prepared")
    section = json.loads(sys.argv[2]) if len(sys.argv) > 2 else {"model": {"kind": "gru", "units": [8]}, "epochs": 2}
    config = TrainConfig.parse(section, section="train")
    figures = step.run(config, str(prepared), str(folder / "model"), str(folder / "curves.html"), device="auto", seed=1)
    print(json.dumps({"tensorflow": "tensorflow" in sys.modules, "val_loss": figures.val_loss}))  # noqa: T201


if __name__ == "__main__":
    main()
