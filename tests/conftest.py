"""Stand-ins of cloud services live in ``tests/cloud``, a package that tests of several folders use."""

pytest_plugins = ["cloud.fixtures"]
