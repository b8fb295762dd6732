"""Software bills of materials, CycloneDX 1.6 as JSON, one a lock. Standard library only.

    python containers/sbom.py                      dist/sbom/LOCK.cdx.json of every lock in requirements/
    python containers/sbom.py linux-cpu-py311      of one

``make sbom`` runs it. The same lock gives the same bytes. Which file of a package an installer takes depends on the
machine, so each package carries the hashes of all files that the lock accepts.
https://cyclonedx.org/docs/1.6/json/ is the format.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCKS, OUT = ROOT / "requirements", ROOT / "dist" / "sbom"
_PIN = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?==(?P<version>[^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def packages(lock: str) -> Iterator[tuple[str, str, list[str]]]:
    """Name, version and SHA-256 hashes of each package of a lock, in its order."""
    blocks = re.split(r"\n(?=\S)", lock)
    for block in blocks:
        if pin := _PIN.match(block):
            yield re.sub(r"[-_.]+", "-", pin["name"]).lower(), pin["version"], _HASH.findall(block)


def bill(name: str, lock: str, project: dict[str, Any]) -> dict[str, Any]:
    """The bill of one lock.

    Args:
        name: of the lock, for example ``linux-cpu-py311``.
        lock: its text.
        project: the ``project`` table of pyproject.toml.
    """
    digest = hashlib.sha256(lock.encode()).hexdigest()
    own = f"pkg:pypi/{project['name']}@{project['version']}"
    found = [_component(*package) for package in packages(lock)]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, digest)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": project["name"],
                "version": project["version"],
                "purl": own,
                "licenses": [{"license": {"id": project["license"]}}],
            },
            "properties": [{"name": "tandem:lock", "value": name}, {"name": "tandem:lock:sha256", "value": digest}],
        },
        "components": found,
        # A lock says what is installed, not which package asked for it.
        "dependencies": [{"ref": own, "dependsOn": [component["bom-ref"] for component in found]}],
    }


def _component(name: str, version: str, hashes: list[str]) -> dict[str, Any]:
    purl = f"pkg:pypi/{name}@{version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": content} for content in hashes],
    }


def main() -> None:
    names = sys.argv[1:] or sorted(path.stem for path in LOCKS.glob("*-py3*.txt"))
    absent = [name for name in names if not (LOCKS / f"{name}.txt").is_file()]
    if absent:
        known = ", ".join(sorted(path.stem for path in LOCKS.glob("*-py3*.txt")))
        sys.exit(f"there is no lock {', '.join(absent)}; there are {known}")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    OUT.mkdir(parents=True, exist_ok=True)
    for name in names:
        content = bill(name, (LOCKS / f"{name}.txt").read_text(encoding="utf-8"), project)
        target = OUT / f"{name}.cdx.json"
        scratch = target.with_suffix(".tmp")
        scratch.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        scratch.replace(target)
        sys.stdout.write(f"{target.relative_to(ROOT)}: {len(content['components'])} packages\n")


if __name__ == "__main__":
    main()
