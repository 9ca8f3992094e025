//! The JSON Schema of a plan, for editors.

use schemars::{Schema, SchemaGenerator, generate::SchemaSettings, transform::RecursiveTransform};
use serde_json::{Value, json};

use super::{Plan, Share, Step};

/// What `parse` accepts, as far as a schema can say it.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(not_null));
    let mut schema = settings.into_generator().into_root_schema_for::<Plan>();
    schema.insert("title".to_owned(), json!("Crossfade plan"));
    schema.insert(
        "description".to_owned(),
        json!("Moves live traffic from one side to the other, step by step."),
    );
    schema.to_value()
}

/// A step may be written as its share alone.
pub(super) fn number_or_step(generator: &mut SchemaGenerator) -> Schema {
    let (share, step) = (generator.subschema_for::<Share>(), generator.subschema_for::<Step>());
    schemars::json_schema!({
        "type": "array", "minItems": 1, "items": { "anyOf": [share, step] },
        "description": "Shares in percent, rising; or steps written out",
    })
}

/// A key without a value is a mistake in a plan: what is optional is left out.
fn not_null(schema: &mut Schema) {
    let is_null = |value: &Value| value == "null" || value == &json!({ "type": "null" });
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|one| !is_null(one));
        if let [one] = types.as_slice() {
            let one = one.clone();
            schema.insert("type".to_owned(), one);
        }
    }
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        let before = choices.len();
        choices.retain(|one| !is_null(one));
        if let ([Value::Object(only)], true) = (choices.as_slice(), choices.len() < before) {
            let only = only.clone();
            schema.remove("anyOf");
            for (key, value) in only {
                schema.insert(key, value);
            }
        }
    }
}
