//! What is counted of requests, by route.

use crate::pace;
use crate::routes::table::ROUTES;
use axum::http::{Method, StatusCode};
use metrics::{Counter, Histogram, counter, histogram};
use std::sync::LazyLock;
use std::time::Duration;

const ANSWERS: &str = "segstock_http_requests_total";
const SECONDS: &str = "segstock_http_request_seconds";
const STATUSES: [&str; 4] = ["2xx", "4xx", "5xx", "other"];

/// Makes the series of all routes, with nothing in them, once something counts.
pub fn begin() {
    metrics::describe_counter!(ANSWERS, "Requests that were answered.");
    metrics::describe_histogram!(SECONDS, "Seconds until the answer began.");
    let answers = OF_ROUTES.iter().flat_map(|route| &route.answers);
    answers.for_each(|answers| answers.absolute(0));
}

/// Counts an answer, and the time that it took.
pub fn answered(method: &Method, path: &'static str, status: StatusCode, took: Duration) {
    let is_order = *method == Method::POST && path == "/v1/orders";
    pace::answered(is_order.then_some(took));
    let status = match status.as_u16() {
        200..=299 => 0,
        400..=499 => 1,
        500..=599 => 2,
        _ => 3,
    };
    let route = ROUTES
        .iter()
        .position(|route| route.path == path && route.method == *method);
    if let Some(route) = route {
        OF_ROUTES[route].answered(status, took);
    } else {
        OfRoute::new(method, path).answered(status, took);
    }
}

/// The series of each route. They are found once: by name they are found by hashes of all their labels.
static OF_ROUTES: LazyLock<Vec<OfRoute>> = LazyLock::new(|| {
    let routes = ROUTES.iter();
    let series = routes.map(|route| OfRoute::new(&route.method, route.path));
    series.collect()
});
struct OfRoute {
    answers: [Counter; STATUSES.len()],
    seconds: Histogram,
}

impl OfRoute {
    fn new(method: &Method, path: &'static str) -> Self {
        let method = name_of(method);
        Self {
            answers: STATUSES.map(
                |status| counter!(ANSWERS, "method" => method, "path" => path, "status" => status),
            ),
            seconds: histogram!(SECONDS, "method" => method, "path" => path),
        }
    }

    /// `status` is its index in [`STATUSES`].
    fn answered(&self, status: usize, took: Duration) {
        self.answers[status].increment(1);
        self.seconds.record(took.as_secs_f64());
    }
}

/// Methods are whatever a client makes up: only those of the routes get a row.
fn name_of(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        _ => "other",
    }
}
