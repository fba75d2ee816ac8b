//! Reads a body and notes each field that is there twice.
//!
//! In: JSON or YAML. Out: the value, in which the last of the two counts, and the paths of the first ones.
//! Why by hand: the readers of values keep the last one in silence, or refuse without a path.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Deeper bodies are refused, and so are more doubles.
const DEEPEST: usize = 120;
const MOST: usize = 50;
/// Values of a body, with all that its aliases stand for; no object has as many.
const MOST_VALUES: usize = 1_000_000;

/// A value and the fields that were there twice.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) value: Value,
    pub(crate) twice: Vec<String>,
}

/// Reads JSON.
pub(crate) fn json(raw: &[u8]) -> Result<Read, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(raw);
    let found = read(&mut reader, MOST_VALUES)?;
    reader.end()?;
    Ok(found)
}

/// Reads YAML.
pub(crate) fn yaml(raw: &[u8]) -> Result<Read, serde_yaml_ng::Error> {
    read(serde_yaml_ng::Deserializer::from_slice(raw), MOST_VALUES)
}

fn read<'de, D: Deserializer<'de>>(reader: D, most: usize) -> Result<Read, D::Error> {
    let place = RefCell::new(Place { left: most, ..Place::default() });
    let value = Seed(&place).deserialize(reader)?;
    Ok(Read { value, twice: place.into_inner().twice })
}

/// Where we are, and what was found.
#[derive(Debug, Default)]
struct Place {
    path: Vec<String>,
    twice: Vec<String>,
    /// How many values may still come.
    left: usize,
}

impl Place {
    fn count<E: Error>(&mut self) -> Result<(), E> {
        let left = self.left.checked_sub(1);
        self.left = left.ok_or_else(|| {
            E::custom(format!("more values than an object can have ({MOST_VALUES}), with aliases"))
        })?;
        Ok(())
    }

    fn note(&mut self, name: &str) {
        if self.twice.len() < MOST {
            let path = self.path.concat();
            let dot = if path.is_empty() { "" } else { "." };
            self.twice.push(format!("{path}{dot}{name}"));
        }
    }
}

#[derive(Clone, Copy)]
struct Seed<'a>(&'a RefCell<Place>);

impl Seed<'_> {
    fn within<T, E: Error>(
        self,
        step: String,
        read: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        if self.0.borrow().path.len() >= DEEPEST {
            return Err(E::custom(format!("nested deeper than {DEEPEST} levels")));
        }
        self.0.borrow_mut().path.push(step);
        let found = read();
        self.0.borrow_mut().path.pop();
        found
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        self.0.borrow_mut().count()?;
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        let number =
            Number::from_f64(value).ok_or_else(|| E::custom("a number that is not finite"))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut found = Vec::new();
        while let Some(item) =
            self.within(format!("[{}]", found.len()), || items.next_element_seed(self))?
        {
            found.push(item);
        }
        Ok(Value::Array(found))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut found = Map::new();
        while let Some(key) = fields.next_key_seed(self)? {
            let name = match key {
                Value::String(name) => name,
                Value::Bool(_) | Value::Number(_) | Value::Null => key.to_string(),
                Value::Array(_) | Value::Object(_) => {
                    return Err(A::Error::custom("a field's name must be a text"));
                }
            };
            let dot = if self.0.borrow().path.is_empty() { "" } else { "." };
            let value = self.within(format!("{dot}{name}"), || fields.next_value_seed(self))?;
            if found.contains_key(&name) {
                self.0.borrow_mut().note(&name);
            }
            found.insert(name, value);
        }
        Ok(Value::Object(found))
    }
}

#[cfg(test)]
mod tests {
    use super::{json, read, yaml};

    #[test]
    fn doubles_are_named_and_the_last_one_counts() {
        let read =
            json(br#"{"a":1,"spec":{"b":[{"c":1,"c":2}],"n":null,"f":1.5},"a":"x"}"#).unwrap();
        assert_eq!(read.twice, ["spec.b[0].c", "a"]);
        assert_eq!(
            read.value,
            serde_json::json!({ "a": "x", "spec": { "b": [{ "c": 2 }], "n": null, "f": 1.5 } })
        );
        let read = yaml(b"a: 1\nb: {c: yes, c: 2}\n").unwrap();
        assert_eq!(read.twice, ["b.c"]);
        assert_eq!(read.value["b"]["c"], 2);
    }

    #[test]
    fn bodies_without_end_are_refused() {
        assert!(json("[".repeat(100_000).as_bytes()).is_err());
        assert!(json(format!("{}{}", "[".repeat(125), "]".repeat(125)).as_bytes()).is_err());
        assert!(json(b"{} {}").is_err());
        let aliased = "a: &a [x,x,x]\nb: [*a,*a,*a]\n";
        let within = |most| read(serde_yaml_ng::Deserializer::from_str(aliased), most);
        assert!(within(20).is_ok());
        assert!(within(15).unwrap_err().to_string().contains("more values"));
    }
}
