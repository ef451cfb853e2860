//! Answers, compared with what the OpenAPI document says of them.

use serde_json::Value;

/// The schema that a value refers to, or the value.
fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).unwrap(),
        None => schema,
    }
}

/// Fails where a value is not as its schema says.
pub fn conforms(document: &Value, schema: &Value, value: &Value, place: &str) {
    let mut schema = resolve(document, schema);
    if let Some(either) = schema["oneOf"].as_array() {
        // Nothing, or something that is described elsewhere.
        let is_null = |one: &&Value| (one["type"] == "null") == value.is_null();
        let chosen = either.iter().find(is_null);
        let chosen = chosen.unwrap_or_else(|| panic!("{place} may not be {value}"));
        schema = resolve(document, chosen);
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let types = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => return,
    };
    let allowed = types.contains(&kind) || (kind == "integer" && types.contains(&"number"));
    assert!(allowed, "{place} is {kind}, not {types:?}");
    for entry in value.as_array().into_iter().flatten() {
        conforms(document, &schema["items"], entry, place);
    }
    if let Some(fields) = value.as_object() {
        for (name, value) in fields {
            // A map's values are described once, for any name.
            let named = &schema["properties"][name];
            let of_any = &schema["additionalProperties"];
            let property = if named.is_object() { named } else { of_any };
            assert!(property.is_object(), "{place}.{name} is not described");
            conforms(document, property, value, &format!("{place}.{name}"));
        }
    }
}
