//! Kubernetes' protobuf bodies, turned into JSON.
//!
//! In: the bytes that kubectl's typed commands (`create namespace`, `create token`, `auth can-i` ...) and Go's typed clients
//! send. Out: JSON.
//! Holds: a field with a value that has no row in the tables refuses the request; nothing is dropped in silence.
//! Never: protobuf out; every client takes JSON. Why tables: a thousand numbers against a megabyte of generated code.

mod kinds;
mod messages;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

use crate::fault::Fault;
use crate::moment;
use messages::{Field, Kind, Message};

const MAGIC: &[u8] = b"k8s\0";
const DEEPEST: u8 = 24;

/// Reads a body of type `application/vnd.kubernetes.protobuf`.
pub(crate) fn decode(raw: &[u8]) -> Result<Value, Fault> {
    read(raw).map_err(|why| Fault::bad(format!("unreadable protobuf body: {why}")))
}

fn read(raw: &[u8]) -> Result<Value, String> {
    let raw = raw.strip_prefix(MAGIC).ok_or("it does not start as one of Kubernetes")?;
    let (mut api_version, mut kind, mut body) = (String::new(), String::new(), Vec::new());
    for (number, wire) in Fields(raw).collect::<Result<Vec<_>, _>>()? {
        match (number, wire) {
            (1, Wire::Bytes(meta)) => {
                for field in Fields(meta) {
                    match field? {
                        (1, Wire::Bytes(text)) => api_version = utf8(text)?,
                        (2, Wire::Bytes(text)) => kind = utf8(text)?,
                        _ => {}
                    }
                }
            }
            (2, Wire::Bytes(bytes)) => body = bytes.to_vec(),
            _ => {}
        }
    }
    let message = messages::find(&api_version, &kind)
        .ok_or_else(|| format!("kind {kind:?} cannot be read from protobuf here; send JSON"))?;
    let mut object = self::message(message, &body, &kind, 0)?;
    object["apiVersion"] = json!(api_version);
    object["kind"] = json!(kind);
    Ok(object)
}

fn message(message: Message, bytes: &[u8], path: &str, depth: u8) -> Result<Value, String> {
    if depth > DEEPEST {
        return Err(format!("{path} is nested too deeply"));
    }
    let mut object = Map::new();
    for entry in Fields(bytes) {
        let (number, wire) = entry?;
        let Some(field) = message.iter().find(|f| f.number == number) else {
            if wire.is_zero() {
                continue;
            }
            return Err(format!("field {number} of {path} is not known here; send JSON"));
        };
        put(&mut object, field, &wire, &format!("{path}.{}", field.name), depth)?;
    }
    Ok(Value::Object(object))
}

fn put(
    object: &mut Map<String, Value>,
    field: &Field,
    wire: &Wire<'_>,
    path: &str,
    depth: u8,
) -> Result<(), String> {
    if let Kind::Map(kind) = field.kind {
        let Wire::Bytes(entry) = wire else { return Err(format!("{path} has the wrong type")) };
        let (mut key, mut value) = (String::new(), Value::from(""));
        for part in Fields(entry) {
            match part? {
                (1, Wire::Bytes(text)) => key = utf8(text)?,
                (2, wire) => value = self::value(*kind, &wire, path, depth)?.unwrap_or(value),
                _ => {}
            }
        }
        let map = object.entry(field.name).or_insert_with(|| json!({}));
        map[key.as_str()] = value;
        return Ok(());
    }
    if let Kind::Inline(inner) = field.kind {
        let Wire::Bytes(bytes) = wire else { return Err(format!("{path} has the wrong type")) };
        if let Value::Object(fields) = message(inner, bytes, path, depth + 1)? {
            object.extend(fields);
        }
        return Ok(());
    }
    let value = value(field.kind, wire, path, depth)?;
    if field.repeated {
        let list = object.entry(field.name).or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(value.unwrap_or_else(|| json!("")));
        }
    } else if let Some(value) = value {
        object.insert(field.name.to_owned(), value);
    }
    Ok(())
}

