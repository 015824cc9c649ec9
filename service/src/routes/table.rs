//! [`ROUTES`]: all routes, in one table.

use super::{about, backups, bulk, deeds, events, lists, moves, orders, page, stock};
use crate::app::Shared;
use axum::http::Method;
use axum::routing::{MethodRouter, get, post, put};

/// Whom a route is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Everybody: how the service is.
    Everybody,
    /// Customers' programs, and the shop.
    Customers,
    /// The shop alone.
    Shop,
    /// The shop's browser, before it has the token: the page without figures.
    Page,
}

impl Audience {
    /// Whether it may ask the shop's listener without its token.
    #[must_use]
    pub const fn needs_no_token(self) -> bool {
        matches!(self, Self::Everybody | Self::Page)
    }
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
    /// Whether it takes the time that it needs, and sees to the time of its body by itself.
    pub takes_its_time: bool,
    pub(super) handler: fn() -> MethodRouter<Shared>,
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
    shop(Method::GET, "/v1/stock", || get(lists::skus)),
    shop(Method::GET, "/v1/stock/{sku}", || get(stock::show)),
    shop(Method::PUT, "/v1/stock/{sku}", || put(stock::open)),
    shop(Method::POST, "/v1/stock/{sku}/restock", || {
        post(stock::restock)
    }),
    shop(Method::POST, "/v1/stock/{sku}/count", || post(stock::count)),
    shop(Method::POST, "/v1/stock/{sku}/write-off", || {
        post(stock::write_off)
    }),
    shop(Method::PUT, "/v1/stock/{sku}/limits", || put(stock::limit)),
    shop(Method::POST, "/v1/stock/{sku}/move", || {
        post(moves::move_units)
    }),
    shop(Method::POST, "/v1/stock/{sku}/send", || post(moves::send)),
    shop(Method::POST, "/v1/stock/{sku}/arrive", || {
        post(moves::arrive)
    }),
    shop(Method::GET, "/v1/sendings", || get(moves::sendings)),
    shop(Method::GET, "/v1/bulk/stock", || get(bulk::export)),
    Route {
        method: Method::POST,
        path: "/v1/bulk/stock",
        audience: Audience::Shop,
        takes_its_time: true,
        handler: || post(bulk::import),
    },
    shop(Method::GET, "/v1/events", || get(events::follow)),
    shop(Method::GET, "/v1/backups", || get(backups::list)),
    shop(Method::GET, "/v1/overview", || get(page::show)),
    page("/", || get(page::html)),
    page("/page.css", || get(page::css)),
    page("/page.js", || get(page::script)),
    shop(Method::GET, "/metrics", || get(about::metrics)),
    everybody("/livez", || get(about::live)),
    everybody("/readyz", || get(about::ready)),
    everybody("/openapi.json", || get(about::openapi)),
    everybody("/api", || get(about::api)),
    everybody("/api.css", || get(about::api_css)),
];

const fn customers(
    method: Method,
    path: &'static str,
    handler: fn() -> MethodRouter<Shared>,
) -> Route {
    Route {
        method,
        path,
        audience: Audience::Customers,
        takes_its_time: false,
        handler,
    }
}

const fn shop(method: Method, path: &'static str, handler: fn() -> MethodRouter<Shared>) -> Route {
    Route {
        method,
        path,
        audience: Audience::Shop,
        takes_its_time: false,
        handler,
    }
}

const fn page(path: &'static str, handler: fn() -> MethodRouter<Shared>) -> Route {
    Route {
        method: Method::GET,
        path,
        audience: Audience::Page,
        takes_its_time: false,
        handler,
    }
}

const fn everybody(path: &'static str, handler: fn() -> MethodRouter<Shared>) -> Route {
    Route {
        method: Method::GET,
        path,
        audience: Audience::Everybody,
        takes_its_time: false,
        handler,
    }
}
