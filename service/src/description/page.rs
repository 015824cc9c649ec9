//! The page of the interface: the description as HTML, for people. It has no script.

use serde_json::Value;
use std::fmt::Write;

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The interface of segstock-service</title>
<link rel="stylesheet" href="/api.css">
</head>
<body>
"#;

/// Whom operations are for, by their tags.
const AUDIENCES: [(&str, &str); 3] = [
    ("customers", "For customers' programs, and the shop"),
    ("shop", "For the shop"),
    ("operators", "For operators"),
];

/// The page.
pub(super) fn html(document: &Value) -> String {
    let mut page = String::from(HEAD);
    let title = text(&document["info"]["title"]);
    let about = prose(&document["info"]["description"]);
    add(
        &mut page,
        format_args!(
            "<h1>{title}</h1>\n{about}<p>For programs: <a href=\"/openapi.json\">openapi.json</a>.</p>\n"
        ),
    );
    for (tag, heading) in AUDIENCES {
        add(&mut page, format_args!("<h2>{heading}</h2>\n"));
        for (method, path, operation) in operations(document) {
            if operation["tags"][0] == tag {
                operation_of(&mut page, method, path, operation);
            }
        }
    }
    add(
        &mut page,
        format_args!("<h2>What is sent and answered</h2>\n"),
    );
    for (name, schema) in entries(&document["components"]["schemas"]) {
        let about = prose(&schema["description"]);
        add(
            &mut page,
            format_args!("<section id=\"{name}\">\n<h3>{name}</h3>\n{about}"),
        );
        fields(&mut page, schema);
        page.push_str("</section>\n");
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    entries(&document["paths"]).flat_map(|(path, methods)| {
        entries(methods).map(move |(method, operation)| (method, path, operation))
    })
}

fn operation_of(page: &mut String, method: &str, path: &str, operation: &Value) {
    let (id, method) = (text(&operation["operationId"]), method.to_uppercase());
    let (summary, about) = (
        text(&operation["summary"]),
        prose(&operation["description"]),
    );
    let path = escaped(path);
    add(
        page,
        format_args!(
            "<section id=\"{id}\">\n<h3><code>{method} {path}</code></h3>\n<p><strong>{summary}</strong></p>\n{about}"
        ),
    );
    parameters(page, &operation["parameters"]);
    for (kind, content) in entries(&operation["requestBody"]["content"]) {
        let kind = escaped(kind);
        let schema = type_of(&content["schema"]);
        add(
            page,
            format_args!("<p>Sends <code>{kind}</code>: {schema}</p>\n"),
        );
        example(page, &content["example"]);
    }
    page.push_str("<table>\n");
    for (status, answer) in entries(&operation["responses"]) {
        let about = text(&answer["description"]);
        let kinds = entries(&answer["content"]).map(|(_, content)| type_of(&content["schema"]));
        let kinds = kinds.collect::<Vec<_>>().join(", ");
        add(
            page,
            format_args!("<tr><th>{status}</th><td>{kinds}</td><td>{about}</td></tr>\n"),
        );
    }
    page.push_str("</table>\n");
    for (status, answer) in entries(&operation["responses"]) {
        for (_, content) in entries(&answer["content"]) {
            if !content["example"].is_null() {
                add(page, format_args!("<p>Such as, with {status}:</p>\n"));
                example(page, &content["example"]);
            }
        }
    }
    follows(page, &operation["responses"]);
    page.push_str("</section>\n");
}

fn parameters(page: &mut String, parameters: &Value) {
    let Some(parameters) = parameters.as_array() else {
        return;
    };
    page.push_str("<table>\n");
    for parameter in parameters {
        let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
        let needed = if parameter["required"] == true {
            ", needed"
        } else {
            ""
        };
        let (kind, about) = (
            type_of(&parameter["schema"]),
            text(&parameter["description"]),
        );
        add(
            page,
            format_args!(
                "<tr><th><code>{name}</code></th><td>{place}{needed}: {kind}</td><td>{about}</td></tr>\n"
            ),
        );
    }
    page.push_str("</table>\n");
}

/// The fields of an object, or the values of an enumeration.
fn fields(page: &mut String, schema: &Value) {
    if schema["properties"].is_null() {
        let kind = type_of(schema);
        return add(page, format_args!("<p>{kind}</p>\n"));
    }
    page.push_str("<table>\n");
    let required = schema["required"].as_array();
    for (name, field) in entries(&schema["properties"]) {
        let is_needed = required.is_some_and(|all| all.iter().any(|it| it == name));
        let needed = if is_needed { ", always" } else { "" };
        let (kind, about) = (type_of(field), text(&field["description"]));
        add(
            page,
            format_args!(
                "<tr><th><code>{name}</code></th><td>{kind}{needed}</td><td>{about}</td></tr>\n"
            ),
        );
    }
    page.push_str("</table>\n");
}

/// What a value is: a link to its schema, or its type within its limits.
fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        let name = escaped(name.rsplit('/').next().unwrap_or_default());
        return format!("<a href=\"#{name}\">{name}</a>");
    }
    if let Some(one_of) = schema["oneOf"].as_array() {
        return one_of.iter().map(type_of).collect::<Vec<_>>().join(" or ");
    }
    if let Some(values) = schema["enum"].as_array() {
        let values = values
            .iter()
            .map(|value| format!("<code>{}</code>", text(value)));
        return values.collect::<Vec<_>>().join(", ");
    }
    if schema["type"] == "array" {
        return format!("list of {}", type_of(&schema["items"]));
    }
    let mut kind = text(&schema["type"]);
    for (name, word) in [
        ("minimum", "from"),
        ("maximum", "up to"),
        ("minLength", "length from"),
        ("maxLength", "length up to"),
    ] {
        if let Some(limit) = schema[name].as_u64() {
            add(&mut kind, format_args!(", {word} {limit}"));
        }
    }
    if schema["pattern"].is_string() {
        let pattern = schema["pattern"].as_str().map(escaped).unwrap_or_default();
        add(&mut kind, format_args!(", <code>{pattern}</code>"));
    }
    kind
}

