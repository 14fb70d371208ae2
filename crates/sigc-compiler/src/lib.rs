//! expand, resolve, graph, lookback, lower
