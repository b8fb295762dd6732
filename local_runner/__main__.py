"""``python -m local_runner``."""

from local_runner.cli import entry
from local_runner.leftover_threads import end_with

if __name__ == "__main__":
    end_with(entry)
