//! [`may_ask`]: who may ask a listener: with its token, or from this machine.

use crate::app::App;
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue};
use std::net::IpAddr;
use subtle::ConstantTimeEq;

/// Whether a request with these headers may ask this listener all that it answers. The customers' listener has no token.
pub fn may_ask(app: &App, headers: &HeaderMap) -> bool {
    match &app.token {
        Some(token) => has_token(headers, token),
        None => !app.is_shop || means_this_machine(headers),
    }
}

/// Whether a request calls the machine by a name that only means itself. A browser sends what pages of others ask for as well:
/// under a name of theirs that leads to this machine, or with their origin. A proxy that passes on the host sends what everybody
/// asks for under another name. One that does not is not seen here: it needs the token.
fn means_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).map(HeaderValue::to_str);
    let origin = headers.get(ORIGIN).map(HeaderValue::to_str);
    let of_origin = |text: &str| {
        text.split_once("://")
            .is_some_and(|(_, host)| is_this_machine(host))
    };
    // Without a host it is no browser's.
    host.is_none_or(|host| host.is_ok_and(is_this_machine))
        && origin.is_none_or(|origin| origin.is_ok_and(of_origin))
}

/// Whether this is the machine's own name for itself, with or without a port.
fn is_this_machine(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let host = authority.host().trim_matches(['[', ']']);
    let address = host.parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|it| it.is_loopback())
}

fn has_token(headers: &HeaderMap, token: &str) -> bool {
    let sent = headers.get(AUTHORIZATION);
    let sent = sent.and_then(|value| value.to_str().ok());
    let sent = sent.and_then(|text| text.split_once(' '));
    sent.is_some_and(|(scheme, sent)| {
        scheme.eq_ignore_ascii_case("bearer") && bool::from(sent.as_bytes().ct_eq(token.as_bytes()))
    })
}
