//! A small web server that answers as a test says, and remembers when it was asked.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::task::JoinHandle;

/// Status, headers, body.
pub type Reply = (u16, Vec<(&'static str, String)>, Vec<u8>);

pub struct Web {
    pub base: String,
    pub seen: Arc<Mutex<Vec<(String, Instant)>>>,
    /// The most requests under way at a time.
    pub most: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Web {
    pub fn paths(&self) -> Vec<String> {
        self.seen.lock().expect("no panic").iter().map(|(path, _)| path.clone()).collect()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers at once.
pub async fn serve(reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Web {
    serve_slowly(0, reply).await
}

/// Answers after so many milliseconds.
pub async fn serve_slowly(ms: u64, reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Web {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let reply = Arc::new(reply);
    let (seen_here, most_here) = (seen.clone(), most.clone());
    let app = Router::new().fallback(move |request: Request| {
        let (seen, now, most, reply) = (seen_here.clone(), now.clone(), most_here.clone(), reply.clone());
        async move {
            let path = request.uri().to_string();
            seen.lock().expect("no panic").push((path.clone(), Instant::now()));
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(std::time::Duration::from_millis(ms)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            let (status, headers, body) = reply(&path);
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(Body::from(body)).expect("a response")
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let base = format!("http://{}", listener.local_addr().expect("bound"));
    let task = tokio::spawn(async move { axum::serve(listener, app).await.expect("serves") });
    Web { base, seen, most, task }
}
