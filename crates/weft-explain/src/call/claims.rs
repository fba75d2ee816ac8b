//! Claims that a token of the user is supposed to have.
//! In: `name=value`, as people write it. Out: JSON. Holds: what is no claim is told of, not ignored.

use serde_json::{Map, Value};

use crate::{Call, Unclear};

impl Call {
    /// Supposes an answer of who is asked about it: `allow` or `deny`.
    ///
    /// # Errors
    /// When it is neither.
    pub fn suppose_custom(&mut self, answer: &str) -> Result<(), Unclear> {
        self.custom = match answer {
            "allow" => Some(true),
            "deny" => Some(false),
            _ => return Err(super::other_form("custom", "allow or deny")),
        };
        Ok(())
    }

    /// Adds a claim, as `name=value` or `name[name]=value`; the same name again makes a list.
    ///
    /// # Errors
    /// When there is no `=`, or the name cannot be read.
    pub fn add_claim(&mut self, written: &str) -> Result<(), Unclear> {
        let wrong = || {
            Unclear::new(format!("{written:?} is no claim"), "write it as name=value or a[b]=value")
        };
        let (path, value) = written.split_once('=').ok_or_else(wrong)?;
        let path = path.strip_suffix(']').map_or_else(
            || vec![path],
            |nested| nested.splitn(2, '[').flat_map(|part| part.split("][")).collect(),
        );
        let (last, parents) =
            path.split_last().filter(|_| !path.contains(&"")).ok_or_else(wrong)?;
        let mut inside = &mut self.claims;
        for name in parents {
            let below = inside.entry(*name).or_insert_with(|| Value::Object(Map::new()));
            inside = below.as_object_mut().ok_or_else(wrong)?;
        }
        let value = Value::from(value);
        match inside.get_mut(*last) {
            None => {
                inside.insert((*last).to_owned(), value);
            }
            Some(Value::Array(all)) => all.push(value),
            Some(one) => *one = Value::Array(vec![one.take(), value]),
        }
        Ok(())
    }

    /// Adds a field, as `name: value`.
    ///
    /// # Errors
    /// When there is no colon.
    pub fn add_field(&mut self, line: &str) -> Result<(), Unclear> {
        let (name, value) = line.split_once(':').ok_or_else(|| {
            Unclear::new(format!("{line:?} is no field"), "write it as 'name: value'")
        })?;
        self.fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        Ok(())
    }
}