/// The value, or `None` when it is the zero that stands for "not set".
fn value(kind: Kind, wire: &Wire<'_>, path: &str, depth: u8) -> Result<Option<Value>, String> {
    Ok(match (kind, wire) {
        (Kind::Text, Wire::Bytes(bytes)) => Some(json!(utf8(bytes)?)).filter(|t| t != ""),
        (Kind::Bytes, Wire::Bytes(bytes)) => Some(json!(BASE64.encode(bytes))),
        (Kind::Number, Wire::Number(number)) => Some(signed(*number)).filter(|n| *n != 0),
        (Kind::Given, Wire::Number(number)) => Some(signed(*number)),
        (Kind::Flag, Wire::Number(number)) => Some(json!(*number != 0)).filter(|f| *f == true),
        (Kind::GivenFlag, Wire::Number(number)) => Some(json!(*number != 0)),
        (Kind::Time, Wire::Bytes(bytes)) => time(bytes, false)?,
        (Kind::MicroTime, Wire::Bytes(bytes)) => time(bytes, true)?,
        (Kind::Json, Wire::Bytes(bytes)) => json_of(bytes)?,
        (Kind::NumberOrText, Wire::Bytes(bytes)) => number_or_text(bytes)?,
        (Kind::Quantity, Wire::Bytes(bytes)) => quantity(bytes)?,
        (Kind::Of(inner), Wire::Bytes(bytes)) => {
            let found = message(inner, bytes, path, depth + 1)?;
            Some(found).filter(|f| f.as_object().is_some_and(|f| !f.is_empty()))
        }
        (Kind::GivenOf(inner), Wire::Bytes(bytes)) => Some(message(inner, bytes, path, depth + 1)?),
        _ => return Err(format!("{path} has the wrong type")),
    })
}

fn signed(number: u64) -> Value {
    json!(i64::from_ne_bytes(number.to_ne_bytes()))
}

fn utf8(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|e| e.to_string())
}

fn time(bytes: &[u8], fine: bool) -> Result<Option<Value>, String> {
    let (mut seconds, mut nanos) = (0, 0);
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Number(number)) => seconds = number,
            (2, Wire::Number(number)) => nanos = number,
            _ => {}
        }
    }
    let at = std::time::UNIX_EPOCH.checked_add(std::time::Duration::from_secs(seconds));
    let text = at.filter(|_| seconds > 0).map(moment::format);
    let micros = nanos / 1000 % 1_000_000;
    Ok(text.map(|text| match fine {
        true => json!(text.replace('Z', &format!(".{micros:06}Z"))),
        false => json!(text),
    }))
}

/// The JSON in the first field of a message.
fn json_of(bytes: &[u8]) -> Result<Option<Value>, String> {
    for field in Fields(bytes) {
        if let (1, Wire::Bytes(text)) = field? {
            return serde_json::from_slice(text).map(Some).map_err(|e| e.to_string());
        }
    }
    Ok(None)
}

fn number_or_text(bytes: &[u8]) -> Result<Option<Value>, String> {
    let (mut is_text, mut number, mut text) = (false, json!(0), String::new());
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Number(kind)) => is_text = kind == 1,
            (2, Wire::Number(value)) => number = signed(value),
            (3, Wire::Bytes(bytes)) => text = utf8(bytes)?,
            _ => {}
        }
    }
    let given = is_text || number != 0;
    Ok(given.then(|| if is_text { json!(text) } else { number }))
}

fn quantity(bytes: &[u8]) -> Result<Option<Value>, String> {
    for field in Fields(bytes) {
        if let (1, Wire::Bytes(text)) = field? {
            return Ok(Some(json!(utf8(text)?)));
        }
    }
    Ok(None)
}

