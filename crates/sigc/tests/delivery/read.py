"""What a reader of a sink sees: a line `symbol ts value` for each row, the time in milliseconds, the value as the bits of
a double; in the order in which the rows were stored, where the sink has one.

    read.py KIND WHERE [NAME]

NAME is that of the table or stream. Nothing of this is sigc's: each sink is read by its own kind of client.
"""

import asyncio
import csv
import datetime
import json
import pathlib
import struct
import subprocess
import sys


NAME = sys.argv[3] if len(sys.argv) > 3 else "rows"


def show(symbol, ts, value):
    print(symbol, ts, struct.pack(">d", float(value)).hex())


def millis(text):
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def csv_append(path):
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            show(row["symbol"], millis(row["ts"]), row["prediction"])


def jsonl(path):
    for line in pathlib.Path(path).read_text().splitlines():
        row = json.loads(line)
        show(row["symbol"], millis(row["ts"]), row["prediction"])


def parquet(folder):
    import pyarrow as pa
    import pyarrow.parquet as pq

    for part in sorted(pathlib.Path(folder).rglob("*.parquet")):
        table = pq.read_table(part, partitioning=None)
        times = table["ts"].cast(pa.timestamp("ms", "UTC")).cast(pa.int64())
        for row in zip(table["symbol"].to_pylist(), times.to_pylist(), table["prediction"].to_pylist()):
            show(*row)


def process(path):
    import sqlite3

    for symbol, ts, value in sqlite3.connect(path).execute("SELECT symbol, ts, prediction FROM signals ORDER BY rowid"):
        show(symbol, millis(ts), value)


webhook = process


def clickhouse(address):
    import urllib.request

    query = f"SELECT symbol, toUnixTimestamp64Milli(ts), toString(prediction) FROM {NAME} FINAL FORMAT TSV"
    with urllib.request.urlopen(f"http://{address}/", query.encode()) as answer:
        for line in answer.read().decode().splitlines():
            show(*line.split("\t"))


def dynamodb(address):
    import boto3

    client = boto3.client(
        "dynamodb",
        endpoint_url=f"http://{address}",
        region_name="eu-central-1",
        aws_access_key_id="reader",
        aws_secret_access_key="reader",
    )
    for page in client.get_paginator("scan").paginate(TableName=NAME):
        for item in page["Items"]:
            show(item["symbol"]["S"], item["ts"]["N"], next(iter(item["prediction"].values())))


def nats(address):
    import nats as client

    async def read():
        connection = await client.connect(f"nats://{address}")
        stream = connection.jetstream()
        n = (await stream.stream_info(NAME)).state.messages
        if n:
            subscription = await stream.subscribe("signals.>", stream=NAME, ordered_consumer=True)
            for _ in range(n):
                row = json.loads((await subscription.next_msg(timeout=10)).data)
                show(row["symbol"], millis(row["ts"]), row["prediction"])
        await connection.close()

    asyncio.run(read())


def postgres(address):
    host, port = address.split(":")
    query = (
        "SELECT symbol, (extract(epoch from ts) * 1000)::bigint, encode(float8send(prediction), 'hex') "
        f"FROM {NAME} ORDER BY " + ("stored" if NAME == "rows" else "ts")
    )
    psql = ["psql", "-XqAt", "-F", " ", "-U", "postgres", "-h", host, "-p", port, "-c", query]
    print(subprocess.run(psql, check=True, capture_output=True, text=True).stdout, end="")


{f.__name__: f for f in (csv_append, jsonl, parquet, process, clickhouse, dynamodb, nats, postgres)}.get(
    sys.argv[1], webhook
)(sys.argv[2])
