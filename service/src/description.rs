//! The description of the interface (`OpenAPI`), made from the handlers.

mod examples;
mod links;
mod names;
mod page;

use crate::book::Limits;
use crate::events::SentEvent;
use crate::problem::Body as ProblemBody;
use crate::routes::table::{Audience, ROUTES, Route};
use crate::routes::{self, about, backups, bulk, deeds, events, lists, moves, orders, stock};
use serde_json::{Value, json};
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
        moves::move_units,
        moves::send,
        moves::arrive,
        moves::sendings,
        bulk::export,
        bulk::import,
        events::follow,
        backups::list,
        routes::page::show,
        routes::page::html,
        routes::page::css,
        routes::page::script,
        about::live,
        about::ready,
        about::metrics,
        about::openapi,
        about::api,
        about::api_css,
    ),
    components(schemas(ProblemBody, SentEvent)),
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
        let metrics = api.paths.paths.get_mut("/metrics");
        if let Some(operation) = metrics.and_then(|item| item.get.as_mut()) {
            let refused = problem(NO_TOKEN).into();
            operation.responses.responses.insert("401".into(), refused);
        }
    }
}

const NO_TOKEN: &str = "At the shop's listener: the token is missing or wrong.";

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
    let is_for_one = path.ends_with("/events");
    let is_of_file = path.ends_with("/backups");
    let problems = [
        (
            names_one || has_body,
            400,
            "The body is not JSON, the path is not UTF-8, or the Idempotency-Key cannot be used.",
        ),
        (true, 401, NO_TOKEN),
        (
            is("customers"),
            403,
            "The proxy does not name the customer.",
        ),
        (
            names_one && !opens,
            404,
            "There is no such order, SKU or sending.",
        ),
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
        (is_for_one, 501, "Of several nodes none writes events."),
        (is_of_file, 501, "The ledger is no file."),
        (
            true,
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

/// Says which operations ask for the shop's token: those of customers at the shop's listener alone.
struct Token;

impl Modify for Token {
    fn modify(&self, api: &mut OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        if let Some(components) = &mut api.components {
            components.add_security_scheme("token", SecurityScheme::Http(bearer));
        }
        let no_scopes: [&str; 0] = [];
        let token = || SecurityRequirement::new("token", no_scopes);
        for (path, item) in &mut api.paths.paths {
            for (method, operation) in [
                ("GET", &mut item.get),
                ("POST", &mut item.post),
                ("PUT", &mut item.put),
            ] {
                let is_it = |route: &&Route| route.path == path && route.method == method;
                let route = ROUTES.iter().find(is_it);
                let Some((operation, route)) = operation.as_mut().zip(route) else {
                    continue;
                };
                operation.security = match route.audience {
                    Audience::Shop => Some(vec![token()]),
                    Audience::Customers => Some(vec![SecurityRequirement::default(), token()]),
                    Audience::Everybody | Audience::Page => None,
                };
            }
        }
    }
}

/// The description, without what settings limit.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document = json!(Described::openapi());
    names::describe(&mut document);
    document["components"]["schemas"]["Arrival"]["anyOf"] =
        json!([some_of("units"), some_of("lost")]);
    let paths = document["paths"].as_object_mut();
    for methods in paths.into_iter().flat_map(|paths| paths.values_mut()) {
        let operations = methods.as_object_mut();
        operations
            .into_iter()
            .flat_map(|operations| operations.values_mut())
            .for_each(complete);
    }
    document
});

/// That a field is there, and at least 1.
fn some_of(field: &str) -> Value {
    json!({"required": [field], "properties": {field: {"minimum": 1}}})
}

/// Adds to an operation what its handler does not say.
fn complete(operation: &mut Value) {
    let id = operation["operationId"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let parameters = operation
        .get_mut("parameters")
        .and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        left_out_not_null(&mut parameter["schema"]);
        names::describe_parameter(parameter);
    }
    let bodies = operation.pointer_mut("/requestBody/content");
    let bodies = bodies.and_then(Value::as_object_mut);
    for (kind, content) in bodies.into_iter().flatten() {
        left_out_not_null(&mut content["schema"]);
        // Of a list it is text, which JSON lines are not.
        if let Some(example) = examples::request(&id).filter(|_| kind != "application/jsonl") {
            content["example"] = example;
        }
    }
    let answers = operation["responses"].as_object_mut();
    for (status, answer) in answers.into_iter().flatten() {
        if status.starts_with('2') {
            let links = links::of(&id);
            if !links.is_empty() {
                answer["links"] = Value::Object(links);
            }
        }
        if status == "200" && says_replays(&id) {
            let schema = json!({"type": "string", "enum": ["true"]});
            let about = "The request was made before, and changed nothing again.";
            answer["headers"]["Idempotent-Replayed"] =
                json!({"schema": schema, "description": about});
        }
        if status == "503" {
            let schema = json!({"type": "integer", "minimum": 1});
            let about = "Seconds after which to try again.";
            answer["headers"]["Retry-After"] = json!({"schema": schema, "description": about});
        }
        let contents = answer.get_mut("content").and_then(Value::as_object_mut);
        if let Some(example) = examples::answer(&id, status) {
            for content in contents
                .into_iter()
                .flat_map(|contents| contents.values_mut())
            {
                content["example"] = example.clone();
            }
        }
    }
}

/// Whether an operation's answer says that it is a replayed one: all do that change one order or SKU.
fn says_replays(operation: &str) -> bool {
    let only_look = ["show_order", "show_stock", "import_stock"];
    !links::of(operation).is_empty() && !only_look.contains(&operation)
}

/// What may be left out is not `null`, and a number is one that the service can read.
fn left_out_not_null(schema: &mut Value) {
    if let Some(kinds) = schema["type"].as_array() {
        schema["type"] = kinds.iter().find(|kind| *kind != "null").cloned().into();
    }
    let only = schema["oneOf"]
        .as_array()
        .and_then(|all| all.iter().find(|it| it["type"] != "null"));
    if let Some(only) = only.cloned() {
        *schema = only;
    }
    if schema["type"] == "integer" && schema["maximum"].is_null() {
        // The formats are those of signed numbers, which say less.
        let is_short = schema["format"] == "int32";
        schema["maximum"] = if is_short {
            json!(u32::MAX)
        } else {
            json!(u64::MAX)
        };
        if let Some(schema) = schema.as_object_mut() {
            schema.remove("format");
        }
    }
}

/// The description, as JSON, of a service with these limits.
#[must_use]
pub fn text(limits: &Limits) -> String {
    let mut document = DOCUMENT.clone();
    let longest = limits.longest_hold.as_secs() / 60;
    for schema in ["NewOrder", "Extension"] {
        document["components"]["schemas"][schema]["properties"]["hold_minutes"]["maximum"] =
            json!(longest);
    }
    format!("{document:#}")
}

/// The description as a page, for people.
#[must_use]
pub fn page() -> &'static str {
    static PAGE: LazyLock<String> = LazyLock::new(|| page::html(&DOCUMENT));
    &PAGE
}