/// A value on the wire.
enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl Wire<'_> {
    /// A zero, or a message of zeros: what a client writes for what was not set.
    fn is_zero(&self) -> bool {
        match self {
            Self::Number(number) => *number == 0,
            Self::Bytes(bytes) => {
                bytes.is_empty() || Fields(bytes).all(|f| f.is_ok_and(|(_, wire)| wire.is_zero()))
            }
        }
    }
}

/// Walks over the fields of a message.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or("it ends in the middle of a number")?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("a number has more than 64 bits".to_owned())
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], String> {
        let length = usize::try_from(length).map_err(|e| e.to_string())?;
        let (taken, rest) =
            self.0.split_at_checked(length).ok_or("it ends in the middle of a field")?;
        self.0 = rest;
        Ok(taken)
    }

    fn field(&mut self) -> Result<(u64, Wire<'a>), String> {
        let tag = self.varint()?;
        let wire = match tag & 7 {
            0 => Wire::Number(self.varint()?),
            1 => Wire::Bytes(self.take(8)?),
            2 => {
                let length = self.varint()?;
                Wire::Bytes(self.take(length)?)
            }
            5 => Wire::Bytes(self.take(4)?),
            other => return Err(format!("wire type {other} is not used by Kubernetes")),
        };
        Ok((tag >> 3, wire))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Wire<'a>), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::decode;
    use serde_json::json;

    #[test]
    fn a_namespace_as_kubectl_sends_it_is_read() {
        let sent = b"k8s\x00\n\x0f\n\x02v1\x12\tNamespace\x12\x19\n\x11\n\x01x\x12\x00\x1a\x00\"\x00*\x002\x008\x00B\x00\x12\x00\x1a\x02\n\x00\x1a\x00\"\x00";
        let read = decode(sent).unwrap();
        assert_eq!(
            read,
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "x" } })
        );
    }

    /// A field of bytes; all lengths here are short.
    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let length = u8::try_from(bytes.len()).unwrap();
        assert!(length < 128 && number < 16, "longer than one byte can tell");
        [&[number << 3 | 2, length], bytes].concat()
    }

    #[test]
    fn a_pod_as_go_programs_send_it_is_read() {
        let meta = [field(2, b"p-"), field(8, &[8, 1]), field(14, b"f")].concat();
        let volume = [field(1, b"v"), field(2, &field(2, b""))].concat();
        let get = field(2, &[&[8, 0, 16, 80][..], &field(3, b"")].concat());
        let probe = [field(1, &field(2, &get)), vec![16, 5]].concat();
        let container = [field(1, b"c"), field(10, &probe)].concat();
        let spec = [field(1, &volume), field(2, &container), vec![88, 1]].concat();
        let pod = [field(1, &meta), field(2, &spec), field(3, b"")].concat();
        let kind = [field(1, b"v1"), field(2, b"Pod")].concat();
        let sent = [b"k8s\x00".to_vec(), field(1, &kind), field(2, &pod)].concat();
        assert_eq!(
            decode(&sent).unwrap(),
            json!({ "apiVersion": "v1", "kind": "Pod",
                "metadata": { "generateName": "p-", "finalizers": ["f"], "creationTimestamp": "1970-01-01T00:00:01Z" },
                "spec": { "volumes": [{ "name": "v", "emptyDir": {} }], "hostNetwork": true, "containers": [
                    { "name": "c", "livenessProbe": { "httpGet": { "port": 80 }, "initialDelaySeconds": 5 } }] } })
        );
    }

    #[test]
    fn cut_bodies_and_unknown_fields_are_refused() {
        assert!(decode(b"k8s\x00\n\x0f\n\x02v1").is_err());
        assert!(decode(b"{}").is_err());
        let unknown = b"k8s\x00\n\x0f\n\x02v1\x12\tNamespace\x12\x04\x9a\x06\x01x";
        assert!(decode(unknown).unwrap_err().message.contains("field 99"));
    }
}
