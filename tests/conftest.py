"""Stand-ins of cloud services live in ``tests/cloud``, a package that tests of several folders use."""

import sys
from pathlib import Path

# Tests are imported one by one, without a package around them; this is how they reach the one they share.
sys.path.insert(0, str(Path(__file__).parent))
pytest_plugins = ["cloud.fixtures"]
