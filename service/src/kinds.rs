//! The kinds of problems, in one table.

use axum::http::StatusCode;

/// A kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Its status.
    pub status: StatusCode,
    /// Its name in the documentation.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
}

macro_rules! kinds {
    ($($kind:ident: $status:ident $name:literal $title:literal;)*) => {
        $(#[doc = $title] pub const $kind: &Kind = &Kind {
            status: StatusCode::$status,
            name: $name,
            title: $title,
        };)*

        /// Each of them.
        pub const ALL: &[&Kind] = &[$($kind),*];
    };
}

kinds! {
    OUT_OF_STOCK: CONFLICT "out-of-stock" "Out of stock";
    PER_CUSTOMER: CONFLICT "per-customer" "More than a customer can have";
    UNPAID: CONFLICT "unpaid" "Too many are not paid for";
    QUEUE_FULL: CONFLICT "queue-full" "No room to wait";
    NOT_ON_HAND: CONFLICT "not-on-hand" "Not on hand";
    NOT_IN_ORDER: CONFLICT "not-in-order" "Not in the order";
    NOT_ON_THE_WAY: CONFLICT "not-on-the-way" "Not on the way";
    WRONG_STATE: CONFLICT "wrong-state" "Not in this state";
    CLOSED_SKUS: CONFLICT "closed-skus" "Closed for new orders";
    UNKNOWN_SKUS: UNPROCESSABLE_ENTITY "unknown-skus" "Unknown SKUs";
    UNKNOWN_SKU: NOT_FOUND "unknown-sku" "Unknown SKU";
    UNKNOWN_ORDER: NOT_FOUND "unknown-order" "Unknown order";
    UNKNOWN_SENDING: NOT_FOUND "unknown-sending" "Unknown sending";
    CUSTOMER_NEEDED: UNPROCESSABLE_ENTITY "customer-needed" "Needs a customer";
    OTHER_REQUEST: UNPROCESSABLE_ENTITY "other-request" "Another request under the same key";
    IDEMPOTENCY_KEY: BAD_REQUEST "idempotency-key" "No idempotency key";
    INVALID_REQUEST: UNPROCESSABLE_ENTITY "invalid-request" "Invalid request";
    MALFORMED: BAD_REQUEST "malformed" "Malformed request";
    NOT_JSON: UNSUPPORTED_MEDIA_TYPE "not-json" "Unsupported media type";
    TOO_LARGE: PAYLOAD_TOO_LARGE "too-large" "Body too large";
    TOO_SLOW: REQUEST_TIMEOUT "too-slow" "Request timed out";
    NO_TOKEN: UNAUTHORIZED "no-token" "Not authorized";
    NO_CUSTOMER: FORBIDDEN "no-customer" "No customer";
    FULL: SERVICE_UNAVAILABLE "full" "Full";
    TRY_AGAIN: SERVICE_UNAVAILABLE "try-again" "Not known yet";
    BUSY: SERVICE_UNAVAILABLE "busy" "Busy";
    UNAVAILABLE: SERVICE_UNAVAILABLE "unavailable" "Unavailable";
    STILL_WRITING: SERVICE_UNAVAILABLE "still-writing" "Still being written";
    OUTCOME_UNKNOWN: SERVICE_UNAVAILABLE "outcome-unknown" "Outcome unknown";
    NOT_READY: SERVICE_UNAVAILABLE "not-ready" "Not ready";
    NOT_ON_NODES: NOT_IMPLEMENTED "not-on-nodes" "Not with several nodes";
    NO_FILE: NOT_IMPLEMENTED "no-file" "The ledger is no file";
    UNKNOWN_ROUTE: NOT_FOUND "unknown-route" "Unknown route";
    WRONG_METHOD: METHOD_NOT_ALLOWED "wrong-method" "Wrong method";
}
