"""``python -m local_runner``."""

from local_runner.cli import entry

if __name__ == "__main__":
    entry()
