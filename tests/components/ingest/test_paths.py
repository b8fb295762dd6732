from __future__ import annotations

from pathlib import Path

import pytest

from components.ingest.paths import existing_file, files_of, locate
from components.shared.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.csv", "a.csv", "deep/c.csv", "notes.txt", "_skipped.csv", ".hidden.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "names"),
    [("", ["a.csv", "b.csv", "c.csv"]), ("b.csv", ["b.csv"]), ("*.csv", ["_skipped.csv", "a.csv", "b.csv"])],
    ids=["folder", "file", "glob"],
)
def test_files_are_found_in_the_order_of_their_names(folder: Path, pattern: str, names: list[str]) -> None:
    assert [path.name for path in files_of(str(folder / pattern), (".csv",))] == names


@pytest.mark.parametrize(
    ("path", "suffix", "message"),
    [
        ("a.cvs", ".csv", r"a\.cvs: no such file or folder; .* holds a\.csv"),
        ("depe/c.csv", ".csv", r"holds deep"),
        ("*.tsv", ".csv", "no file matches this pattern"),
        ("", ".parquet", r"the folder holds no \*\.parquet"),
    ],
)
def test_a_wrong_path_is_refused_with_what_is_there(folder: Path, path: str, suffix: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        files_of(str(folder / path), (suffix,))


def test_a_file_whose_name_looks_like_a_glob_is_itself(tmp_path: Path) -> None:
    (tmp_path / "a[1].csv").write_text("x")
    assert files_of(str(tmp_path / "a[1].csv"), (".csv",)) == [tmp_path / "a[1].csv"]


def test_sample_data_is_found_wherever_the_package_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert locate("sample:feature_catalog.yaml").is_file()


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a file, got a folder"):
        existing_file(str(tmp_path))


@pytest.mark.parametrize("text", ["gs://bucket/a.csv", "s3://bucket/*.csv", "https://example.com/a.csv"])
def test_a_remote_path_is_refused_as_such(text: str) -> None:
    with pytest.raises(InputError, match="remote paths are not read here; copy"):
        files_of(text, (".csv",))
    with pytest.raises(InputError, match="remote paths are not read here; copy"):
        existing_file(text)
