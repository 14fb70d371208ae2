//! The venues' REST interfaces.
//!
//! [`rows`] chooses the rows of an answer and knows how far REST lags behind; [`binance`] and [`bybit`] know parameters,
//! weights, errors and shapes.

pub(crate) mod binance;
pub(crate) mod bybit;
mod rows;

use crate::fault::Fault;
use crate::http::{Request, Response};
use crate::trouble::find;
use crate::venue::Venue;
use crate::world::World;
use sigc_market::Symbol;

/// The answer a fault gives in the venue's place, if one does.
pub(crate) fn fault(world: &World, venue: Venue, request: &Request) -> Option<Response> {
    let faults = world.troubles.snapshot();
    let symbol = request.param("symbol").or(request.param("pair")).and_then(|s| Symbol::new(s).ok());
    let pick = |f: &Fault| match f {
        Fault::Http { status, body, retry_after } => Some((*status, body.clone(), *retry_after)),
        _ => None,
    };
    let (status, body, retry_after) = find(&faults, world.clock.now(), venue, symbol.as_ref(), pick)?;
    match status {
        403 => world.stats.forbidden.one(),
        418 => world.stats.banned.one(),
        429 => world.stats.too_many.one(),
        _ => {}
    }
    let json = body.starts_with(['{', '[']);
    let response = if json { Response::json(status, body) } else { Response::text(status, body) };
    Some(match retry_after {
        Some(seconds) => response.with("Retry-After", seconds),
        None => response,
    })
}
