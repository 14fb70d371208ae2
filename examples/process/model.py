"""A model for `models.process`: the weighted mean of each column's window. Only Python's standard library.

    command: [python3, examples/process/model.py]

The newest row weighs most: row k of n has the weight k. The protocol is described in docs/process.md.
Equal windows get equal answers, whatever was asked before: sigc relies on it, and `sigc verify` checks it.
"""

import json
import sys

VERSION = "weighted-mean-1"


def say(message):
    # No NaN: JSON has none, and sigc refuses it. `None` says that there is no number.
    print(json.dumps(message, allow_nan=False), flush=True)


def predict(rows):
    total = sum(range(1, len(rows) + 1))
    means = [sum(k * row[i] for k, row in enumerate(rows, 1)) / total for i in range(len(rows[0]))]
    return sum(means)


def main():
    hello = json.loads(sys.stdin.readline())
    print(f"inputs {hello['inputs']}, window {hello['window']}", file=sys.stderr)
    say({"type": "ready", "protocol": 1, "version": VERSION})
    for line in sys.stdin:
        message = json.loads(line)
        if message["type"] == "close":
            break
        values = [predict(window["rows"]) for window in message["windows"]]
        say({"type": "predictions", "id": message["id"], "values": values})


main()
