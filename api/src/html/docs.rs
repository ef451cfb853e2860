//! The API's page for people, made from its OpenAPI document.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::openapi::OpenApi;

use super::{Escaped, page};

/// The page of a document.
pub(crate) fn docs(document: &OpenApi) -> String {
    let document = serde_json::to_value(document).expect("the document is plain data");
    let text = |value: &Value| Escaped(value.as_str().unwrap_or_default()).to_string();
    let mut html = format!(
        "<h1>The API</h1>\n<p>{}</p>\n<p>The same as \
         <a href=\"/api/openapi.json\">an OpenAPI document</a>.</p>\n",
        text(&document["info"]["description"])
    );
    let mut by_tag: BTreeMap<String, Vec<Operation<'_>>> = BTreeMap::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, said) in item.as_object().into_iter().flatten() {
            let tag = said["tags"][0].as_str().unwrap_or_default();
            by_tag
                .entry(tag.to_owned())
                .or_default()
                .push(Operation { method, path, said });
        }
    }
    for tag in document["tags"].as_array().into_iter().flatten() {
        let name = tag["name"].as_str().unwrap_or_default();
        html.push_str(&format!("<h2>{}</h2>\n", text(&tag["description"])));
        for operation in by_tag.get(name).into_iter().flatten() {
            push_operation(&mut html, operation);
        }
    }
    html.push_str("<h2>What the answers hold</h2>\n");
    for (name, schema) in document["components"]["schemas"]
        .as_object()
        .into_iter()
        .flatten()
    {
        push_schema(&mut html, name, schema);
    }
    page("pacelake: the API", &html)
}

/// A method of a path, and what the document says of it.
struct Operation<'a> {
    method: &'a str,
    path: &'a str,
    said: &'a Value,
}

fn push_operation(html: &mut String, operation: &Operation<'_>) {
    let text = |value: &Value| Escaped(value.as_str().unwrap_or_default()).to_string();
    let Operation { method, path, said } = *operation;
    let name = format!("<code>{} {}</code>", method.to_uppercase(), Escaped(path));
    // A path without a name in it can be opened as it is.
    let title = match method == "get" && !path.contains('{') {
        true => format!("<a href=\"{}\">{name}</a>", Escaped(path)),
        false => name,
    };
    let operation = said;
    html.push_str(&format!(
        "<article>\n<h3>{title}</h3>\n<p>{}",
        text(&operation["summary"])
    ));
    if operation["description"].is_string() {
        html.push_str(&format!(" {}", text(&operation["description"])));
    }
    html.push_str("</p>\n");
    let body = &operation["responses"]["200"]["content"]["application/json"]["schema"];
    if let Some(name) = reference(body) {
        html.push_str(&format!("<p>Answers with {}.</p>\n", link(name)));
    }
    let parameters = operation["parameters"].as_array();
    if let Some(parameters) = parameters.filter(|parameters| !parameters.is_empty()) {
        html.push_str("<dl>\n");
        for parameter in parameters {
            let default = &parameter["schema"]["default"];
            let default = match default {
                Value::Null => String::new(),
                Value::String(text) => format!(" Default: <code>{}</code>.", Escaped(text)),
                other => format!(" Default: <code>{}</code>.", Escaped(&other.to_string())),
            };
            html.push_str(&format!(
                "<dt><code>{}</code></dt><dd>{}{default}</dd>\n",
                text(&parameter["name"]),
                text(&parameter["description"]),
            ));
        }
        html.push_str("</dl>\n");
    }
    html.push_str("</article>\n");
}

fn push_schema(html: &mut String, name: &str, schema: &Value) {
    let text = |value: &Value| Escaped(value.as_str().unwrap_or_default()).to_string();
    html.push_str(&format!(
        "<article id=\"{0}\">\n<h3><code>{0}</code></h3>\n",
        Escaped(name)
    ));
    if schema["description"].is_string() {
        html.push_str(&format!("<p>{}</p>\n", text(&schema["description"])));
    }
    if let Some(item) = reference(&schema["items"]) {
        html.push_str(&format!("<p>A list of {}.</p>\n", link(item)));
    }
    html.push_str("<dl>\n");
    for (field, property) in schema["properties"].as_object().into_iter().flatten() {
        let item = reference(&property["items"]).or_else(|| reference(property));
        let what = item
            .map(|name| format!(" {}", link(name)))
            .unwrap_or_default();
        html.push_str(&format!(
            "<dt><code>{}</code> <span class=\"soft\">{}</span></dt><dd>{}{what}</dd>\n",
            Escaped(field),
            Escaped(&types(property)),
            text(&property["description"]),
        ));
    }
    html.push_str("</dl>\n</article>\n");
}

/// The name of the schema that a value refers to.
fn reference(value: &Value) -> Option<&str> {
    value["$ref"]
        .as_str()?
        .strip_prefix("#/components/schemas/")
}

fn link(name: &str) -> String {
    format!("<a href=\"#{0}\"><code>{0}</code></a>", Escaped(name))
}

/// The JSON types of a property, in words.
fn types(property: &Value) -> String {
    match &property["type"] {
        Value::String(one) => one.clone(),
        Value::Array(several) => {
            let names: Vec<&str> = several.iter().filter_map(Value::as_str).collect();
            names.join(" or ")
        }
        _ => String::new(),
    }
}
