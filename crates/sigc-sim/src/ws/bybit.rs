//! What a client may say to a Bybit stream, and the answers.
//!
//! Unlike Binance, a topic the venue does not have is refused. What becomes of the good topics beside a bad one is
//! documented nowhere; here none of a refused list is subscribed.

use super::Reply;
use super::streams::Streams;
use crate::fault::Fault;
use crate::trouble::find;
use crate::venue::Venue;
use crate::world::World;
use serde_json::{Value, json};
use sigc_market::Ts;

/// Topics in one request to spot.
const SPOT_ARGS: usize = 10;
/// Characters of all topics on one connection.
const ALL_ARGS: usize = 21_000;

/// Answers one message.
pub(crate) fn answer(world: &World, venue: Venue, streams: &mut Streams, conn: &str, text: &str, now: Ts) -> Reply {
    let message: Value = serde_json::from_str(text).unwrap_or(Value::Null);
    let req_id = message["req_id"].as_str().unwrap_or_default();
    let say = |success: bool, what: &str, op: &str| {
        let answer = json!({"success": success, "ret_msg": what, "conn_id": conn, "req_id": req_id, "op": op});
        Reply::answer(answer.to_string())
    };
    let op = message["op"].as_str().unwrap_or_default();
    let topics: Option<Vec<&str>> =
        message["args"].as_array().and_then(|args| args.iter().map(Value::as_str).collect());
    // Linear leaves the message of a success empty, spot repeats the operation.
    let done = if venue == Venue::BybitSpot { op } else { "" };
    match (op, topics) {
        ("ping", _) => say(true, "pong", "ping"),
        ("subscribe", Some(topics)) => match refusal(world, venue, streams, &topics, now) {
            Some(why) => say(false, &why, op),
            None => {
                topics.iter().for_each(|topic| streams.subscribe(world, topic, now));
                say(true, done, op)
            }
        },
        ("unsubscribe", Some(topics)) => {
            topics.iter().for_each(|topic| streams.unsubscribe(topic));
            say(true, done, op)
        }
        _ => say(false, "Params Error", op),
    }
}

fn refusal(world: &World, venue: Venue, streams: &Streams, topics: &[&str], now: Ts) -> Option<String> {
    let refuse = |f: &Fault| matches!(f, Fault::AckRefuse).then_some(());
    if find(&world.troubles.snapshot(), now, venue, None, refuse).is_some() {
        return Some("error:subscriptions are refused".to_owned());
    }
    if venue == Venue::BybitSpot && topics.len() > SPOT_ARGS {
        return Some("args size >10".to_owned());
    }
    let length = streams.names().map(str::len).sum::<usize>() + topics.iter().map(|t| t.len()).sum::<usize>();
    if length > ALL_ARGS {
        return Some("Params Error".to_owned());
    }
    let unknown = topics.iter().find(|topic| !streams.is_known(world, topic))?;
    Some(format!("error:handler not found,topic:{unknown}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn say(venue: Venue, text: &str) -> (Value, usize) {
        let world = World::new(Config::with_symbols(["BTCUSDT"]));
        let mut streams = Streams::new(venue, false, false);
        let reply = answer(&world, venue, &mut streams, "c-1", text, world.config.start);
        (serde_json::from_str(&reply.answer.expect("an answer")).expect("JSON"), streams.len())
    }

    #[test]
    fn topics_are_accepted_or_refused() {
        let text = r#"{"req_id":"k1","op":"subscribe","args":["kline.60.BTCUSDT"]}"#;
        let (answer, n) = say(Venue::BybitLinear, text);
        let expected = json!({"success":true,"ret_msg":"","conn_id":"c-1","req_id":"k1","op":"subscribe"});
        assert_eq!((answer, n), (expected, 1));
        assert_eq!(say(Venue::BybitSpot, text).0["ret_msg"], "subscribe");
        let (answer, n) = say(Venue::BybitLinear, r#"{"op":"subscribe","args":["kline.60.BTCUSDT","kline.60.NOPE"]}"#);
        assert_eq!((answer["success"].as_bool(), n), (Some(false), 0));
        assert_eq!(answer["ret_msg"], "error:handler not found,topic:kline.60.NOPE");
    }

    #[test]
    fn pings_and_nonsense_are_answered() {
        assert_eq!(say(Venue::BybitLinear, r#"{"op":"ping"}"#).0["ret_msg"], "pong");
        for text in ["", "[]", r#"{"op":"subscribe"}"#, r#"{"op":"subscribe","args":[1]}"#] {
            assert_eq!(say(Venue::BybitLinear, text).0["success"], false, "{text}");
        }
        let many = json!({"op": "subscribe", "args": vec!["kline.1.BTCUSDT"; 11]}).to_string();
        assert_eq!(say(Venue::BybitSpot, &many).0["success"], false);
        assert_eq!(say(Venue::BybitLinear, &many).0["success"], true);
    }
}
