//! Answers, held against the description of the interface.

use jsonschema::Validator;
use segstock_service::book::Limits;
use segstock_service::description;
use serde_json::{Value, json};

pub fn document() -> Value {
    serde_json::from_str(&description::text(&Limits::default())).unwrap()
}

/// Each operation, as `POST /v1/orders`.
pub fn operations(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap();
        methods.iter().map(move |(method, operation)| {
            (format!("{} {path}", method.to_uppercase()), operation)
        })
    })
}

/// A validator for a schema of the document.
pub fn validator(document: &Value, schema: &Value) -> Validator {
    let whole = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "allOf": [schema],
        "components": document["components"],
    });
    jsonschema::validator_for(&whole).unwrap()
}

/// Checks that an operation may answer this, with this status and as this type of content; returns it.
#[track_caller]
pub fn check(document: &Value, operation: &str, status: u16, kind: &str, text: &str) -> Value {
    let (_, described) = operations(document)
        .find(|(name, _)| name == operation)
        .unwrap();
    let answer = &described["responses"][status.to_string()];
    assert!(answer.is_object(), "{operation} answers {status}: {text}");
    let kind = kind.split(';').next().unwrap();
    let schema = &answer["content"][kind]["schema"];
    assert!(schema.is_object(), "{operation} answers {status} as {kind}");
    let value = serde_json::from_str(text).unwrap_or(Value::String(text.to_owned()));
    if let Err(error) = validator(document, schema).validate(&value) {
        panic!(
            "{operation} {status}: {error} at {} in {value}",
            error.instance_path()
        );
    }
    value
}
