//! Why a value cannot be read, in words for the person who wrote it.
//! In: serde's error, and the value. Out: half a sentence that follows the field's name.

use serde_json::Value;

/// `must be a whole number, but is the text "eighty"`.
pub(super) fn of(error: &serde_json::Error, value: &Value) -> String {
    let text = error.to_string();
    match text.split_once(", expected ") {
        Some((_, wanted)) => format!("must be {}, but is {}", wanted_in_words(wanted), is(value)),
        None => format!("cannot be read: {text}"),
    }
}

fn wanted_in_words(wanted: &str) -> String {
    let wanted = wanted.trim();
    match wanted {
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" | "isize" => {
            "a whole number".to_owned()
        }
        "f32" | "f64" => "a number".to_owned(),
        "a string" | "a borrowed string" => {
            "a text (in quotes, when it looks like a number)".to_owned()
        }
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a set of `name: value`".to_owned(),
        // The name of a type that has fields.
        kind if kind.starts_with(char::is_uppercase) => format!("an object ({kind})"),
        other => other.to_owned(),
    }
}

fn is(value: &Value) -> String {
    match value {
        Value::Null => "empty".to_owned(),
        Value::String(text) => format!("the text {text:?}"),
        Value::Number(number) => format!("the number {number}"),
        Value::Bool(value) => format!("{value}"),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::of;
    use serde_json::{Value, json};

    fn told<T: serde::de::DeserializeOwned>(value: Value) -> String {
        of(&serde_json::from_value::<T>(value.clone()).err().unwrap(), &value)
    }

    #[test]
    fn a_wrong_type_is_said_in_words() {
        assert_eq!(
            told::<i32>(json!("eighty")),
            r#"must be a whole number, but is the text "eighty""#
        );
        assert_eq!(told::<bool>(json!(1)), "must be true or false, but is the number 1");
        assert_eq!(told::<Vec<i32>>(json!({})), "must be a list, but is an object");
        assert!(told::<String>(json!(8)).starts_with("must be a text"));
        assert!(told::<k8s_openapi::api::core::v1::PodSpec>(json!([1])).contains("PodSpec"));
    }
}
