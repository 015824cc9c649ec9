//! What requests may say: bodies, names in paths, keys, SKUs, within their limits.

use crate::kinds;
use crate::problem::Problem;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{
    FromRef, FromRequest, FromRequestParts, OptionalFromRequestParts, Path, Request,
};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use segstock_orders::MAX_KEY;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::marker::PhantomData;
use std::num::IntErrorKind;

/// The longest SKU, in characters.
pub const MAX_SKU: usize = 64;

/// The most bytes of a body that is no list.
#[derive(Debug, Clone, Copy)]
pub struct MostBytes(pub usize);

/// A JSON body, which is an object; whatever is wrong with it is a [`Problem`].
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T>
where
    MostBytes: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = axum::Json::from_request(request, state).await;
        body.map(|axum::Json(Object(body))| Self(body))
            .map_err(|rejection| refused(&rejection, MostBytes::from_ref(state)))
    }
}

/// A JSON body, or no body at all.
#[derive(Debug)]
pub struct MaybeJson<T>(pub Option<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for MaybeJson<T>
where
    MostBytes: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if request.body().is_end_stream() {
            return Ok(Self(None));
        }
        // Whoever sends it in chunks says only in the end that there are none.
        let (parts, body) = request.into_parts();
        let whole = Request::from_parts(parts.clone(), body);
        let body = Bytes::from_request(whole, state).await;
        let body =
            body.map_err(|rejection| refused(&rejection.into(), MostBytes::from_ref(state)))?;
        if body.is_empty() {
            return Ok(Self(None));
        }
        let request = Request::from_parts(parts, Body::from(body));
        let Json(body) = Json::from_request(request, state).await?;
        Ok(Self(Some(body)))
    }
}

/// No body, where none is taken: whoever sends one means something that would not be done.
#[derive(Debug)]
pub struct NoBody;

impl<S: Send + Sync> FromRequest<S> for NoBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_none = request.body().is_end_stream()
            || Bytes::from_request(request, state)
                .await
                .is_ok_and(|body| body.is_empty());
        is_none
            .then_some(Self)
            .ok_or_else(|| Problem::invalid("no body is taken here"))
    }
}

/// A JSON object, with the fields of `T`. A derived `Deserialize` would take a list of their values as well, in the
/// sequence in which they stand in the code: `[[["phone", 1]], 3]` would be an order.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(fields)).map(Object)
            }
        }

        deserializer.deserialize_map(Fields(PhantomData))
    }
}

fn refused(rejection: &JsonRejection, MostBytes(most): MostBytes) -> Problem {
    let kind = match rejection.status() {
        StatusCode::UNPROCESSABLE_ENTITY => kinds::INVALID_REQUEST,
        StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = format!("the body is larger than {most} bytes");
            return Problem::new(kinds::TOO_LARGE, detail);
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => kinds::NOT_JSON,
        _ => kinds::MALFORMED,
    };
    Problem::new(kind, what_is_wrong(rejection.body_text()))
}

/// Without the extractor's words before what is wrong.
fn what_is_wrong(text: String) -> String {
    for before in [
        "Failed to deserialize the JSON body into the target type: ",
        "Failed to parse the request body as JSON: ",
        "Failed to deserialize query string: ",
    ] {
        if let Some(wrong) = text.strip_prefix(before) {
            return wrong.to_owned();
        }
    }
    text
}

/// What stands behind the question mark of a path.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query: Result<_, QueryRejection> =
            axum::extract::Query::from_request_parts(parts, state).await;
        match query {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => {
                let wrong = what_is_wrong(rejection.body_text());
                let number = wrong_number(&wrong, &parts.uri);
                Err(Problem::invalid(number.unwrap_or(wrong)))
            }
        }
    }
}

/// What is wrong with a number of a query, if that is `wrong`, which Rust says in its own words.
fn wrong_number(wrong: &str, uri: &Uri) -> Option<String> {
    let (name, reason) = wrong.split_once(": ")?;
    let query = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri).ok()?;
    let (_, value) = query.0.into_iter().find(|(it, _)| it == name)?;
    let error = value.parse::<u64>().err()?;
    let wrong = match error.kind() {
        _ if error.to_string() != reason => return None,
        IntErrorKind::PosOverflow => "is too large",
        _ => "is not a whole number from 0 on",
    };
    Some(format!("{name}: {value:?} {wrong}"))
}

