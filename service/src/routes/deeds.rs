//! What happens to an order, whole or by line: paid for, cancelled, shipped, returned.

use super::orders::{Line, OrderId, changed, lines_of};
use crate::answers::{Answered, Order};
use crate::app::Shared;
use crate::calls::{self, OrderCall};
use crate::customer::Asker;
use crate::input::{IdempotencyKey, MaybeJson, Named, Object, key_of_part};
use crate::problem::Problem;
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequestParts, Request};
use segstock_orders::Returned;
use serde::de::DeserializeOwned;
use serde::de::IntoDeserializer;
use serde::{Deserialize, Deserializer};
use utoipa::{IntoParams, ToSchema};

/// Lines of an order, or parts of them. Without a body, it is the whole order: once for each kind of call, for it has no key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Units of the order's SKUs.
    #[schema(value_type = Vec<Line>, min_items = 1)]
    lines: Vec<Object<Line>>,
}

/// What comes back, and what becomes of it. Without a body, the whole order is on sale again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReturnedPart {
    /// Units of the order's SKUs; if they are left out, all that were shipped.
    #[serde(default, deserialize_with = "crate::numbers::given")]
    #[schema(value_type = Vec<Line>, required = false, min_items = 1)]
    lines: Option<Vec<Object<Line>>>,
    /// What becomes of it: `on_sale`, if it is left out.
    #[serde(default, deserialize_with = "named")]
    to: To,
}

/// What a text says. JSON that is no text is wrong, too, and well-formed.
fn named<'de, D: Deserializer<'de>>(deserializer: D) -> Result<To, D::Error> {
    To::deserialize(String::deserialize(deserializer)?.into_deserializer())
}

/// What becomes of units that come back.
#[derive(Debug, Default, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum To {
    /// They are on sale again.
    #[default]
    OnSale,
    /// They are written off.
    WrittenOff,
}

impl From<To> for Returned {
    fn from(to: To) -> Self {
        match to {
            To::OnSale => Self::OnSale,
            To::WrittenOff => Self::WrittenOff,
        }
    }
}

/// The key of lines of an order.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it only describes the header")]
pub struct KeyOfPart {
    /// Needed for lines: by which a retry is known.
    #[param(rename = "Idempotency-Key", nullable = false)]
    key: Option<String>,
}

/// A request on an order: on the whole order, or on lines of it.
#[derive(Debug)]
pub struct OnOrder<B> {
    app: Shared,
    asker: Asker,
    id: String,
    key: Option<IdempotencyKey>,
    body: Option<B>,
}

impl<B: DeserializeOwned> FromRequest<Shared> for OnOrder<B> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let Named(id) = Named::from_request_parts(&mut parts, app).await?;
        let asker = Asker::from_request_parts(&mut parts, app).await?;
        let key = <IdempotencyKey as OptionalFromRequestParts<Shared>>::from_request_parts(
            &mut parts, app,
        );
        let key = key.await?;
        let request = Request::from_parts(parts, body);
        let body = MaybeJson::from_request(request, app).await;
        let MaybeJson(body) = body.map_err(Problem::of_part)?;
        Ok(Self {
            app: Shared::clone(app),
            asker,
            id,
            key,
            body,
        })
    }
}

type Done = Result<Answered<Order>, Problem>;

impl<B> OnOrder<B> {
    /// Makes the call on the whole order, or that on lines of it.
    async fn done(
        self,
        lines: impl FnOnce(B) -> Option<Vec<Object<Line>>>,
        call: impl FnOnce(Option<calls::Part>) -> OrderCall,
    ) -> Done {
        let part = match self.body.and_then(lines) {
            None => None,
            Some(lines) => Some(calls::Part {
                key: key_of_part(self.key)?,
                lines: lines_of(lines),
            }),
        };
        let is_whole = part.is_none();
        let done = changed(&self.app, self.asker.of(), &self.id, call(part)).await;
        done.map_err(|problem| match is_whole {
            true => problem.of_whole(),
            false => problem,
        })
    }
}

fn lines(part: Part) -> Option<Vec<Object<Line>>> {
    Some(part.lines)
}

/// Note that an order is paid for
///
/// An order that has expired is paid for late, if all its units can be had again.
#[utoipa::path(post, path = "/v1/orders/{id}/pay", operation_id = "pay_order", tag = "shop",
    params(OrderId, KeyOfPart), request_body = Option<Part>, responses((status = 200, body = Order)))]
pub async fn pay(order: OnOrder<Part>) -> Done {
    order.done(lines, OrderCall::Pay).await
}

/// Cancel an order
///
/// Units that have not left are not wanted any more: others can have them. `changed.refunded` says how many of them were
/// paid for.
#[utoipa::path(post, path = "/v1/orders/{id}/cancel", operation_id = "cancel_order", tag = "customers",
    params(OrderId, KeyOfPart), request_body = Option<Part>, responses((status = 200, body = Order)))]
pub async fn cancel(order: OnOrder<Part>) -> Done {
    order.done(lines, OrderCall::Cancel).await
}

/// Note that units have left
#[utoipa::path(post, path = "/v1/orders/{id}/ship", operation_id = "ship_order", tag = "shop",
    params(OrderId, KeyOfPart), request_body = Option<Part>, responses((status = 200, body = Order)))]
pub async fn ship(order: OnOrder<Part>) -> Done {
    order.done(lines, OrderCall::Ship).await
}

/// Note that units came back
#[utoipa::path(post, path = "/v1/orders/{id}/return", operation_id = "return_order", tag = "shop",
    params(OrderId, KeyOfPart), request_body = Option<ReturnedPart>, responses((status = 200, body = Order)))]
pub async fn return_units(order: OnOrder<ReturnedPart>) -> Done {
    let to = order.body.as_ref().map_or(To::default(), |it| it.to).into();
    let call = |part| OrderCall::Return(to, part);
    order.done(|part| part.lines, call).await
}
