//! How names are written: SKUs, and the keys of orders and of requests. What `input` takes is described here.

use serde_json::{Value, json};

/// A SKU: something printable, and no step within a path.
const SKU: &str = r"^(?!\.{1,2}$)[^\u0000-\u001f\u007f-\u009f]+$";
/// A key, which stands in paths as it is.
const KEY: &str = r"^(?!\.{1,2}$)[A-Za-z0-9._~:\-]{1,200}$";
/// A key in a header may stand in quotes.
const KEY_IN_HEADER: &str =
    r#"^((?!\.{1,2}$)[A-Za-z0-9._~:\-]{1,200}|"(?!\.{1,2}"$)[A-Za-z0-9._~:\-]{1,200}")$"#;

/// Describes the names in all schemas and parameters.
pub(super) fn describe(document: &mut Value) {
    let schemas = document["components"]["schemas"].as_object_mut();
    let schemas = schemas.into_iter().flat_map(|schemas| schemas.values_mut());
    for properties in schemas.filter_map(|it| it.get_mut("properties")) {
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
    if schema["type"] == "array" {
        return narrow_items(name, schema);
    }
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

fn narrow_items(name: &str, schema: &mut Value) {
    if name == "skus" {
        narrow("sku", &mut schema["items"]);
    }
}