/// The one name in a path: an order's id, or a SKU.
#[derive(Debug)]
pub struct Named(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let name: Result<_, PathRejection> =
            <Path<String> as FromRequestParts<S>>::from_request_parts(parts, state).await;
        match name {
            Ok(Path(name)) => Ok(Self(name)),
            Err(rejection) => Err(Problem::new(kinds::MALFORMED, rejection.body_text())),
        }
    }
}

/// Whether it is a step within a path, and no name: clients resolve it before they send the path, in percents (`%2e`) too,
/// so that nobody could ask for what is called so.
fn is_a_step(name: &[u8]) -> bool {
    matches!(name, b"." | b"..")
}

/// Checks a SKU that is to be opened: something that shows, not too long. Blanks around it would be lost in lists of CSV.
///
/// # Errors
///
/// A [`Problem`] that says what is wrong with it.
pub fn check_sku(sku: &str) -> Result<(), Problem> {
    // The mark of an encoding is a blank where patterns are read, and invisible everywhere.
    let is_blank = |it: char| it.is_whitespace() || it == '\u{feff}';
    if sku.is_empty()
        || sku.starts_with(is_blank)
        || sku.ends_with(is_blank)
        || sku.chars().count() > MAX_SKU
        || sku.chars().any(char::is_control)
        || is_a_step(sku.as_bytes())
    {
        let detail = format!(
            "a SKU has 1 to {MAX_SKU} characters, no blanks around them, no control characters, and is not . or .."
        );
        return Err(Problem::invalid(detail));
    }
    Ok(())
}

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The `Idempotency-Key` header: the id of a new order, or what another request is known by from then on.
#[derive(Debug)]
pub struct IdempotencyKey(pub String);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => usable_key(value.as_bytes()),
            _ => Err(no_key("one Idempotency-Key header is needed")),
        }
    }
}

/// A request may have none; one that it has is a usable one.
impl<S: Send + Sync> OptionalFromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Problem> {
        if !parts.headers.contains_key(IDEMPOTENCY_KEY) {
            return Ok(None);
        }
        let key = <Self as FromRequestParts<S>>::from_request_parts(parts, state).await;
        key.map(Some)
    }
}

/// The key of a part of an order.
///
/// # Errors
///
/// A [`Problem`] if there is none.
pub fn key_of_part(key: Option<IdempotencyKey>) -> Result<String, Problem> {
    let detail = "lines of an order need an Idempotency-Key, so that a retry changes nothing again";
    key.map(|IdempotencyKey(key)| key)
        .ok_or_else(|| no_key(detail))
}

fn usable_key(key: &[u8]) -> Result<IdempotencyKey, Problem> {
    // The header's draft has it in quotes; most clients send it without.
    let key = key
        .strip_prefix(b"\"")
        .and_then(|key| key.strip_suffix(b"\""))
        .unwrap_or(key);
    // It stands in the paths of the order, as it is.
    let in_paths = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(byte);
    match str::from_utf8(key) {
        Ok(text)
            if (1..=MAX_KEY).contains(&key.len())
                && key.iter().all(in_paths)
                && !is_a_step(key) =>
        {
            Ok(IdempotencyKey(text.to_owned()))
        }
        _ => Err(no_key(format!(
            "an Idempotency-Key has 1 to {MAX_KEY} letters, digits, or -._~:, and is not . or ..: best a random UUID"
        ))),
    }
}

fn no_key(detail: impl Into<String>) -> Problem {
    Problem::new(kinds::IDEMPOTENCY_KEY, detail)
}

#[test]
fn a_sku_is_something_to_see() {
    let around = [" a", "a ", "a\u{a0}", "\u{feff}a"];
    let blank = ["", " ", "\u{a0}\u{3000}", "\u{feff}", ".", "..", "a\n"];
    for blank in blank.into_iter().chain(around) {
        assert!(check_sku(blank).is_err(), "{blank:?}");
    }
    let longest = "é".repeat(MAX_SKU);
    for sku in ["a", "a b", "...", "a\u{feff}b", &longest] {
        assert!(check_sku(sku).is_ok(), "{sku:?}");
    }
    assert!(check_sku(&(longest + "a")).is_err());
}
