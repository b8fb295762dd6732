"""Where the model is: a folder of this machine, a registered version, or a bucket to copy it from."""

from __future__ import annotations

from pathlib import Path

from components.forecast import choosing
from components.forecast.config import ModelChoice
from components.register.config import MlflowConfig
from components.shared.artifacts import MODEL_FILES
from components.shared.errors import InputError


def bring(source: str, scratch: Path, *, registry: str) -> choosing.Chosen:
    """The model's folder on this machine, and what the model is called.

    Args:
        source: a model folder or one that holds it as ``model/`` (a version of the registry does), here or at a URL
            such as ``gs://bucket/folder``; or a version, ``NAME@ALIAS`` or ``NAME/NUMBER``.
        scratch: an empty folder that a remote model is copied into.
        registry: where versions are looked up.

    Raises:
        InputError: nothing is there, or it is no model.
    """
    if "://" in source:
        _download(source, scratch)
        return choosing.find(ModelChoice(source=str(_model_in(scratch, source))))
    if Path(source).is_dir():
        return choosing.find(ModelChoice(source=str(_model_in(Path(source), source))))
    return choosing.find(ModelChoice(source=source, registry=MlflowConfig(uri=registry)))


def _model_in(folder: Path, source: str) -> Path:
    for candidate in (folder, folder / "model"):
        if any((candidate / name).exists() for name in MODEL_FILES.values()):
            return candidate
    found = ", ".join(sorted(path.name for path in folder.iterdir())) or "nothing"
    raise InputError(f"{source} holds no model: expected {' or '.join(MODEL_FILES.values())}, or a folder model/ "
                     f"with it, found {found}")  # fmt: skip


def _download(source: str, scratch: Path) -> None:
    """Copy all files below a URL. On Vertex AI, AIP_STORAGE_URI is a bucket that is not mounted."""
    import fsspec

    try:
        system, root = fsspec.core.url_to_fs(source)
        files = system.find(root)
        if not files:
            raise InputError(f"{source}: nothing is there")
        for file in files:
            target = scratch / Path(file).relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            system.get_file(file, str(target))
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"{source} cannot be read: {type(error).__name__}: {error}") from error
