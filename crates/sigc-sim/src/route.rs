//! Which part of the exchange a path belongs to.
//!
//! The real venues have hosts of their own; here they share one. Futures and spot both use `/ws` and `/stream`, so
//! every host also has a prefix that is nothing but its name: `/futures`, `/spot`, `/bybit`. Without a prefix `/ws` and
//! `/stream` are spot, because futures has moved to `/market`.
//!
//! | path | what |
//! | --- | --- |
//! | `/market/ws`, `/market/stream`, the same below `/futures` | futures streams |
//! | `/public/…`, `/private/…`, the same below `/futures` | acknowledged, no bars |
//! | `/futures/ws`, `/futures/stream` | the retired futures paths: acknowledged, no bars |
//! | `/ws`, `/stream`, the same below `/spot` | spot streams |
//! | `/v5/public/linear`, `/v5/public/spot`, the same below `/bybit` | Bybit streams |
//! | `/fapi/v1/…`, `/api/v3/…`, `/v5/market/…` | REST |
//! | `/data/…`, `/data.binance.vision` | archives and their listing |
//! | `/sim/…` | the simulation itself |

use crate::http::Request;
use crate::venue::Venue;
use crate::ws::session::Opening;

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// A WebSocket.
    Stream(Opening),
    /// Binance REST: the last part of the path.
    Binance(Venue, String),
    /// Bybit REST: the last part of the path.
    Bybit(String),
    /// An archive or its checksum: the key.
    Archive(String),
    /// The listing of archives.
    Listing,
    /// The simulation: the last part of the path.
    Sim(String),
    /// No such path.
    Nowhere,
}

/// Finds the route of a request.
pub(crate) fn route(request: &Request) -> Route {
    let path = request.path.as_str();
    for prefix in ["/futures", "/spot", "/bybit"] {
        if let Some(rest) = path.strip_prefix(prefix).filter(|rest| rest.starts_with('/')) {
            return below(rest, prefix == "/futures", request);
        }
    }
    below(path, false, request)
}

fn below(path: &str, futures: bool, request: &Request) -> Route {
    if let Some(what) = path.strip_prefix("/fapi/v1/") {
        return Route::Binance(Venue::Futures, what.to_owned());
    }
    if let Some(what) = path.strip_prefix("/api/v3/") {
        return Route::Binance(Venue::Spot, what.to_owned());
    }
    if let Some(what) = path.strip_prefix("/v5/market/") {
        return Route::Bybit(what.to_owned());
    }
    if path.starts_with("/data/") {
        return Route::Archive(path[1..].to_owned());
    }
    if path.trim_end_matches('/') == "/data.binance.vision" || (path == "/" && request.param("prefix").is_some()) {
        return Route::Listing;
    }
    if let Some(what) = path.strip_prefix("/sim/") {
        return Route::Sim(what.to_owned());
    }
    match path.trim_end_matches('/') {
        "/v5/public/linear" => return bybit(Venue::BybitLinear),
        "/v5/public/spot" => return bybit(Venue::BybitSpot),
        _ => {}
    }
    let (venue, silent, rest) = if let Some(rest) = path.strip_prefix("/market") {
        (Venue::Futures, false, rest)
    } else if let Some(rest) = path.strip_prefix("/public").or(path.strip_prefix("/private")) {
        (Venue::Futures, true, rest)
    } else if futures {
        (Venue::Futures, true, path)
    } else {
        (Venue::Spot, false, path)
    };
    let mut parts = rest.split('/').skip(1).filter(|part| !part.is_empty());
    let names = |list: &mut dyn Iterator<Item = &str>| list.map(str::to_owned).collect::<Vec<_>>();
    let (combined, names) = match parts.next() {
        Some("ws") => (false, names(&mut parts)),
        Some("stream") if parts.next().is_none() => {
            let streams = request.param("streams").unwrap_or_default();
            (true, names(&mut streams.split('/').filter(|name| !name.is_empty())))
        }
        _ => return Route::Nowhere,
    };
    Route::Stream(Opening { venue, combined, silent, names })
}

fn bybit(venue: Venue) -> Route {
    Route::Stream(Opening { venue, combined: false, silent: false, names: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, streams: &str) -> Route {
        let query = if streams.is_empty() { vec![] } else { vec![("streams".to_owned(), streams.to_owned())] };
        route(&Request { path: path.to_owned(), query, ..Request::default() })
    }

    fn stream(venue: Venue, combined: bool, silent: bool, names: &[&str]) -> Route {
        Route::Stream(Opening { venue, combined, silent, names: names.iter().map(|n| (*n).to_owned()).collect() })
    }

    #[test]
    fn streams_are_found_by_host_and_path() {
        use Venue::{BybitLinear, BybitSpot, Futures, Spot};
        assert_eq!(of("/market/ws/a@b/c@d", ""), stream(Futures, false, false, &["a@b", "c@d"]));
        assert_eq!(of("/futures/market/stream", "a/b"), stream(Futures, true, false, &["a", "b"]));
        assert_eq!(of("/futures/stream", "a"), stream(Futures, true, true, &["a"]));
        assert_eq!(of("/public/ws", ""), stream(Futures, false, true, &[]));
        assert_eq!(of("/stream", "a/b"), stream(Spot, true, false, &["a", "b"]));
        assert_eq!(of("/spot/ws/x", ""), stream(Spot, false, false, &["x"]));
        assert_eq!(of("/v5/public/linear", ""), stream(BybitLinear, false, false, &[]));
        assert_eq!(of("/bybit/v5/public/spot", ""), stream(BybitSpot, false, false, &[]));
    }

    #[test]
    fn the_rest_is_found_by_path() {
        assert_eq!(of("/fapi/v1/klines", ""), Route::Binance(Venue::Futures, "klines".to_owned()));
        assert_eq!(of("/futures/fapi/v1/time", ""), Route::Binance(Venue::Futures, "time".to_owned()));
        assert_eq!(of("/api/v3/ping", ""), Route::Binance(Venue::Spot, "ping".to_owned()));
        assert_eq!(of("/v5/market/kline", ""), Route::Bybit("kline".to_owned()));
        assert_eq!(of("/data/spot/daily/x.zip", ""), Route::Archive("data/spot/daily/x.zip".to_owned()));
        assert_eq!(of("/data.binance.vision", ""), Route::Listing);
        assert_eq!(of("/sim/clock", ""), Route::Sim("clock".to_owned()));
        for path in ["/", "/marketing", "/stream/x", "/futures", "/v5/public/inverse"] {
            assert_eq!(of(path, ""), Route::Nowhere, "{path}");
        }
    }
}
