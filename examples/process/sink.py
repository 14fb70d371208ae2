"""A sink for `sinks.process`: rows into SQLite, each once. Only Python's standard library.

    command: [python3, examples/process/sink.py, outputs/signals.sqlite]

The protocol is described in docs/process.md. What makes a row stored exactly once is the primary key: a row that comes
again after a crash is counted as a duplicate. An acknowledgement is sent when the transaction is committed.
"""

import json
import os
import sqlite3
import sys


def say(message):
    print(json.dumps(message, allow_nan=False), flush=True)


def make_table(db, hello):
    types = {"number": "REAL", "integer": "INTEGER", "bool": "INTEGER"}
    columns = [f'"{f["name"]}" {types.get(f["kind"], "TEXT")}' for f in hello["fields"]]
    key = ", ".join(f'"{name}"' for name in hello["key"])
    db.execute(f"CREATE TABLE IF NOT EXISTS signals ({', '.join(columns)}, PRIMARY KEY ({key}))")


def store(db, names, rows):
    marks = ", ".join("?" for _ in names)
    columns = ", ".join(f'"{name}"' for name in names)
    insert = f"INSERT INTO signals ({columns}) VALUES ({marks}) ON CONFLICT DO NOTHING"
    with db:  # one transaction: committed at its end, rolled back if anything fails
        before = db.total_changes
        db.executemany(insert, [[row[name] for name in names] for row in rows])
        return db.total_changes - before


def main(path):
    hello = json.loads(sys.stdin.readline())
    if hello.get("probe"):
        say({"type": "ready", "protocol": 1, "version": "1"})
        return
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    db = sqlite3.connect(path)
    db.execute("PRAGMA synchronous = FULL")
    make_table(db, hello)
    names = [field["name"] for field in hello["fields"]]
    say({"type": "ready", "protocol": 1, "version": "1"})
    for line in sys.stdin:
        message = json.loads(line)
        if message["type"] == "close":
            break
        try:
            new = store(db, names, message["rows"])
        except sqlite3.Error as error:
            # A full or locked disk may pass; the rows come again.
            say({"type": "error", "id": message["id"], "retry": True, "message": str(error)})
            continue
        say({"type": "ack", "id": message["id"], "new": new, "duplicates": len(message["rows"]) - new})
    db.close()


main(sys.argv[1])
