//! Whether a value is as the description says: as much of JSON Schema as the description uses.

use serde_json::Value;

/// Checks `value` against `schema`, which may refer into `document`.
///
/// Panics, and says where it is not as described.
#[track_caller]
pub fn assert_matches(document: &Value, schema: &Value, value: &Value) {
    if let Err(error) = check(document, schema, value) {
        panic!("{error} in {value}");
    }
}

/// Whether `value` is as `schema` has it.
pub fn matches(document: &Value, schema: &Value, value: &Value) -> bool {
    check(document, schema, value).is_ok()
}

fn check(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = document.pointer(reference.trim_start_matches('#'));
        return check(document, schema.ok_or(reference)?, value);
    }
    let right = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64(),
        Some("number") => value.is_number(),
        other => return Err(format!("type {other:?}")),
    };
    let one_of = schema["enum"].as_array();
    let within = is_within(schema, value);
    if !right || !within || one_of.is_some_and(|values| !values.contains(value)) {
        return Err(format!("{value} is not {schema}"));
    }
    for item in value.as_array().into_iter().flatten() {
        check(document, &schema["items"], item)?;
    }
    let Some(object) = value.as_object() else {
        return Ok(());
    };
    for name in schema["required"].as_array().into_iter().flatten() {
        let there = name.as_str().is_some_and(|name| object.contains_key(name));
        there.then_some(()).ok_or(format!("no {name}"))?;
    }
    let closed = schema["additionalProperties"] == Value::Bool(false);
    for (name, value) in object {
        match schema["properties"].get(name) {
            Some(schema) => check(document, schema, value)?,
            None if closed => return Err(format!("{name} is not described")),
            None => {}
        }
    }
    Ok(())
}

/// Whether a number is neither too small nor too great, and a list not too short.
fn is_within(schema: &Value, value: &Value) -> bool {
    let bound = |name: &str| schema[name].as_u64();
    if let Some(items) = value.as_array() {
        return bound("minItems").is_none_or(|least| items.len() as u64 >= least);
    }
    value.as_u64().is_none_or(|number| {
        bound("minimum").is_none_or(|least| number >= least)
            && bound("maximum").is_none_or(|most| number <= most)
    })
}
