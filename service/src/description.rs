//! The description of the interface (`OpenAPI`), made from the handlers.

use crate::events::Told;
use crate::problem::Body as ProblemBody;
use crate::routes::{about, bulk, deeds, events, lists, orders, page, stock};
use std::sync::LazyLock;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, Response, ResponseBuilder};
use utoipa::{Modify, OpenApi as _};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "segstock-service",
        description = "Orders over a stock that is never sold twice. Errors are problem details (RFC 9457). A retry that changed nothing again is answered with the header `Idempotent-Replayed: true`."
    ),
    paths(
        orders::place,
        orders::show,
        orders::amend,
        orders::extend,
        deeds::pay,
        deeds::cancel,
        deeds::ship,
        deeds::return_units,
        lists::orders,
        lists::skus,
        stock::show,
        stock::open,
        stock::restock,
        stock::count,
        stock::write_off,
        stock::limit,
        bulk::export,
        bulk::import,
        events::follow,
        page::show,
        page::html,
        page::css,
        page::script,
        about::live,
        about::ready,
        about::metrics,
        about::openapi,
    ),
    components(schemas(ProblemBody, Told)),
    modifiers(&Problems, &Token),
)]
struct Described;

/// Adds the problems that many operations have in common.
struct Problems;

impl Modify for Problems {
    fn modify(&self, api: &mut OpenApi) {
        for (path, item) in &mut api.paths.paths {
            let operations = [&mut item.get, &mut item.post, &mut item.put];
            for operation in operations.into_iter().flatten() {
                common(path, operation);
            }
        }
    }
}

fn common(path: &str, operation: &mut Operation) {
    let is = |tag| has_tag(operation, tag);
    if is("operators") || is("page") {
        return;
    }
    let names_one = path.contains('{');
    let has_body = operation.request_body.is_some();
    let parameters = || operation.parameters.iter().flatten();
    let has_key = parameters().any(|it| it.name == "Idempotency-Key");
    let has_query = parameters().any(|it| it.parameter_in == ParameterIn::Query);
    let opens =
        names_one && !has_body && !has_key && operation.responses.responses.contains_key("201");
    // Nothing of these is refused for what is in stock.
    let stays = ["/restock", "/count", "/limits", "/bulk/stock"];
    let conflicts = has_body && !stays.iter().any(|end| path.ends_with(end));
    // These show what is durable already, and wait for nothing.
    let waits = !["/v1/overview", "/v1/events"].contains(&path);
    let problems = [
        (
            names_one || has_body,
            400,
            "The body is not JSON, the path is not UTF-8, or the Idempotency-Key cannot be used.",
        ),
        (is("shop"), 401, "The token is missing or wrong."),
        (
            is("customers"),
            403,
            "The proxy does not name the customer.",
        ),
        (names_one && !opens, 404, "There is no such order or SKU."),
        (has_body, 408, "The request did not arrive in time."),
        (
            conflicts,
            409,
            "The order or the stock is not such that this can be done: `type` says why.",
        ),
        (has_body, 413, "The body is larger than the service takes."),
        (
            has_body,
            415,
            "The body is not declared as what it has to be.",
        ),
        (
            has_body || opens || has_query,
            422,
            "Well-formed and wrong, beyond the limits, or unknown SKUs: all of them are listed.",
        ),
        (
            waits,
            503,
            "Nothing was changed, or that is not known: `type` says which; with Retry-After.",
        ),
    ];
    let responses = &mut operation.responses.responses;
    for (_, status, description) in problems.into_iter().filter(|(applies, ..)| *applies) {
        responses
            .entry(status.to_string())
            .or_insert_with(|| problem(description).into());
    }
}

fn has_tag(operation: &Operation, tag: &str) -> bool {
    operation.tags.iter().flatten().any(|it| it == tag)
}

fn problem(description: &str) -> Response {
    let schema = Ref::from_schema_name("Problem");
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", content)
        .build()
}

/// Says which operations ask for the shop's token.
struct Token;

impl Modify for Token {
    fn modify(&self, api: &mut OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        if let Some(components) = &mut api.components {
            components.add_security_scheme("token", SecurityScheme::Http(bearer));
        }
        for item in api.paths.paths.values_mut() {
            let operations = [&mut item.get, &mut item.post, &mut item.put];
            for operation in operations.into_iter().flatten() {
                if has_tag(operation, "shop") {
                    let no_scopes: [&str; 0] = [];
                    operation.security = Some(vec![SecurityRequirement::new("token", no_scopes)]);
                }
            }
        }
    }
}

/// The description, as JSON.
#[must_use]
pub fn text() -> &'static str {
    static TEXT: LazyLock<String> =
        LazyLock::new(|| Described::openapi().to_pretty_json().unwrap_or_default());
    &TEXT
}
