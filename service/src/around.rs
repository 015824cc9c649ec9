//! What stands around all routes: who may ask, the time that a request may take, its id, and what is counted and logged.
//!
//! # Why not the layers of tower-http
//!
//! Each would need the code that is here in its callbacks, and its configuration beside it:
//!
//! - `timeout` answers without a body, on all routes alike. Here lists and streams take their time, and the problem says whether
//!   the request's call was made, so that a client knows what became of it. Its time-outs of bodies are for the service that
//!   makes them, and not for the client that takes them.
//! - `trace` makes a span for each request. Log and metrics want one event, with the route, the status, the time, the id and
//!   the trace, of failed requests 20 a second at most: all of that would be callbacks.
//! - `request-id` takes over whatever a client sent, also what must not be in a log, and calls back for a new id. That check
//!   and that id are all that is here.
//! - `limit`: axum's own limit of a body is in use, and is answered as a problem.
//! - `validate-request` has no token any more; a check of one's own is a callback.
//!
//! What libraries do is theirs: tokio times out, hyper limits headers, tracing and metrics write, subtle compares.

use crate::access::may_ask;
use crate::app::{App, Shared};
use crate::in_time::in_time;
use crate::kinds;
use crate::problem::Problem;
use crate::requests;
use crate::routes::table::{ROUTES, Route};
use crate::sparing::Sparing;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::HOST;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What is logged of requests that fail.
static FAILED: Sparing = Sparing::new();

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACE_PARENT: &str = "traceparent";
/// The longest id of a request that is taken over.
const MAX_ID: usize = 128;

/// Ends a request that takes too long or may not be made, names it, and counts and logs it.
pub async fn around(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = route_of(&request);
    let id = request_id(request.headers());
    let trace = trace_of(request.headers()).unwrap_or_default().to_owned();
    let mut response = match check(&app, route, &request) {
        Err(problem) => problem.into_response(),
        Ok(()) if route.is_some_and(|route| route.takes_its_time) => next.run(request).await,
        Ok(()) => {
            let answered = in_time(app.limits.request, next.run(request)).await;
            answered.unwrap_or_else(IntoResponse::into_response)
        }
    };
    let (path, took) = (route.map_or("other", |route| route.path), began.elapsed());
    let status = response.status();
    requests::answered(&method, path, status, took);
    let (request_id, seconds) = (id.to_str().unwrap_or_default(), took.as_secs_f64());
    // While it stops, proxies ask each second and are answered 503.
    let is_expected = path == "/readyz" && !app.is_ready();
    let is_failed = status.is_server_error() && !is_expected;
    let status = status.as_u16();
    if is_failed && let Some(left_out) = FAILED.line(began) {
        tracing::warn!(request_id, trace, %method, path, status, seconds, left_out, "request");
    } else {
        tracing::debug!(request_id, trace, %method, path, status, seconds, "request");
    }
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

fn route_of(request: &Request) -> Option<&'static Route> {
    let path = request.extensions().get::<MatchedPath>()?.as_str();
    let mut of_path = ROUTES.iter().filter(|route| route.path == path);
    let first = of_path.next()?;
    let is_asked = |route: &&Route| route.method == *request.method();
    let asked = Some(first)
        .filter(is_asked)
        .or_else(|| of_path.find(is_asked));
    // One of another method says what path it is.
    Some(asked.unwrap_or(first))
}

/// The id that a proxy gave the request, or a new one: by it the answer is found in the log.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let given = headers.get(REQUEST_ID).filter(|id| {
        let is_printable = id.as_bytes().iter().all(u8::is_ascii_graphic);
        is_printable && (1..=MAX_ID).contains(&id.len())
    });
    given.cloned().unwrap_or_else(|| {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let new = HeaderValue::from_str(&format!("{:016x}-{number}", *PROCESS));
        new.unwrap_or_else(|_| HeaderValue::from_static("none"))
    })
}

/// The trace that a request is a part of (W3C Trace Context): 32 digits.
fn trace_of(headers: &HeaderMap) -> Option<&str> {
    let parent = headers.get(TRACE_PARENT)?.to_str().ok()?;
    let mut parts = parent.split('-');
    let (version, trace) = (parts.next()?, parts.next()?);
    let is_hex = |text: &str| {
        text.bytes()
            .all(|it| it.is_ascii_digit() || (b'a'..=b'f').contains(&it))
    };
    let is_known = version.len() == 2 && version != "ff" && is_hex(version);
    let is_trace = trace.len() == 32 && is_hex(trace) && trace.bytes().any(|it| it != b'0');
    (is_known && is_trace).then_some(trace)
}

fn check(app: &App, route: Option<&Route>, request: &Request) -> Result<(), Problem> {
    let hosts = request.headers().get_all(HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
        let detail = "a request has one Host header";
        return Err(Problem::new(kinds::MALFORMED, detail));
    }
    let is_free = route.is_some_and(|route| route.audience.needs_no_token());
    if is_free || may_ask(app, request.headers()) {
        return Ok(());
    }
    let detail = match app.token {
        Some(_) => "the shop's listener asks for its token: Authorization: Bearer TOKEN",
        None => {
            "the shop's listener has no token, and answers only who calls this machine localhost or 127.0.0.1: set SEGSTOCK_TOKEN"
        }
    };
    Err(Problem::new(kinds::NO_TOKEN, detail))
}

#[cfg(test)]
mod tests {
    use super::{REQUEST_ID, TRACE_PARENT, request_id, trace_of};
    use axum::http::{HeaderMap, HeaderValue};

    #[test]
    fn an_id_that_could_not_stand_in_a_log_is_replaced() {
        let id_for = |given: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_static(given));
            request_id(&headers)
        };
        assert_eq!(id_for("proxy-17"), "proxy-17");
        let long: &'static str = "x".repeat(129).leak();
        for wrong in ["", "a b", long] {
            assert_ne!(id_for(wrong), wrong);
        }
        let empty = HeaderMap::new();
        assert_ne!(request_id(&empty), request_id(&empty), "each is new");
    }

    #[test]
    fn a_trace_is_read_from_a_header_that_keeps_to_its_form() {
        let trace = |given: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(TRACE_PARENT, HeaderValue::from_static(given));
            trace_of(&headers).map(str::to_owned)
        };
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let of = |text| Some(String::from(text));
        assert_eq!(
            trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            of(id)
        );
        for wrong in [
            "",
            "00",
            "00-short-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(trace(wrong), None, "{wrong}");
        }
    }
}
