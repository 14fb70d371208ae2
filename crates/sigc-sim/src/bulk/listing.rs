//! The listing of archives, as S3 gives it: keys in the order of their bytes, a thousand a page.

use super::key::{Key, spell};
use super::{archive, is_there};
use crate::http::{Request, Response};
use crate::venue::Venue;
use crate::world::World;
use sha2::{Digest, Sha256};
use sigc_market::{Interval, Ts};
use std::fmt::Write as _;

/// Keys on a page, at most.
const PAGE: usize = 1_000;

/// Answers a request for a listing. Only `/` is a delimiter; without one the keys below the prefix are listed, where
/// the prefix reaches down to an interval's folder.
pub(crate) fn answer(world: &World, request: &Request) -> Response {
    let prefix = request.param("prefix").unwrap_or_default();
    let marker = request.param("marker").unwrap_or_default();
    let page = request.param("max-keys").and_then(|n| n.parse().ok()).unwrap_or(PAGE).min(PAGE);
    let folder = &prefix[..prefix.rfind('/').map_or(0, |i| i + 1)];
    let mut entries = children(world, folder);
    entries.retain(|e| e.name.starts_with(prefix) && e.name.as_str() > marker);
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let truncated = entries.len() > page;
    entries.truncate(page);

    let mut body = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>data.binance.vision</Name>",
    );
    let mut tag = |name: &str, text: &str| body.extend(["<", name, ">", text, "</", name, ">"]);
    tag("Prefix", prefix);
    tag("Marker", marker);
    if let Some(last) = entries.last().filter(|_| truncated) {
        tag("NextMarker", &last.name);
    }
    tag("MaxKeys", &page.to_string());
    tag("Delimiter", "/");
    tag("IsTruncated", if truncated { "true" } else { "false" });
    for Entry { name, key } in &entries {
        let written = match key {
            None => write!(body, "<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>"),
            Some(key) => {
                let modified = key.appears().to_string().replace('Z', ".000Z");
                let (tag, size) = weigh(world, name, key);
                write!(
                    body,
                    "<Contents><Key>{name}</Key><LastModified>{modified}</LastModified><ETag>&quot;{tag}&quot;</ETag><Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
                )
            }
        };
        debug_assert!(written.is_ok(), "writing to a string");
    }
    body.push_str("</ListBucketResult>");
    Response::xml(200, body)
}

/// A folder, or a file with the archive it belongs to.
struct Entry {
    name: String,
    key: Option<Key>,
}

/// Size and tag of a file. Only a short listing has them exactly: they cost the archive itself.
fn weigh(world: &World, name: &str, key: &Key) -> (String, usize) {
    if name.ends_with(".CHECKSUM") {
        return (hex(name.as_bytes()), 64 + 2 + key.file().len() + 1);
    }
    let small = key.interval.max_millis() >= 3_600_000;
    match archive(world, key).ok().filter(|_| small) {
        Some(bytes) => (hex(&bytes), bytes.len()),
        None => (hex(name.as_bytes()), 50_000),
    }
}

/// Half a digest: as long as the tags of the store.
fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)[..16].iter().map(|b| format!("{b:02x}")).collect()
}

/// What lies in a folder.
fn children(world: &World, folder: &str) -> Vec<Entry> {
    let dirs = |names: &[&str]| -> Vec<Entry> {
        names.iter().map(|n| Entry { name: format!("{folder}{n}/"), key: None }).collect()
    };
    let (venue, rest) = match folder {
        "" => return dirs(&["data"]),
        "data/" => return dirs(&["futures", "spot"]),
        "data/futures/" => return dirs(&["um"]),
        _ => match folder.strip_prefix("data/spot/") {
            Some(rest) => (Venue::Spot, rest),
            None => match folder.strip_prefix("data/futures/um/") {
                Some(rest) => (Venue::Futures, rest),
                None => return Vec::new(),
            },
        },
    };
    let parts: Vec<&str> = rest.split_terminator('/').collect();
    let market = world.market(venue);
    let known = |monthly: bool| {
        let spelled = venue.intervals().into_iter().filter_map(|text| venue.interval(text));
        spelled.filter(move |i| market.has_interval(*i) && (monthly || i.max_millis() <= 86_400_000))
    };
    match parts[..] {
        [] => dirs(&["daily", "monthly"]),
        ["daily" | "monthly"] => dirs(&["klines"]),
        [_, "klines"] => {
            let symbols: Vec<&str> = world.config.symbols.iter().map(|l| l.symbol.as_str()).collect();
            dirs(&symbols)
        }
        [span, "klines", _] => {
            let names: Vec<String> = known(span == "monthly").map(spell).collect();
            dirs(&names.iter().map(String::as_str).collect::<Vec<_>>())
        }
        [span, "klines", symbol, interval] => {
            let monthly = span == "monthly";
            let interval = known(monthly).find(|i| spell(*i) == interval);
            let listing = world.config.symbols.iter().find(|l| l.symbol.as_str() == symbol);
            let (Some(interval), Some(listing)) = (interval, listing) else { return Vec::new() };
            let day = Interval::from_millis(86_400_000).unwrap_or(Interval::WEEK);
            let step = if monthly { Interval::MONTH } else { day };
            let first = listing.first.unwrap_or(Ts(i64::MIN)).max(world.config.history_from());
            let files = (step.index_of(first)..step.index_of(world.clock.now())).map(|k| Key {
                venue,
                monthly,
                symbol: listing.symbol.clone(),
                interval,
                from: step.open_of(k),
            });
            let both = |key: Key| {
                let name = format!("{}{}", key.folder(), key.file());
                [(name.clone(), key.clone()), (format!("{name}.CHECKSUM"), key)]
            };
            let there = files.filter(|key| is_there(world, key)).flat_map(both);
            there.map(|(name, key)| Entry { name, key: Some(key) }).collect()
        }
        _ => Vec::new(),
    }
}
