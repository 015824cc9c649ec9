//! What requests may say: bodies, SKUs and keys, within their limits.

use crate::problem::Problem;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

/// The longest SKU, in bytes.
pub const MAX_SKU: usize = 64;
/// The longest idempotency key, in bytes.
pub const MAX_KEY: usize = 64;

/// A JSON body; whatever is wrong with it is a [`Problem`].
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = axum::Json::from_request(request, state).await;
        body.map(|axum::Json(body)| Self(body)).map_err(refused)
    }
}

fn refused(rejection: JsonRejection) -> Problem {
    let (status, detail) = (rejection.status(), rejection.body_text());
    match status {
        StatusCode::UNPROCESSABLE_ENTITY => Problem::invalid(detail),
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(status, "too-large", "Body too large", detail)
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Problem::new(status, "not-json", "Unsupported media type", detail)
        }
        _ => Problem::new(status, "malformed", "Malformed request", detail),
    }
}

/// The one name in a path: an order's id, or a SKU.
#[derive(Debug)]
pub struct Named(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let name: Result<Path<String>, PathRejection> =
            Path::from_request_parts(parts, state).await;
        match name {
            Ok(Path(name)) => Ok(Self(name)),
            Err(rejection) => {
                let (status, detail) = (StatusCode::BAD_REQUEST, rejection.body_text());
                Err(Problem::new(
                    status,
                    "malformed",
                    "Malformed request",
                    detail,
                ))
            }
        }
    }
}

/// A SKU as it may be: something printable, not too long.
///
/// # Errors
///
/// A [`Problem`] that says what is wrong with it.
pub fn check_sku(sku: &str) -> Result<(), Problem> {
    if sku.is_empty() || sku.len() > MAX_SKU || sku.chars().any(char::is_control) {
        let detail = format!("a SKU has 1 to {MAX_SKU} bytes, and no control characters");
        return Err(Problem::invalid(detail));
    }
    Ok(())
}

/// The `Idempotency-Key` header: what the order is known by from now on.
#[derive(Debug)]
pub struct IdempotencyKey(pub String);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all("idempotency-key").iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(no_key("an order needs one Idempotency-Key header"));
        };
        // The header's draft has it in quotes; most clients send it without.
        let key = value.as_bytes();
        let key = key
            .strip_prefix(b"\"")
            .and_then(|key| key.strip_suffix(b"\""))
            .unwrap_or(key);
        // It stands in the paths of the order, as it is.
        let in_paths = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
        match str::from_utf8(key) {
            Ok(text) if (1..=MAX_KEY).contains(&key.len()) && key.iter().all(in_paths) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(no_key(format!(
                "an Idempotency-Key has 1 to {MAX_KEY} letters, digits, or -._~: best a random UUID"
            ))),
        }
    }
}

fn no_key(detail: impl Into<String>) -> Problem {
    let status = StatusCode::BAD_REQUEST;
    Problem::new(status, "idempotency-key", "No idempotency key", detail)
}
