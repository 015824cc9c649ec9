//! How names are written: SKUs, and the keys of orders and of requests. What `input` takes is described here.

use serde_json::{Value, json};

/// A SKU: something printable without blanks around it, and no step within a path.
const SKU: &str =
    r"^(?!\.{1,2}$)(?!\s)(?![^\u0000-\u001f\u007f-\u009f]*\s$)[^\u0000-\u001f\u007f-\u009f]+$";
/// A key, which stands in paths as it is.
const KEY: &str = r"^(?!\.{1,2}$)[A-Za-z0-9._~:\-]{1,200}$";
/// A key in a header may stand in quotes.
const KEY_IN_HEADER: &str =
    r#"^((?!\.{1,2}$)[A-Za-z0-9._~:\-]{1,200}|"(?!\.{1,2}"$)[A-Za-z0-9._~:\-]{1,200}")$"#;

/// The schema that is made for a text whose type has a name of its own.
const TEXT: &str = "#/components/schemas/String";

/// Says of a text that it is one.
fn inline_texts(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.get("$ref").is_some_and(|schema| schema == TEXT) {
                fields.remove("$ref");
                fields.insert("type".into(), json!("string"));
            }
            fields.values_mut().for_each(inline_texts);
        }
        Value::Array(values) => values.iter_mut().for_each(inline_texts),
        _ => {}
    }
}

/// Describes the names in all schemas.
pub(super) fn describe(document: &mut Value) {
    inline_texts(document);
    let schemas = document.pointer_mut("/components/schemas");
    if let Some(schemas) = schemas.and_then(Value::as_object_mut) {
        schemas.remove("String");
    }
    let schemas = document["components"]["schemas"].as_object_mut();
    for (schema, described) in schemas.into_iter().flatten() {
        // What is wrong with a request may be that what it names is no SKU.
        let Some(properties) = described
            .get_mut("properties")
            .filter(|_| schema != "Problem")
        else {
            continue;
        };
        for (name, schema) in properties.as_object_mut().into_iter().flatten() {
            narrow(name, schema);
        }
    }
}

/// Describes the name that a parameter is.
pub(super) fn describe_parameter(parameter: &mut Value) {
    let (place, name) = (parameter["in"].clone(), parameter["name"].clone());
    let schema = &mut parameter["schema"];
    match (place.as_str(), name.as_str()) {
        (Some("path"), Some(name)) => narrow(name, schema),
        (Some("header"), Some("Idempotency-Key")) => schema["pattern"] = json!(KEY_IN_HEADER),
        _ => {}
    }
}

fn narrow(name: &str, schema: &mut Value) {
    if schema["type"] != "string" {
        return;
    }
    match name {
        "sku" | "from" | "to" => {
            schema["pattern"] = json!(SKU);
            schema["minLength"] = json!(1);
            schema["maxLength"] = json!(crate::input::MAX_SKU);
        }
        "id" | "order" => schema["pattern"] = json!(KEY),
        _ => {}
    }
}
