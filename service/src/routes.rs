//! The routes, in one table, and what stands around all of them.

mod about;
mod orders;
mod stock;

use crate::problem::{Problem, kinds};
use crate::shop::Shop;
use crate::telemetry::{self, Telemetry};
use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post, put};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What requests may ask for.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a body.
    pub body: usize,
    /// Lines of an order.
    pub lines: usize,
    /// The longest that an order may be held.
    pub hold: Duration,
    /// How long an order is held that does not say.
    pub default_hold: Duration,
    /// How long a request may take, its body included.
    pub request: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 64 * 1024,
            lines: 100,
            hold: Duration::from_secs(24 * 60 * 60),
            default_hold: Duration::from_secs(10 * 60),
            request: Duration::from_secs(10),
        }
    }
}

/// What every handler can reach.
#[derive(Debug, Clone)]
pub struct App {
    /// The shop.
    pub shop: Arc<Shop>,
    /// What requests may ask for.
    pub limits: Arc<Limits>,
    /// The metrics.
    pub telemetry: Telemetry,
}

/// A route: its method, its path, and what answers it.
#[derive(Debug, Clone)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with names of its parts in braces.
    pub path: &'static str,
    handler: fn() -> MethodRouter<App>,
}

/// All routes: what the router is made of, and what the description of the interface is held against.
pub const ROUTES: &[Route] = &[
    Route::new(Method::POST, "/orders", || post(orders::place)),
    Route::new(Method::GET, "/orders/{id}", || get(orders::show)),
    Route::new(Method::DELETE, "/orders/{id}", || delete(orders::cancel)),
    Route::new(Method::POST, "/orders/{id}/pay", || post(orders::pay)),
    Route::new(Method::GET, "/stock/{sku}", || get(stock::show)),
    Route::new(Method::PUT, "/stock/{sku}", || put(stock::set)),
    Route::new(Method::POST, "/stock/{sku}/restock", || {
        post(stock::restock)
    }),
    Route::new(Method::GET, "/healthz", || get(about::health)),
    Route::new(Method::GET, "/metrics", || get(about::metrics)),
    Route::new(Method::GET, "/openapi.json", || get(about::openapi)),
];

impl Route {
    const fn new(method: Method, path: &'static str, handler: fn() -> MethodRouter<App>) -> Self {
        Self {
            method,
            path,
            handler,
        }
    }
}

/// The service, to be served or to be called.
pub fn router(app: App) -> Router {
    let body = DefaultBodyLimit::max(app.limits.body);
    let routes = ROUTES.iter().fold(Router::new(), |router, route| {
        router.route(route.path, (route.handler)())
    });
    routes
        .method_not_allowed_fallback(wrong_method)
        .fallback(unknown)
        .layer(body)
        .layer(middleware::from_fn_with_state(app.clone(), observe))
        .with_state(app)
}

async fn unknown() -> Problem {
    Problem::new(kinds::UNKNOWN_ROUTE, "there is no such path")
}

async fn wrong_method() -> Problem {
    let detail = "the path does not answer this method: see the Allow header";
    Problem::new(kinds::WRONG_METHOD, detail)
}

/// Ends a request that takes too long, and counts and logs it.
async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let answered = tokio::time::timeout(app.limits.request, next.run(request)).await;
    let response = answered.unwrap_or_else(|_| too_slow().into_response());
    let (path, took) = (
        path.as_ref().map_or("other", MatchedPath::as_str),
        began.elapsed(),
    );
    telemetry::answered(&method, path, response.status(), took);
    tracing::debug!(%method, path, status = response.status().as_u16(), ?took);
    response
}

fn too_slow() -> Problem {
    Problem::new(kinds::TOO_SLOW, "the request did not arrive in time")
}
