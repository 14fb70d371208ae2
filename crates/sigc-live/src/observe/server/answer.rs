//! What is answered to each address, computed from what the run left when somebody asks.

use super::Exposed;
use crate::observe::process::Usage;
use crate::observe::status::{Beat, STALE_VIEW, StatusView};
use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The addresses.
pub(super) fn router(exposed: Exposed) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/status", get(status))
        .fallback(nowhere)
        .layer(map_response(last_answer))
        .with_state(Arc::new(exposed))
}

/// One request per connection: see [`super::gate`].
async fn last_answer(mut response: Response) -> Response {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn metrics(State(exposed): State<Arc<Exposed>>) -> Response {
    let metrics = &exposed.metrics;
    metrics.process(&Usage::now());
    metrics.uptime(exposed.status.uptime().as_secs_f64());
    for beat in exposed.status.beats(Instant::now()) {
        metrics.heartbeat(&beat.part, beat.silent_seconds);
    }
    if let Some(log) = &exposed.log {
        metrics.log_dropped(log.dropped());
    }
    ([(CONTENT_TYPE, OPEN_METRICS)], metrics.render()).into_response()
}

async fn healthz(State(exposed): State<Arc<Exposed>>) -> Response {
    let beats = exposed.status.beats(Instant::now());
    let silent: Vec<&Beat> = beats.iter().filter(|b| b.is_late()).collect();
    let code = code(silent.is_empty());
    let run = &exposed.status.view().0.run;
    exposed.json(code, &json!({ "healthy": silent.is_empty(), "run": run, "silent": silent, "parts": beats }))
}

async fn readyz(State(exposed): State<Arc<Exposed>>) -> Response {
    let (view, age) = exposed.status.view();
    let unready = view.unready();
    let stale = age > STALE_VIEW;
    let ready = unready.is_ready() && !stale;
    let mut body = json!({
        "ready": ready,
        "run": view.run,
        "symbols_ready": view.symbols.iter().filter(|s| s.ready).count(),
        "symbols": view.symbols.len(),
        "missing": unready,
    });
    if stale {
        body["stale_seconds"] = json!(age.as_secs_f64());
    }
    exposed.json(code(ready), &body)
}

async fn status(State(exposed): State<Arc<Exposed>>) -> Response {
    #[derive(Serialize)]
    struct Status<'a> {
        #[serde(flatten)]
        view: &'a StatusView,
        view_age_seconds: f64,
        uptime_seconds: f64,
        beats: Vec<Beat>,
        log_lines_dropped: Option<u64>,
    }
    let (view, age) = exposed.status.view();
    let status = Status {
        view: &view,
        view_age_seconds: age.as_secs_f64(),
        uptime_seconds: exposed.status.uptime().as_secs_f64(),
        beats: exposed.status.beats(Instant::now()),
        log_lines_dropped: exposed.log.as_ref().map(|l| l.dropped()),
    };
    exposed.json(StatusCode::OK, &json!(status))
}

async fn nowhere() -> Response {
    (StatusCode::NOT_FOUND, "/metrics /healthz /readyz /status\n").into_response()
}

fn code(well: bool) -> StatusCode {
    if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

impl Exposed {
    fn json(&self, code: StatusCode, body: &Value) -> Response {
        let text = format!("{body:#}\n");
        (code, [(CONTENT_TYPE, "application/json")], self.redactor.apply(&text).into_owned()).into_response()
    }
}
