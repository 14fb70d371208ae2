//! `/sim/…`: what a venue does not have, the simulation's own truth, clock, faults and counters.

use crate::fault::{Entry, Fault, Script};
use crate::http::{Request, Response};
use crate::truth;
use crate::venue::Venue;
use crate::world::World;
use serde_json::json;
use sigc_market::{Interval, Symbol, Ts};

/// Bars that far ahead are told, and no others: they would have to be made first.
const LONGEST_LOOK_AHEAD: i64 = 40 * 86_400_000;

/// Answers a request below `/sim/`.
pub(crate) fn answer(world: &World, what: &str, request: &Request) -> Response {
    match (request.method.as_str(), what) {
        ("GET", "clock") => {
            let clock = &world.clock;
            let (now, simulation) = (clock.now().0, clock.simulation().0);
            let body = json!({"now": now, "simulation": simulation, "start": clock.start().0, "speed": clock.speed()});
            Response::json(200, body.to_string())
        }
        ("GET", "stats") => match serde_json::to_string(&world.stats.read()) {
            Ok(body) => Response::json(200, body),
            Err(error) => Response::text(500, error.to_string()),
        },
        ("GET", "truth") => truth(world, request).unwrap_or_else(|what| Response::text(400, what)),
        ("POST", "fault") => match inject(world, &request.body) {
            Ok(id) => Response::json(200, json!({"id": id}).to_string()),
            Err(what) => Response::text(400, what),
        },
        ("POST", "clear") => {
            world.troubles.clear(request.param("id").and_then(|id| id.parse().ok()));
            world.injected.notify_one();
            Response::json(200, "{}")
        }
        _ => Response::text(404, "GET clock, stats, truth; POST fault, clear"),
    }
}

fn truth(world: &World, request: &Request) -> Result<Response, String> {
    let param = |name: &str| request.param(name).ok_or(format!("`{name}` is missing"));
    let time = |name: &str| {
        let text = param(name)?;
        text.parse().map(Ts).ok().or(Ts::parse_iso(text)).ok_or(format!("`{name}` is no time"))
    };
    let symbol = Symbol::new(param("symbol")?).map_err(|e| e.to_string())?;
    let interval = Interval::parse(param("interval")?).map_err(|e| e.to_string())?;
    let venue = match request.param("venue") {
        None => Venue::Futures,
        Some(name) => serde_json::from_value(name.into()).map_err(|_| format!("no venue `{name}`"))?,
    };
    let market = world.market(venue);
    if market.first(&symbol).is_none() || !market.has_interval(interval) {
        return Err(format!("no bars of {symbol} {interval}"));
    }
    let (from, to) = (time("from")?, time("to")?);
    let latest = Ts(world.clock.now().0 + LONGEST_LOOK_AHEAD);
    let bars = market.bars(&symbol, interval, from.max(world.config.history_from()), to.min(latest));
    Ok(Response::text(200, truth::csv(&bars)))
}

/// Reads an entry of a script, or a bare fault.
fn inject(world: &World, body: &[u8]) -> Result<u64, String> {
    let entry: Entry = match serde_json::from_slice::<Fault>(body) {
        Ok(fault) => fault.into(),
        Err(_) => serde_json::from_slice(body).map_err(|e| e.to_string())?,
    };
    let script = Script(vec![entry]);
    script.check()?;
    Ok(script.0.into_iter().map(|entry| world.inject(entry)).next().unwrap_or(0))
}
