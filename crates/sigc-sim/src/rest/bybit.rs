//! Bybit's REST interface.
//!
//! Errors come with HTTP status 200 and a `retCode`. Between a start and an end the newest rows are given; with a start
//! alone, which no documentation covers, the oldest.

use super::rows::{Wanted, rows, time};
use crate::frame::bybit_row;
use crate::gate::BybitVerdict;
use crate::http::{Request, Response};
use crate::venue::Venue;
use crate::world::World;
use serde_json::{Value, json};
use sigc_market::{Symbol, Ts};

const MOST_ROWS: i64 = 1_000;

/// Answers a request below `/v5/market/`.
pub(crate) fn answer(world: &World, what: &str, request: &Request) -> Response {
    let stats = &world.stats;
    match what {
        "kline" => stats.klines.one(),
        "time" => stats.time.one(),
        "instruments-info" => stats.info.one(),
        _ => stats.other.one(),
    }
    let now = world.clock.now();
    let mut gate = world.bybit_gate();
    let per_second = gate.per_second();
    let verdict = gate.charge(now);
    drop(gate);
    let reset = (now.0.div_euclid(1_000) + 1) * 1_000;
    let left = match verdict {
        BybitVerdict::Granted { left } => left,
        BybitVerdict::TooMany => {
            stats.too_many.one();
            return told(now, Err((10006, "Too many visits!".to_owned())))
                .with("X-Bapi-Limit", per_second)
                .with("X-Bapi-Limit-Status", 0)
                .with("X-Bapi-Limit-Reset-Timestamp", reset);
        }
        BybitVerdict::Forbidden => {
            stats.forbidden.one();
            return Response::text(403, "access too frequent");
        }
    };
    let result = match what {
        "kline" => kline(world, request),
        "time" => Ok(json!({"timeSecond": (now.0 / 1_000).to_string(), "timeNano": (now.0 * 1_000_000).to_string()})),
        "instruments-info" => instruments(world, request, now),
        _ => return Response::text(404, "404 page not found"),
    };
    told(now, result)
        .with("X-Bapi-Limit", per_second)
        .with("X-Bapi-Limit-Status", left)
        .with("X-Bapi-Limit-Reset-Timestamp", reset)
}

fn told(now: Ts, result: Result<Value, (i64, String)>) -> Response {
    let (code, msg, result) = match result {
        Ok(result) => (0, "OK".to_owned(), result),
        Err((code, msg)) => (code, msg, json!({})),
    };
    let body = json!({"retCode": code, "retMsg": msg, "result": result, "retExtInfo": {}, "time": now.0});
    Response::json(200, body.to_string())
}

/// Which market a request is for; the parameter is required.
pub(crate) fn venue_of(request: &Request) -> Option<Venue> {
    match request.param("category") {
        Some("linear") => Some(Venue::BybitLinear),
        Some("spot") => Some(Venue::BybitSpot),
        _ => None,
    }
}

fn number(request: &Request, name: &str) -> Result<Option<i64>, (i64, String)> {
    match request.param(name).filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| (10001, format!("params error: {name} invalid"))),
    }
}

fn kline(world: &World, request: &Request) -> Result<Value, (i64, String)> {
    let venue = venue_of(request).ok_or((10001, "Illegal category".to_owned()))?;
    let market = world.market(venue);
    let symbol = request.param("symbol").and_then(|s| Symbol::new(s).ok()).filter(|s| market.first(s).is_some());
    let symbol = symbol.ok_or((10001, "Not supported symbols".to_owned()))?;
    let interval = request.param("interval").and_then(|i| venue.interval(i)).filter(|i| market.has_interval(*i));
    let interval = interval.ok_or((10001, "Invalid period!".to_owned()))?;
    let (start, end) = (number(request, "start")?, number(request, "end")?);
    let limit = number(request, "limit")?.unwrap_or(200);
    if !(1..=MOST_ROWS).contains(&limit) {
        return Err((10001, "params error: limit should be between 1 and 1000".to_owned()));
    }
    let wanted = Wanted {
        venue,
        symbol: &symbol,
        interval,
        start: start.map(time),
        end: end.map(time),
        limit: usize::try_from(limit).unwrap_or(1),
        oldest: start.is_some() && end.is_none(),
    };
    let mut list = String::from("[");
    for (k, values) in rows(world, &wanted).iter().rev() {
        if list.len() > 1 {
            list.push(',');
        }
        bybit_row(&mut list, interval.open_of(*k), values);
    }
    list.push(']');
    let list: Value = serde_json::from_str(&list).map_err(|e| (10016, e.to_string()))?;
    Ok(json!({"category": request.param("category"), "symbol": symbol.as_str(), "list": list}))
}

fn instruments(world: &World, request: &Request, now: Ts) -> Result<Value, (i64, String)> {
    let venue = venue_of(request).ok_or((10001, "Illegal category".to_owned()))?;
    let limit = number(request, "limit")?.unwrap_or(500);
    if !(1..=MOST_ROWS).contains(&limit) {
        return Err((10001, "params error: limit should be between 1 and 1000".to_owned()));
    }
    let skip = match request.param("cursor").filter(|c| !c.is_empty()) {
        None => 0,
        Some(cursor) => cursor.parse::<usize>().map_err(|_| (10001, "params error: cursor invalid".to_owned()))?,
    };
    let only = request.param("symbol");
    let all: Vec<_> = world.config.symbols.iter().filter(|l| only.is_none_or(|s| s == l.symbol.as_str())).collect();
    let page = usize::try_from(limit).unwrap_or(1);
    let list: Vec<Value> = all
        .iter()
        .skip(skip)
        .take(page)
        .map(|listing| {
            let symbol = listing.symbol.as_str();
            let delisted = world.delisted(venue, &listing.symbol);
            let status = if delisted.is_some_and(|t| t <= now) { "Closed" } else { "Trading" };
            let base = symbol.strip_suffix("USDT").unwrap_or(symbol);
            let mut entry = json!({"symbol": symbol, "status": status, "baseCoin": base, "quoteCoin": "USDT"});
            if venue == Venue::BybitLinear {
                let launch = listing.first.unwrap_or(world.config.history_from());
                entry["contractType"] = "LinearPerpetual".into();
                entry["launchTime"] = launch.0.to_string().into();
                entry["deliveryTime"] = delisted.map_or(0, |t| t.0).to_string().into();
            }
            entry
        })
        .collect();
    let next = if skip + page < all.len() { (skip + page).to_string() } else { String::new() };
    Ok(json!({"category": request.param("category"), "list": list, "nextPageCursor": next}))
}
