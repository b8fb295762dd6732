"""CSV and Parquet files as sources. A table may be one file or many; memory is bounded by a batch, not a row group."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq

from components.ingest.casting import convert
from components.ingest.config import CsvSource, ParquetSource
from components.ingest.filters import expression_of, pushable
from components.ingest.notation import Notation
from components.ingest.paths import files_of
from components.ingest.source import Request, Source
from components.shared.errors import InputError

CSV_BLOCK_BYTES = 8 << 20
# Column chunks are read through buffers of this size; otherwise each chunk of a row group would be read whole.
PARQUET_BUFFER_BYTES = 256 << 10
MALFORMED_SHOWN = 3
BINARY_SEARCH_BYTES = 4096
GZIP = b"\x1f\x8b"
LIKELY_DELIMITERS = ";\t|,"


@contextmanager
def open_parquet(config: ParquetSource) -> Iterator[Source]:
    """Open Parquet files. Row groups whose statistics rule a condition out are skipped."""
    files = files_of(config.path, (".parquet", ".pq"))
    schema = _schema_of_all(files, _parquet_schema)

    def read(request: Request) -> Iterator[pa.RecordBatch]:
        for file in files:
            yield from _parquet_batches(file, request)

    yield Source(config.path, schema, read)


def _parquet_schema(file: Path) -> pa.Schema:
    with _explained(file, "Parquet"), pq.ParquetFile(file) as parquet:
        return parquet.schema_arrow


def _parquet_batches(file: Path, request: Request) -> Iterator[pa.RecordBatch]:
    with _explained(file, "Parquet"), pq.ParquetFile(file, buffer_size=PARQUET_BUFFER_BYTES) as parquet:
        groups = row_groups(parquet, file, request)
        yield from parquet.iter_batches(request.batch_rows, row_groups=groups, columns=list(request.columns))


def row_groups(parquet: pq.ParquetFile, file: Path, request: Request) -> list[int]:
    """Row groups of a file that may hold rows passing the request's conditions, by their statistics."""
    schema = parquet.schema_arrow
    expression = expression_of(pushable(request.conditions, schema), schema)
    if expression is None:
        return list(range(parquet.num_row_groups))
    # Imported here because it brings pandas along, which takes a second.
    import pyarrow.dataset as ds
    from pyarrow.fs import LocalFileSystem

    fragment = ds.ParquetFileFormat().make_fragment(str(file), filesystem=LocalFileSystem())
    fragments = fragment.split_by_row_group(filter=expression, schema=schema)
    return [group.id for part in fragments for group in part.row_groups]


@contextmanager
def open_csv(config: CsvSource) -> Iterator[Source]:
    """Open CSV files. Cells arrive as text and get the catalog's types later, so that each bad cell can be named."""
    files = files_of(config.path, (".csv", ".csv.gz"))
    notation = Notation(config.decimal, config.thousands, config.time_format)
    schema = _schema_of_all(files, lambda file: _csv_schema(file, config, notation))
    malformed = MalformedLines()

    def read(request: Request) -> Iterator[pa.RecordBatch]:
        for file in files:
            yield from _csv_batches(file, config, request, malformed)
        malformed.report(source.problems)

    def first_rows(names: Sequence[str]) -> pa.RecordBatch:
        return _csv_first_rows(files[0], config, names)

    source = Source(config.path, schema, read, first_rows=first_rows, notation=notation)
    yield source


class MalformedLines:
    """Counts CSV lines with too many or too few cells, and keeps the first ones."""

    def __init__(self) -> None:
        self._count = 0
        self._first: list[str] = []

    def skip(self, row: pv.InvalidRow) -> str:
        """Arrow's handler of such a line; it is left out of the batches."""
        self._count += 1
        if len(self._first) < MALFORMED_SHOWN:
            # Arrow counts lines from 1 with the header.
            text = row.text if len(row.text) <= 60 else f"{row.text[:59]}…"
            line = "a line" if row.number is None else f"line {row.number:,}"
            self._first.append(f"{line} has {row.actual_columns} ({text!r})")
        return "skip"

    def report(self, problems: list[str]) -> None:
        if self._count:
            noun = "line does" if self._count == 1 else "lines do"
            problems.append(f"{self._count:,} {noun} not have one cell a column; first: {', '.join(self._first)}")


def _csv_schema(file: Path, config: CsvSource, notation: Notation) -> pa.Schema:
    """Types guessed from the first block. Whole numbers count as decimal ones: a later block may have some."""
    convert = pv.ConvertOptions(null_values=config.null_values, strings_can_be_null=True)
    _check_text(file, config)
    with _explained(file, "CSV"), _csv_reader(file, config, convert, MalformedLines()) as reader:
        _check_delimiter(file, reader.schema.names)
        first = next(iter(reader), pa.RecordBatch.from_pylist([], schema=reader.schema))
        types = [_csv_type(cells, notation) for cells in first.columns]
        return pa.schema(zip(reader.schema.names, types, strict=True))


