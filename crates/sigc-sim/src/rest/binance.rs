//! Binance's REST interface, futures and spot.

use super::rows::{Wanted, rows, time};
use crate::frame::binance_row;
use crate::gate::Verdict;
use crate::http::{Request, Response};
use crate::venue::Venue;
use crate::world::World;
use serde_json::{Value, json};

/// Until when a perpetual is delivered that is not delisted: the year 2100.
const NEVER: i64 = 4_133_404_800_000;
/// Weight of the spot symbol list.
const SPOT_INFO_WEIGHT: u32 = 20;

/// Answers a request below `/fapi/v1/` or `/api/v3/`.
pub(crate) fn answer(world: &World, venue: Venue, what: &str, request: &Request) -> Response {
    let stats = &world.stats;
    let weight = match (venue, what) {
        (_, "klines" | "continuousKlines") => {
            stats.klines.one();
            klines_weight(venue, request.param("limit"))
        }
        (Venue::Spot, "exchangeInfo") => {
            stats.info.one();
            SPOT_INFO_WEIGHT
        }
        (_, "exchangeInfo") => {
            stats.info.one();
            1
        }
        (_, "time" | "ping") => {
            stats.time.one();
            1
        }
        _ => {
            stats.other.one();
            1
        }
    };
    let now = world.clock.now();
    let used = match world.weight(venue).charge(now, weight) {
        Verdict::Granted { used } => used,
        Verdict::TooMany { used, retry_after } => {
            stats.too_many.one();
            let msg = "Too many requests; current limit of IP is reached. Please use the websocket for live updates to avoid bans.";
            return error(429, -1003, msg).with("Retry-After", retry_after).with("X-MBX-USED-WEIGHT-1M", used);
        }
        Verdict::Banned { until, retry_after } => {
            stats.banned.one();
            let msg = format!(
                "Way too much request weight used; IP banned until {}. Please use the websocket for live updates to avoid bans.",
                until.0
            );
            return error(418, -1003, &msg).with("Retry-After", retry_after);
        }
    };
    let response = match (venue, what) {
        (_, "klines") | (Venue::Futures, "continuousKlines") => klines(world, venue, what, request),
        (_, "time") => Response::json(200, format!(r#"{{"serverTime":{}}}"#, now.0)),
        (_, "ping") => Response::json(200, "{}"),
        (_, "exchangeInfo") => exchange_info(world, venue, request),
        _ => Response::text(404, "<html><body><h1>404 Not found</h1></body></html>"),
    };
    response.with("X-MBX-USED-WEIGHT-1M", used)
}

/// Futures weighs by rows, and a missing limit heavier than its default; spot is flat.
fn klines_weight(venue: Venue, limit: Option<&str>) -> u32 {
    match limit.map(str::parse::<u32>) {
        _ if venue == Venue::Spot => 2,
        Some(Ok(0..=100)) => 1,
        Some(Ok(101..=500)) => 2,
        Some(Ok(1_001..)) => 10,
        _ => 5,
    }
}

fn error(status: u16, code: i64, msg: &str) -> Response {
    Response::json(status, json!({"code": code, "msg": msg}).to_string())
}

fn klines(world: &World, venue: Venue, what: &str, request: &Request) -> Response {
    match wanted(world, venue, what == "continuousKlines", request) {
        Ok(wanted) => {
            let interval = wanted.interval;
            let mut body = String::from("[");
            for (k, values) in rows(world, &wanted) {
                if body.len() > 1 {
                    body.push(',');
                }
                binance_row(&mut body, interval.open_of(k), interval.close_of(k), &values);
            }
            body.push(']');
            Response::json(200, body)
        }
        Err(response) => response,
    }
}

/// Reads the parameters.
fn wanted<'a>(world: &'a World, venue: Venue, continuous: bool, request: &Request) -> Result<Wanted<'a>, Response> {
    let missing = |name: &str| {
        error(400, -1102, &format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed."))
    };
    let given = |name: &str| request.param(name).filter(|text| !text.is_empty());
    let number = |name: &str| match given(name) {
        None => Ok(None),
        Some(text) => text.parse::<i64>().map(Some).map_err(|_| missing(name)),
    };
    let market = world.market(venue);
    let name = if continuous { "pair" } else { "symbol" };
    let text = given(name).ok_or_else(|| missing(name))?;
    let listing = world.config.symbols.iter().map(|l| &l.symbol).find(|s| s.as_str() == text);
    let symbol = listing.ok_or_else(|| error(400, -1121, "Invalid symbol."))?;
    if continuous && given("contractType").ok_or_else(|| missing("contractType"))? != "PERPETUAL" {
        return Err(error(400, -4080, "Invalid contract type."));
    }
    let interval = given("interval").ok_or_else(|| missing("interval"))?;
    let interval = venue.interval(interval).filter(|i| market.has_interval(*i));
    let interval = interval.ok_or_else(|| error(400, -1120, "Invalid interval."))?;
    let most = if venue == Venue::Spot { 1_000 } else { 1_500 };
    let limit = number("limit")?.unwrap_or(500);
    let limit = usize::try_from(limit).ok().filter(|n| (1..=most).contains(n));
    let limit = limit.ok_or_else(|| error(400, -1130, "Data sent for parameter 'limit' is not valid."))?;
    let (start, end) = (number("startTime")?, number("endTime")?);
    if venue == Venue::Futures && start.zip(end).is_some_and(|(start, end)| start > end) {
        return Err(error(400, -1023, "Start time is greater than end time."));
    }
    Ok(Wanted { venue, symbol, interval, start: start.map(time), end: end.map(time), limit, oldest: start.is_some() })
}

fn exchange_info(world: &World, venue: Venue, request: &Request) -> Response {
    let now = world.clock.now();
    let only = request.param("symbol").filter(|_| venue == Venue::Spot);
    let listings = world.config.symbols.iter().filter(|l| only.is_none_or(|s| s == l.symbol.as_str()));
    let symbols: Vec<Value> = listings
        .map(|listing| {
            let symbol = listing.symbol.as_str();
            let quote = ["USDT", "USDC", "BTC", "ETH"].into_iter().find(|q| symbol.ends_with(q)).unwrap_or("");
            let base = symbol.strip_suffix(quote).unwrap_or(symbol);
            let delisted = world.delisted(venue, &listing.symbol);
            let over = delisted.is_some_and(|t| t <= now);
            if venue == Venue::Spot {
                let status = if over { "BREAK" } else { "TRADING" };
                return json!({"symbol": symbol, "status": status, "baseAsset": base, "quoteAsset": quote,
                    "isSpotTradingAllowed": !over, "filters": [], "permissions": []});
            }
            let onboard = listing.first.unwrap_or(world.config.history_from());
            json!({"symbol": symbol, "pair": symbol, "contractType": "PERPETUAL",
                "status": if over { "SETTLING" } else { "TRADING" },
                "deliveryDate": delisted.map_or(NEVER, |t| t.0), "onboardDate": onboard.0,
                "baseAsset": base, "quoteAsset": quote, "marginAsset": quote, "pricePrecision": 6,
                "quantityPrecision": 3, "underlyingType": "COIN", "filters": []})
        })
        .collect();
    if only.is_some() && symbols.is_empty() {
        return error(400, -1121, "Invalid symbol.");
    }
    let limits = &world.config.limits;
    let limit = if venue == Venue::Spot { limits.spot_weight } else { limits.futures_weight };
    let mut info = json!({"timezone": "UTC", "serverTime": now.0,
        "rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": limit}],
        "exchangeFilters": [], "symbols": symbols});
    if venue == Venue::Futures {
        info["assets"] = json!([]);
    }
    Response::json(200, info.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_follow_the_table() {
        for (limit, weight) in
            [(Some("1"), 1), (Some("100"), 1), (Some("101"), 2), (Some("500"), 2), (Some("501"), 5), (Some("1000"), 5)]
        {
            assert_eq!(klines_weight(Venue::Futures, limit), weight, "{limit:?}");
        }
        assert_eq!(klines_weight(Venue::Futures, Some("1001")), 10);
        assert_eq!(klines_weight(Venue::Futures, None), 5);
        assert_eq!(klines_weight(Venue::Spot, Some("1000")), 2);
    }
}
