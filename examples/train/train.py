#!/usr/bin/env python3
"""Fits a linear model to a table of `sigc backfill` and completes the manifest beside which it will lie.

    python train.py TABLE.csv FOLDER

TABLE is what `--out` named, FOLDER what `--manifest` named. The target is the log return of the next row. Needs
nothing but Python: ordinary least squares on standardised features, by the normal equations.
"""
import csv
import json
import math
import os
import sys


def solve(a, b):
    """x with a x = b, by Gaussian elimination with the largest pivot."""
    n = len(b)
    a = [row[:] + [b[i]] for i, row in enumerate(a)]
    for k in range(n):
        p = max(range(k, n), key=lambda i: abs(a[i][k]))
        a[k], a[p] = a[p], a[k]
        for i in range(k + 1, n):
            f = a[i][k] / a[k][k]
            a[i] = [x - f * y for x, y in zip(a[i], a[k])]
    x = [0.0] * n
    for k in reversed(range(n)):
        x[k] = (a[k][n] - sum(a[k][j] * x[j] for j in range(k + 1, n))) / a[k][k]
    return x


def mean_and_scale(values):
    m = math.fsum(values) / len(values)
    s = math.sqrt(math.fsum((v - m) ** 2 for v in values) / len(values))
    return m, s if s > 0 else 1.0


def main(table, folder):
    path = os.path.join(folder, "manifest.json")
    with open(path) as f:
        manifest = json.load(f)
    features = manifest["features"]
    rows = {}
    with open(table, newline="") as f:
        for row in csv.DictReader(f):
            settled = manifest["training"]["symbols"][row["symbol"]]
            # Rows before it are not settled: a live run never shows them to the model.
            if settled["from"] and row["ts"] >= settled["from"]:
                rows.setdefault(row["symbol"], []).append(row)
    scaler, xs, ys = {}, [], []
    for symbol, list_ in rows.items():
        x, y = [], []
        for now, after in zip(list_, list_[1:]):
            if all(now[c] for c in features) and now["close"] and after["close"]:
                x.append([float(now[c]) for c in features])
                y.append(math.log(float(after["close"]) / float(now["close"])))
        columns = [mean_and_scale([r[i] for r in x]) for i in range(len(features))]
        target = mean_and_scale(y)
        scaler[symbol] = {
            "feature_mean": [m for m, _ in columns],
            "feature_scale": [s for _, s in columns],
            "target_mean": target[0],
            "target_scale": target[1],
        }
        xs += [[(v - m) / s for v, (m, s) in zip(r, columns)] + [1.0] for r in x]
        ys += [(v - target[0]) / target[1] for v in y]
    n = len(features) + 1
    a = [[math.fsum(r[i] * r[j] for r in xs) for j in range(n)] for i in range(n)]
    b = [math.fsum(r[i] * y for r, y in zip(xs, ys)) for i in range(n)]
    *weights, bias = solve(a, b)
    manifest.update(kind="linear", scaler=scaler, weights=weights, bias=bias)
    manifest["notes"] = {"rows": len(xs), "target": "log return of the next row"}
    # Written beside and renamed: a run never sees half a manifest.
    with open(path + ".part", "w") as f:
        json.dump(manifest, f, indent=1)
    os.replace(path + ".part", path)
    print(f"{len(xs)} rows, weights {dict(zip(features, weights))}, bias {bias}")


if __name__ == "__main__":
    main(*sys.argv[1:])
