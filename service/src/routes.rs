//! The routers of the two listeners, made of the [table of routes](ROUTES).

pub(crate) mod about;
pub(crate) mod backups;
pub(crate) mod bulk;
pub(crate) mod deeds;
pub(crate) mod events;
pub(crate) mod lists;
pub(crate) mod moves;
pub(crate) mod orders;
pub(crate) mod page;
pub(crate) mod stock;
pub(crate) mod table;

pub use table::{Audience, ROUTES, Route};

use crate::app::{App, Shared};
use crate::around::around;
use crate::kinds;
use crate::problem::Problem;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, Uri};
use axum::middleware;
use axum::routing::{MethodFilter, on};

/// What the customers' listener answers.
pub fn customers_router(app: App) -> Router {
    let app = App { token: None, ..app };
    router(app.into(), |audience| {
        !matches!(audience, Audience::Shop | Audience::Page)
    })
}

/// What the shop's listener answers: everything, and only with its token; without one, only to requests that mean this
/// machine.
pub fn shop_router(app: App) -> Router {
    let app = App {
        customer_header: None,
        is_shop: true,
        ..app
    };
    router(app.into(), |_| true)
}

fn router(app: Shared, wanted: impl Fn(Audience) -> bool) -> Router {
    let routes = ROUTES.iter().filter(|route| wanted(route.audience));
    let routes = routes.fold(Router::new(), |router, route| {
        let handler = match MethodFilter::try_from(route.method.clone()) {
            Ok(method) if app.idle => on(method, nothing),
            _ => (route.handler)(),
        };
        router.route(route.path, handler)
    });
    routes
        .method_not_allowed_fallback(wrong_method)
        .fallback(unknown)
        .layer(DefaultBodyLimit::max(app.limits.body))
        .layer(middleware::from_fn_with_state(Shared::clone(&app), around))
        .with_state(app)
}

/// Answers without any work: what is left is the server's.
async fn nothing() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Says of a path of the shop's that it is asked at the other listener: the description names it anyway.
async fn unknown(uri: Uri) -> Problem {
    let is_of_shop = |route: &Route| {
        let parts = || uri.path().split('/');
        let mut pairs = route.path.split('/').zip(parts());
        route.path.split('/').count() == parts().count()
            && pairs.all(|(named, asked)| {
                named == asked || (named.starts_with('{') && !asked.is_empty())
            })
    };
    let detail = if ROUTES.iter().any(is_of_shop) {
        "the shop's listener has this path: see --shop-listen"
    } else {
        "there is no such path: /api shows those that there are"
    };
    Problem::new(kinds::UNKNOWN_ROUTE, detail)
}

async fn wrong_method() -> Problem {
    let detail = "the path does not answer this method: see the Allow header";
    Problem::new(kinds::WRONG_METHOD, detail)
}
