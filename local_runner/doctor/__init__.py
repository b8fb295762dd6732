"""``python -m local_runner doctor``: what this machine has, what is wrong with it, and what to type.

``checks.py`` lists the checks; each is one function from :class:`Surroundings` to findings.
"""
