"""Counts an export of Parquet with DuckDB and with pandas, and one of CSV with pandas: tables.py PARQUET CSV

Prints one JSON object: by each reader, the rows of each table, the rules that fired, and the span of the decisions. Exits
with 77 where a package is missing.
"""

import json
import pathlib
import sys

try:
    import duckdb
    import pandas
    import pyarrow.dataset
    import pyarrow.parquet
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(77)

parquet, csv = (pathlib.Path(path) for path in sys.argv[1:])
tables = sorted(path.name for path in parquet.iterdir() if path.is_dir())


def shown(time):
    """As the ledger shows it: milli- or microseconds only where there are any."""
    digits = f".{time.microsecond:06}" if time.microsecond else ""
    return time.strftime("%Y-%m-%dT%H:%M:%S") + (digits[:4] if digits.endswith("000") else digits) + "Z"


def by_duckdb():
    session = duckdb.connect()
    session.execute("SET TimeZone = 'UTC'")
    counts = {}
    for table in tables:
        files = f"{parquet / table}/*/*.parquet"
        if not list((parquet / table).glob("*/*.parquet")):
            counts[table] = 0
            continue
        session.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{files}', hive_partitioning = true)")
        counts[table] = session.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        wrong = session.execute(f"SELECT count(*) FROM {table} WHERE CAST(occurred_at AS DATE) <> day").fetchone()[0]
        assert wrong == 0, f"{table}: {wrong} rows in the folder of another day"
    rules = session.execute("SELECT view, rule, count(*) FROM rules_fired GROUP BY ALL").fetchall()
    # As texts: times with a zone would need another package to come over.
    shape = "strftime(%s(occurred_at AT TIME ZONE 'UTC'), '%%Y-%%m-%%dT%%H:%%M:%%S.%%f')"
    span = session.execute(f"SELECT {shape % 'min'}, {shape % 'max'} FROM decisions").fetchone()
    first, last = (shown(pandas.Timestamp(text)) for text in span)
    return {
        "tables": counts,
        "rules": {f"{view} {rule}": count for view, rule, count in rules},
        "span": {"first": first, "last": last},
    }


def summed(frames):
    rules = frames["rules_fired"].groupby(["view", "rule"]).size()
    times = pandas.to_datetime(frames["decisions"]["occurred_at"], format="ISO8601", utc=True)
    return {
        "tables": {table: len(frame) for table, frame in frames.items()},
        "rules": {f"{view} {rule}": int(count) for (view, rule), count in rules.items()},
        "span": {"first": shown(times.min()), "last": shown(times.max())},
    }


def by_pandas():
    frames = {table: pandas.read_parquet(parquet / table) for table in tables if list((parquet / table).iterdir())}
    for table, frame in frames.items():
        assert str(frame["seq"].dtype) == "uint64", f"{table}: seq is {frame['seq'].dtype}"
        assert "UTC" in str(frame["occurred_at"].dtype), f"{table}: occurred_at is {frame['occurred_at'].dtype}"
        file = next((parquet / table).glob("*/*.parquet"))
        column = pyarrow.parquet.ParquetFile(file).metadata.row_group(0).column(0)
        assert column.compression == "SNAPPY" and column.statistics.has_min_max, f"{table}: {column}"
    return summed(frames)


def by_csv():
    frames = {path.stem: pandas.read_csv(path) for path in csv.glob("*.csv")}
    return summed(frames)


print(json.dumps({"duckdb": by_duckdb(), "pandas": by_pandas(), "csv": by_csv()}))
