"""Times sigc's drivers and what a Python user would take instead, on the same bars, and prints the ratios.

Makes bars, times pandas and TA-Lib, runs `cargo bench -p sigc-engine --bench drivers` on the same file, compares the
last rows of all three and prints one table. One thread, on one CPU where `taskset` is there. It asserts values, never a
time. See README.md beside it.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_threads] = "1"

import numpy as np
import pandas as pd
import talib
from talib import stream

ROOT = Path(__file__).resolve().parent.parent
# What the seed's system keeps of a symbol, and recomputes at every bar.
WINDOW = 721
# Nearness of values: relative, and absolute for those that pass through zero (prices are near 100).
TOLERANCE = 1e-9
SEED_RSI, SEED_MEANS, SEED_LEVELS = (6, 12, 14, 24), (5, 10, 20, 60), (10, 20, 60)
FEATURES = {"seed": 15, "f24": 24}


def make_bars(n_bars, n_symbols, seed=20):
    """Geometric random walks as [bars][symbols]: open, high, low, close, volume."""
    rng = np.random.default_rng(seed)
    shape = (n_bars, n_symbols)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.003, shape), axis=0))
    opened = np.concatenate([np.full((1, n_symbols), 100.0), close[:-1]])
    high = np.maximum(opened, close) * np.exp(rng.exponential(0.001, shape))
    low = np.minimum(opened, close) * np.exp(-rng.exponential(0.001, shape))
    volume = rng.lognormal(6.0, 0.5, shape)
    return opened, high, low, close, volume


def write_bars(path, bars):
    """The format that the bench reads; its module documentation has it."""
    with open(path, "wb") as out:
        out.write(np.array(bars[0].shape, dtype="<u8").tobytes())
        for field in bars:
            out.write(field.astype("<f8").tobytes())


# pandas


def pandas_rsi(change, n):
    gain = change.clip(lower=0).ewm(alpha=1 / n, adjust=False).mean()
    loss = (-change).clip(lower=0).ewm(alpha=1 / n, adjust=False).mean()
    return 100 * gain / (gain + loss)


def pandas_seed(high, low, close):
    high, low, close = (pd.Series(x) for x in (high, low, close))
    out = {"mom20": close.pct_change(20)}
    change = close.diff()
    for n in SEED_RSI:
        out[f"rsi{n}"] = pandas_rsi(change, n)
    for n in SEED_MEANS:
        out[f"rocp{n}"] = close.rolling(n).mean().pct_change()
    for n in SEED_LEVELS:
        out[f"max{n}"] = high.rolling(n).max()
        out[f"min{n}"] = low.rolling(n).min()
    return out


def pandas_f24(high, low, close):
    high, low, close = (pd.Series(x) for x in (high, low, close))
    rolling = {n: close.rolling(n) for n in (5, 10, 20, 60)}
    means = {n: r.mean() for n, r in rolling.items()}
    out = {f"sma{n}": means[n] for n in (20, 60)}
    for n in (12, 26):
        out[f"ema{n}"] = close.ewm(alpha=2 / (n + 1), adjust=False).mean()
    out["macd"] = out["ema12"] - out["ema26"]
    change = close.diff()
    for n in (6, 14, 24):
        out[f"rsi{n}"] = pandas_rsi(change, n)
    rows = pd.Series(np.arange(len(close), dtype=float))
    for n in (20, 60):
        out[f"std{n}"] = rolling[n].std()
        out[f"max{n}"] = high.rolling(n).max()
        out[f"min{n}"] = low.rolling(n).min()
        out[f"mom{n}"] = close.pct_change(n)
        # The variance of n numbers in a row is n (n + 1) / 12.
        out[f"slope{n}"] = rolling[n].cov(rows) / (n * (n + 1) / 12)
        out[f"rank{n}"] = rolling[n].rank(pct=True)
    for n, mean in means.items():
        out[f"rocp{n}"] = mean.pct_change()
    return out


# TA-Lib


def talib_seed(high, low, close):
    out = {"mom20": talib.ROCP(close, 20)}
    for n in SEED_RSI:
        out[f"rsi{n}"] = talib.RSI(close, n)
    for n in SEED_MEANS:
        out[f"rocp{n}"] = talib.ROCP(talib.SMA(close, n), 1)
    for n in SEED_LEVELS:
        out[f"max{n}"] = talib.MAX(high, n)
        out[f"min{n}"] = talib.MIN(low, n)
    return out


def talib_f24(high, low, close):
    """22 of the 24: it has no rolling rank."""
    means = {n: talib.SMA(close, n) for n in (5, 10, 20, 60)}
    out = {f"sma{n}": means[n] for n in (20, 60)}
    for n in (12, 26):
        out[f"ema{n}"] = talib.EMA(close, n)
    out["macd"] = out["ema12"] - out["ema26"]
    for n in (6, 14, 24):
        out[f"rsi{n}"] = talib.RSI(close, n)
    for n in (20, 60):
        # Its deviation divides by n; the factor gives the sample's.
        out[f"std{n}"] = talib.STDDEV(close, n) * math.sqrt(n / (n - 1))
        out[f"max{n}"] = talib.MAX(high, n)
        out[f"min{n}"] = talib.MIN(low, n)
        out[f"mom{n}"] = talib.ROCP(close, n)
        out[f"slope{n}"] = talib.LINEARREG_SLOPE(close, n)
    for n, mean in means.items():
        out[f"rocp{n}"] = talib.ROCP(mean, 1)
    return out


class TalibStream:
    """The seed's set as TA-Lib's objects that take one bar at a time."""

    def __init__(self, high, low, close):
        self.of_close = [stream.ROCP(close, 20)] + [stream.RSI(close, n) for n in SEED_RSI]
        self.of_means = []
        for n in SEED_MEANS:
            mean = talib.SMA(close, n)[n - 1 :].copy()
            self.of_means.append((stream.SMA(close, n), stream.ROCP(mean, 1)))
        self.levels = [(stream.MAX(high, n), stream.MIN(low, n)) for n in SEED_LEVELS]

    def update(self, high, low, close):
        out = [x.update(close) for x in self.of_close]
        out += [change.update(mean.update(close)) for mean, change in self.of_means]
        for most, least in self.levels:
            out.append(most.update(high))
            out.append(least.update(low))
        return out


# Measuring


class Times:
    """Nanoseconds per unit of work of several runs."""

    def __init__(self, samples):
        self.least, self.median = float(np.min(samples)), float(np.median(samples))


def time_batch(features, columns, runs):
    """Per symbol, bar and feature."""
    samples = []
    n_bars = len(columns[0][0])
    for _ in range(runs):
        start = time.perf_counter_ns()
        for high, low, close in columns:
            n_features = len(features(high, low, close))
        samples.append((time.perf_counter_ns() - start) / (len(columns) * n_bars * n_features))
    return Times(samples)


def time_recompute(features, columns, events):
    """Per event: the last WINDOW rows of one symbol, again at every bar."""
    samples = []
    high, low, close = columns[0]
    last = len(close) - WINDOW
    for k in range(last - events + 1, last + 1):
        window = [np.ascontiguousarray(x[k : k + WINDOW]) for x in (high, low, close)]
        start = time.perf_counter_ns()
        [np.asarray(v)[-1] for v in features(*window).values()]
        samples.append(time.perf_counter_ns() - start)
    return Times(samples)


def time_stream(columns, n_bars):
    """Per event, all symbols in turn; and the last row of each."""
    lanes = [TalibStream(*(x[:-n_bars].copy() for x in column)) for column in columns]
    bars = [[x[-n_bars:].tolist() for x in column] for column in columns]
    samples, last = [], None
    for k in range(n_bars):
        start = time.perf_counter_ns()
        last = [lane.update(high[k], low[k], close[k]) for lane, (high, low, close) in zip(lanes, bars)]
        samples.append((time.perf_counter_ns() - start) / len(lanes))
    return Times(samples), last


def run_sigc(bars_file, dump_file, pin):
    """Runs the bench; gives the times by group and set, per element."""
    env = {**os.environ, "SIGC_BENCH_BARS": str(bars_file), "SIGC_BENCH_DUMP": str(dump_file)}
    bench = ["cargo", "bench", "-p", "sigc-engine", "--bench", "drivers"]
    subprocess.run([*bench, "--no-run"], cwd=ROOT, env=env, check=True)
    subprocess.run([*pin, *bench, "--", "--noplot"], cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "criterion"
    times = {}
    for group in ("live", "panel"):
        for name in FEATURES:
            at = target / group / name / "new"
            elements = json.loads((at / "benchmark.json").read_text())["throughput"]["Elements"]
            sample = json.loads((at / "sample.json").read_text())
            of = Times(np.array(sample["times"]) / np.array(sample["iters"]) / elements)
            of.median = json.loads((at / "estimates.json").read_text())["median"]["point_estimate"] / elements
            times[group, name] = of
    return times


def compare(who, name, symbol, sigc, theirs):
    """Stops if a value differs from sigc's; counts those that were compared."""
    for column, value in theirs.items():
        mine = sigc[name, symbol, column]
        if not math.isclose(mine, value, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
            sys.exit(f"{name}, symbol {symbol}, {column}: sigc {mine!r}, {who} {value!r}")
    return len(theirs)


def compare_all(dump_file, columns, streamed):
    """Last rows of all symbols."""
    sigc, compared = {}, 0
    for line in dump_file.read_text().splitlines():
        name, symbol, column, value = line.split()
        sigc[name, int(symbol), column] = float(value)
    libraries = {"pandas": (pandas_seed, pandas_f24), "TA-Lib": (talib_seed, talib_f24)}
    for who, sets in libraries.items():
        for name, features in zip(FEATURES, sets):
            for symbol, column in enumerate(columns):
                last = {k: float(np.asarray(v)[-1]) for k, v in features(*column).items()}
                compared += compare(who, name, symbol, sigc, last)
    names = list(talib_seed(*columns[0]))
    for symbol, row in enumerate(streamed):
        compared += compare("TA-Lib stream", "seed", symbol, sigc, dict(zip(names, row)))
    print(f"{compared} values of last rows agree within {TOLERANCE}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bars", type=int, default=4000, help="bars per symbol")
    parser.add_argument("--symbols", type=int, default=32)
    parser.add_argument("--runs", type=int, default=7, help="runs of a batch")
    parser.add_argument("--cpu", type=int, default=0, help="the CPU to stay on, where taskset is there")
    args = parser.parse_args()
    if args.bars < 2 * WINDOW:
        parser.error(f"--bars must be at least {2 * WINDOW}")

    bars = make_bars(args.bars, args.symbols)
    columns = [tuple(np.ascontiguousarray(bars[f][:, s]) for f in (1, 2, 3)) for s in range(args.symbols)]
    with tempfile.TemporaryDirectory() as folder:
        bars_file, dump_file = Path(folder) / "bars.bin", Path(folder) / "last.txt"
        write_bars(bars_file, bars)
        sigc = run_sigc(bars_file, dump_file, ["taskset", "-c", str(args.cpu)] if shutil.which("taskset") else [])
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {args.cpu})
        streaming, streamed = time_stream(columns, 200)
        compare_all(dump_file, columns, streamed)

    few = columns[: max(1, args.symbols // 8)]
    rows = [
        ("seed", "live", "pandas, 721 rows again", time_recompute(pandas_seed, columns, 100)),
        ("seed", "live", "TA-Lib, 721 rows again", time_recompute(talib_seed, columns, 500)),
        ("seed", "live", "TA-Lib stream objects", streaming),
        ("f24", "live", "pandas, 721 rows again", time_recompute(pandas_f24, columns, 100)),
        ("f24", "live", "TA-Lib, 721 rows again (22)", time_recompute(talib_f24, columns, 500)),
        ("seed", "panel", "pandas rolling", time_batch(pandas_seed, few, args.runs)),
        ("seed", "panel", "TA-Lib", time_batch(talib_seed, columns, args.runs)),
        ("f24", "panel", "pandas rolling", time_batch(pandas_f24, few, args.runs)),
        ("f24", "panel", "TA-Lib (22)", time_batch(talib_f24, columns, args.runs)),
    ]
    print("| set | driver | peer | sigc ns, least | median | peer ns, least | median | ratio, least | median |")
    print("| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, driver, peer, theirs in rows:
        own = sigc[driver, name]
        cells = [f"{t:,.0f}" if t >= 100 else f"{t:.2f}" for t in (own.least, own.median, theirs.least, theirs.median)]
        ratios = [f"{theirs.least / own.least:,.1f}", f"{theirs.median / own.median:,.1f}"]
        print("|", " | ".join([name, driver, peer, *cells, *ratios]), "|")


if __name__ == "__main__":
    main()
