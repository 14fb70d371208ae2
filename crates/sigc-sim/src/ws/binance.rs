//! What a client may say to a Binance stream, and the answers.
//!
//! A subscription is acknowledged whatever it names; only its form is checked.

use super::Reply;
use super::streams::Streams;
use crate::fault::Fault;
use crate::trouble::find;
use crate::venue::Venue;
use crate::world::World;
use serde_json::{Value, json};
use sigc_market::Ts;

/// Answers one message.
pub(crate) fn answer(world: &World, venue: Venue, streams: &mut Streams, text: &str, now: Ts) -> Reply {
    let message: Value = match serde_json::from_str(text) {
        Ok(message) => message,
        Err(error) => return Reply::answer(json!({"code": 3, "msg": format!("Invalid JSON: {error}")}).to_string()),
    };
    let Some(fields) = message.as_object() else {
        return Reply::answer(json!({"code": 2, "msg": "Invalid request: request must be an object"}).to_string());
    };
    if let Some(unknown) = fields.keys().find(|k| !["method", "params", "id"].contains(&k.as_str())) {
        return error(venue, &Value::Null, 0, format!("Unknown property: {unknown}"));
    }
    let id = &message["id"];
    let id_is_sound = match id {
        Value::String(text) => text.chars().count() <= 36,
        Value::Number(number) => number.is_i64(),
        other => other.is_null(),
    };
    if !id_is_sound {
        let what = "Invalid request: request ID must be an integer, a string up to 36 characters, or null";
        return error(venue, &Value::Null, 1, what.to_owned());
    }
    match message["method"].as_str() {
        Some("SUBSCRIBE") => subscribe(world, venue, streams, &message, now),
        Some("UNSUBSCRIBE") => match names(&message) {
            Some(names) => {
                names.iter().for_each(|name| streams.unsubscribe(name));
                result(id, Value::Null)
            }
            None => error(venue, id, 1, "Invalid request: params must be an array of strings".to_owned()),
        },
        Some("LIST_SUBSCRIPTIONS") => result(id, streams.names().collect()),
        Some("GET_PROPERTY") if message["params"][0] == "combined" => result(id, streams.combined.into()),
        Some("SET_PROPERTY") if message["params"][0] == "combined" => match message["params"][1].as_bool() {
            Some(combined) => {
                streams.combined = combined;
                result(id, Value::Null)
            }
            None => error(venue, id, 1, "Invalid value type: expected Boolean".to_owned()),
        },
        Some("GET_PROPERTY" | "SET_PROPERTY") => error(venue, id, 0, "Unknown property".to_owned()),
        Some(other) => {
            let what = format!(
                "Invalid request: unknown variant `{other}`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"
            );
            error(venue, id, 2, what)
        }
        None => error(venue, id, 2, "Invalid request: missing field `method`".to_owned()),
    }
}

fn subscribe(world: &World, venue: Venue, streams: &mut Streams, message: &Value, now: Ts) -> Reply {
    let id = &message["id"];
    let Some(names) = names(message) else {
        return error(venue, id, 1, "Invalid request: params must be an array of strings".to_owned());
    };
    let refuse = |f: &Fault| matches!(f, Fault::AckRefuse).then_some(());
    if find(&world.troubles.snapshot(), now, venue, None, refuse).is_some() {
        return error(venue, id, 2, "Invalid request: subscriptions are refused".to_owned());
    }
    for name in names {
        streams.subscribe(world, name, now);
    }
    if streams.len() > world.config.limits.streams {
        let mut reply = error(venue, id, 2, "Invalid request: too many streams".to_owned());
        reply.close = Some("Invalid request");
        return reply;
    }
    result(id, Value::Null)
}

fn names(message: &Value) -> Option<Vec<&str>> {
    message["params"].as_array()?.iter().map(Value::as_str).collect()
}

fn result(id: &Value, result: Value) -> Reply {
    Reply::answer(json!({"result": result, "id": id}).to_string())
}

/// Futures wraps its errors and gives the id back, spot does neither.
fn error(venue: Venue, id: &Value, code: i64, msg: String) -> Reply {
    let error = json!({"code": code, "msg": msg});
    Reply::answer(if venue == Venue::Spot { error.to_string() } else { json!({"error": error, "id": id}).to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn world() -> World {
        let mut config = Config::with_symbols(["BTCUSDT"]);
        config.limits.streams = 3;
        World::new(config)
    }

    fn say(world: &World, streams: &mut Streams, text: &str) -> Reply {
        answer(world, Venue::Futures, streams, text, world.config.start)
    }

    #[test]
    fn an_acknowledgement_proves_nothing() {
        let world = world();
        let mut streams = Streams::new(Venue::Futures, true, false);
        let text = r#"{"method":"SUBSCRIBE","params":["btcusdt@kline_1h","nope@kline_1h"],"id":7}"#;
        assert_eq!(say(&world, &mut streams, text).answer.as_deref(), Some(r#"{"result":null,"id":7}"#));
        let list = say(&world, &mut streams, r#"{"method":"LIST_SUBSCRIPTIONS","id":"a"}"#);
        assert_eq!(list.answer.as_deref(), Some(r#"{"result":["btcusdt@kline_1h","nope@kline_1h"],"id":"a"}"#));
        say(&world, &mut streams, r#"{"method":"UNSUBSCRIBE","params":["nope@kline_1h"],"id":null}"#);
        assert_eq!(streams.len(), 1);
    }

    #[test]
    fn one_stream_too_many_ends_the_connection() {
        let world = world();
        let mut streams = Streams::new(Venue::Futures, true, false);
        let reply = say(&world, &mut streams, r#"{"method":"SUBSCRIBE","params":["a","b","c"],"id":1}"#);
        assert_eq!(reply.close, None);
        let reply = say(&world, &mut streams, r#"{"method":"SUBSCRIBE","params":["d"],"id":2}"#);
        assert_eq!(reply.close, Some("Invalid request"));
        assert!(reply.answer.is_some_and(|a| a.contains(r#""code":2"#)));
    }

    #[test]
    fn every_wrong_form_has_its_code() {
        let world = world();
        for (text, code) in [
            ("{", 3),
            ("[]", 2),
            (r#"{"method":"SUBSCRIBE","params":"a","id":1}"#, 1),
            (r#"{"method":"SUBSCRIBE","params":["a"],"id":1.5}"#, 1),
            (r#"{"method":"JUMP","id":1}"#, 2),
            (r#"{"id":1}"#, 2),
            (r#"{"method":"SUBSCRIBE","params":["a"],"id":1,"more":2}"#, 0),
            (r#"{"method":"SET_PROPERTY","params":["combined",5],"id":1}"#, 1),
        ] {
            let mut streams = Streams::new(Venue::Futures, true, false);
            let answer = say(&world, &mut streams, text).answer.expect("an answer");
            let answer: Value = serde_json::from_str(&answer).expect("JSON");
            let error = if answer.get("error").is_some() { &answer["error"] } else { &answer };
            assert_eq!(error["code"], code, "{text}");
            assert_eq!(streams.len(), 0);
        }
    }
}
