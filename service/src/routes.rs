//! The routes, in one table, and what stands around all of them.

pub(crate) mod about;
pub(crate) mod deeds;
pub(crate) mod lists;
pub(crate) mod orders;
pub(crate) mod stock;

use crate::app::App;
use crate::problem::{Problem, kinds};
use crate::telemetry;
use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::{Method, StatusCode, Version};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post, put};
use std::time::Instant;
use subtle::ConstantTimeEq;

/// Whom a route is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Everybody: how the service is.
    Everybody,
    /// Customers' programs, and the shop.
    Customers,
    /// The shop alone.
    Shop,
}

/// A route: its method, its path, whom it is for, and what answers it.
#[derive(Debug, Clone)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with names of its parts in braces.
    pub path: &'static str,
    /// Whom it is for.
    pub audience: Audience,
    handler: fn() -> MethodRouter<App>,
}

/// All routes: what the routers are made of, and what the description of the interface is held against.
pub const ROUTES: &[Route] = &[
    customers(Method::POST, "/v1/orders", || post(orders::place)),
    customers(Method::GET, "/v1/orders/{id}", || get(orders::show)),
    customers(Method::POST, "/v1/orders/{id}/amend", || {
        post(orders::amend)
    }),
    customers(Method::POST, "/v1/orders/{id}/cancel", || {
        post(deeds::cancel)
    }),
    shop(Method::GET, "/v1/orders", || get(lists::orders)),
    shop(Method::POST, "/v1/orders/{id}/extend", || {
        post(orders::extend)
    }),
    shop(Method::POST, "/v1/orders/{id}/pay", || post(deeds::pay)),
    shop(Method::POST, "/v1/orders/{id}/ship", || post(deeds::ship)),
    shop(Method::POST, "/v1/orders/{id}/return", || {
        post(deeds::return_units)
    }),
    shop(Method::GET, "/v1/stock/{sku}", || get(stock::show)),
    shop(Method::PUT, "/v1/stock/{sku}", || put(stock::open)),
    shop(Method::POST, "/v1/stock/{sku}/restock", || {
        post(stock::restock)
    }),
    shop(Method::POST, "/v1/stock/{sku}/count", || post(stock::count)),
    shop(Method::POST, "/v1/stock/{sku}/write-off", || {
        post(stock::write_off)
    }),
    shop(Method::GET, "/metrics", || get(about::metrics)),
    everybody("/livez", || get(about::live)),
    everybody("/readyz", || get(about::ready)),
    everybody("/openapi.json", || get(about::openapi)),
];

const fn customers(
    method: Method,
    path: &'static str,
    handler: fn() -> MethodRouter<App>,
) -> Route {
    Route {
        method,
        path,
        audience: Audience::Customers,
        handler,
    }
}

const fn shop(method: Method, path: &'static str, handler: fn() -> MethodRouter<App>) -> Route {
    Route {
        method,
        path,
        audience: Audience::Shop,
        handler,
    }
}

const fn everybody(path: &'static str, handler: fn() -> MethodRouter<App>) -> Route {
    Route {
        method: Method::GET,
        path,
        audience: Audience::Everybody,
        handler,
    }
}

/// What the customers' listener answers.
pub fn customers_router(app: App) -> Router {
    let app = App { token: None, ..app };
    router(app, |audience| audience != Audience::Shop)
}

/// What the shop's listener answers: everything, and only with its token, if it has one.
pub fn shop_router(app: App) -> Router {
    router(app, |_| true)
}

fn router(app: App, wanted: impl Fn(Audience) -> bool) -> Router {
    let routes = ROUTES.iter().filter(|route| wanted(route.audience));
    let routes = routes.fold(Router::new(), |router, route| {
        router.route(route.path, (route.handler)())
    });
    routes
        .method_not_allowed_fallback(wrong_method)
        .fallback(unknown)
        .layer(DefaultBodyLimit::max(app.limits.body))
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

/// Ends a request that takes too long or may not be made, and counts and logs it.
async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = route_of(&request);
    let response = match check(&app, route, &request) {
        Err(problem) => problem.into_response(),
        Ok(()) if app.idle => StatusCode::NO_CONTENT.into_response(),
        Ok(()) => {
            let answered = tokio::time::timeout(app.limits.request, next.run(request)).await;
            answered.unwrap_or_else(|_| too_slow().into_response())
        }
    };
    let (path, took) = (route.map_or("other", |route| route.path), began.elapsed());
    telemetry::answered(&method, path, response.status(), took);
    tracing::debug!(%method, path, status = response.status().as_u16(), ?took);
    response
}

fn route_of(request: &Request) -> Option<&'static Route> {
    let path = request.extensions().get::<MatchedPath>()?.as_str();
    ROUTES.iter().find(|route| route.path == path)
}

fn check(app: &App, route: Option<&Route>, request: &Request) -> Result<(), Problem> {
    let hosts = request.headers().get_all(HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
        let detail = "a request has one Host header";
        return Err(Problem::new(kinds::MALFORMED, detail));
    }
    let is_free = route.is_some_and(|route| route.audience == Audience::Everybody);
    match &app.token {
        Some(token) if !is_free && !has_token(request, token) => {
            let detail = "the shop's listener asks for its token: Authorization: Bearer TOKEN";
            Err(Problem::new(kinds::NO_TOKEN, detail))
        }
        _ => Ok(()),
    }
}

fn has_token(request: &Request, token: &str) -> bool {
    let sent = request.headers().get(AUTHORIZATION);
    let sent = sent.and_then(|value| value.to_str().ok());
    let sent = sent.and_then(|text| text.split_once(' '));
    sent.is_some_and(|(scheme, sent)| {
        scheme.eq_ignore_ascii_case("bearer") && bool::from(sent.as_bytes().ct_eq(token.as_bytes()))
    })
}

fn too_slow() -> Problem {
    Problem::new(
        kinds::TOO_SLOW,
        "the request did not arrive and was not answered in time",
    )
}
