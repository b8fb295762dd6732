"""``python -m local_runner serve``: the runs of one store as local web pages.

The pages only read. They are served to this machine alone (127.0.0.1), show nothing from outside the store, and run
none of what tasks wrote: see :mod:`local_runner.serve.security` and :mod:`local_runner.serve.places`.
"""