def _csv_type(cells: pa.Array, notation: Notation) -> pa.DataType:
    if pa.types.is_integer(cells.type):
        return pa.float64()
    if notation.plain_numbers or not pa.types.is_string(cells.type):
        return cells.type
    return cells.type if convert(notation.numbers(cells), pa.float64()) is None else pa.float64()


def _check_text(file: Path, config: CsvSource) -> None:
    """Raise InputError for a binary file, whose bytes would otherwise be shown as malformed lines."""
    if "a".encode(config.encoding) != b"a":
        return  # UTF-16 and UTF-32 have zero bytes in text.
    with _explained(file, "CSV"), pa.input_stream(str(file)) as stream:
        start = stream.read(BINARY_SEARCH_BYTES)
    if b"\0" in start or start.startswith(GZIP):
        raise InputError(
            f"{file} is not a text file, so it cannot be read as CSV; set source.kind to what it is "
            "(a compressed CSV must be called .csv.gz)"
        )


def _check_delimiter(file: Path, names: list[str]) -> None:
    """Raise InputError if the header looks as if another delimiter was meant: a table has at least two columns."""
    likely = [mark for mark in LIKELY_DELIMITERS if len(names) == 1 and mark in names[0]]
    if likely:
        raise InputError(
            f"{file}: the header is one column, {names[0]!r}; if its cells are separated by {likely[0]!r}, "
            f"set source.delimiter: {likely[0]!r}"
        )


def _csv_first_rows(file: Path, config: CsvSource, names: Sequence[str]) -> pa.RecordBatch:
    """The first block, which is the one that types are guessed from."""
    with _explained(file, "CSV"), _csv_reader(file, config, _as_text(config, names), MalformedLines()) as reader:
        return next(iter(reader), pa.RecordBatch.from_pylist([], schema=reader.schema))


def _csv_batches(
    file: Path, config: CsvSource, request: Request, malformed: MalformedLines
) -> Iterator[pa.RecordBatch]:
    convert = _as_text(config, request.columns)
    with _explained(file, "CSV"), _csv_reader(file, config, convert, malformed) as reader:
        yield from reader


def _as_text(config: CsvSource, names: Sequence[str]) -> pv.ConvertOptions:
    return pv.ConvertOptions(
        column_types={name: pa.string() for name in names},
        include_columns=list(names),
        null_values=config.null_values,
        strings_can_be_null=True,
    )


def _csv_reader(
    file: Path, config: CsvSource, convert: pv.ConvertOptions, malformed: MalformedLines
) -> pv.CSVStreamingReader:
    with _explained(file, "CSV"):
        return pv.open_csv(
            file,
            # Without threads Arrow knows the number of each line.
            pv.ReadOptions(block_size=CSV_BLOCK_BYTES, encoding=config.encoding, use_threads=False),
            pv.ParseOptions(delimiter=config.delimiter, invalid_row_handler=malformed.skip),
            convert,
        )


def _schema_of_all(files: list[Path], schema_of: Callable[[Path], pa.Schema]) -> pa.Schema:
    """The first file's schema, once every file is known to have the same columns.

    Raises:
        InputError: naming each file that differs and how, or columns that appear twice.
    """
    first, *others = files
    schema = schema_of(first)
    repeated = sorted({name for name in schema.names if name and schema.names.count(name) > 1})
    if repeated:
        raise InputError(f"{first}: columns appear more than once: {', '.join(repeated)}")
    problems = []
    for file in others:
        names = set(schema_of(file).names)
        lacks, adds = sorted(set(schema.names) - names), sorted(names - set(schema.names))
        said = [f"lacks {', '.join(lacks)}"] * bool(lacks) + [f"adds {', '.join(adds)}"] * bool(adds)
        if said:
            problems.append(f"{file} {' and '.join(said)}")
    if problems:
        raise InputError(problems, heading=f"files of one table must have the same columns as {first}:")
    return schema


@contextmanager
def _explained(file: Path, form: str) -> Iterator[None]:
    """Turn Arrow's errors while reading into an InputError that names the file."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        hint = "; set source.encoding to what the file is written in" if "UTF8" in str(error) else ""
        if form == "Parquet" and ".csv" in file.suffixes:
            hint = "; it is called a CSV: set source.kind: csv"
        raise InputError(f"{file} cannot be read as {form}: {error}{hint}") from error
    except UnicodeError as error:
        raise InputError(f"{file} is not text in the encoding given: {error}; set source.encoding") from error