fn follows(page: &mut String, responses: &Value) {
    let links = entries(responses).flat_map(|(_, answer)| entries(&answer["links"]));
    let mut names: Vec<_> = links.map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return;
    }
    let links = names
        .iter()
        .map(|name| format!("<a href=\"#{name}\">{name}</a>"));
    let links = links.collect::<Vec<_>>().join(", ");
    add(page, format_args!("<p>Then: {links}</p>\n"));
}

fn example(page: &mut String, example: &Value) {
    let shown = match example {
        Value::Null => return,
        Value::String(text) => text.clone(),
        value => format!("{value:#}"),
    };
    let shown = escaped(&shown);
    add(page, format_args!("<pre>{shown}</pre>\n"));
}

fn entries(object: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let entries = object.as_object().into_iter().flatten();
    entries.map(|(name, value)| (name.as_str(), value))
}

/// Paragraphs of a description.
fn prose(about: &Value) -> String {
    let text = text(about);
    let paragraphs = text.split("\n\n").filter(|it| !it.is_empty());
    paragraphs.map(|it| format!("<p>{it}</p>\n")).collect()
}

/// The text of a value, as HTML.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => with_code(&escaped(text)),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(" or "),
        value => escaped(&value.to_string()),
    }
}

/// What stands between backticks is code.
fn with_code(text: &str) -> String {
    let parts = text.split('`').enumerate();
    let parts = parts.map(|(index, part)| match index % 2 {
        0 => part.to_owned(),
        _ => format!("<code>{part}</code>"),
    });
    parts.collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn add(page: &mut String, more: std::fmt::Arguments<'_>) {
    // A text takes whatever is written to it.
    _ = page.write_fmt(more);
}
