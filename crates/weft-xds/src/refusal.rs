//! A refusal on the wire: a sentence for people, and for programs a Struct of resource name to reason.
//!
//! Holds: what we write we read back whole; of a stock Envoy's sentence we read the names that we sent.
//! Why a Struct: it needs no message type of our own, so every tool can open it.

use prost::Message as _;
use weft_proto::google::protobuf::value::Kind;
use weft_proto::google::protobuf::{Any, Struct, Value};
use weft_proto::google::rpc::Status;

const STRUCT_URL: &str = "type.googleapis.com/google.protobuf.Struct";
const INVALID_ARGUMENT: i32 = 3;

/// One resource that was not taken, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Its name.
    pub resource: String,
    /// The reason, with the field.
    pub why: String,
}

/// Writes refusals as the `error_detail` of a negative acknowledgement.
#[must_use]
pub fn error_detail(refusals: &[Refusal]) -> Status {
    let lines: Vec<_> =
        refusals.iter().map(|Refusal { resource, why }| format!("{resource}: {why}")).collect();
    let field = |Refusal { resource, why }: &Refusal| {
        (resource.clone(), Value { kind: Some(Kind::StringValue(why.clone())) })
    };
    let details = Struct { fields: refusals.iter().map(field).collect() };
    Status {
        code: INVALID_ARGUMENT,
        message: format!("refused {}: {}", refusals.len(), lines.join("\n")),
        details: vec![Any { type_url: STRUCT_URL.into(), value: details.encode_to_vec() }],
    }
}

/// What a refused answer tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blame {
    /// These were refused, and the rest was taken.
    Named(Vec<Refusal>),
    /// Nothing of the answer was taken, for this reason; which resource is at fault is not said.
    Whole(String),
}

/// Reads refusals back. `sent` are the names of the refused answer.
#[must_use]
pub fn read_error_detail(status: &Status, sent: &[String]) -> Blame {
    let exact =
        status.details.iter().filter(|any| any.type_url == STRUCT_URL).find_map(from_struct);
    if let Some(refusals) = exact {
        return Blame::Named(refusals);
    }
    let named = from_sentence(&status.message, sent);
    if !named.is_empty() {
        return Blame::Named(named);
    }
    let why = readable(&status.message);
    match sent {
        [only] => Blame::Named(vec![Refusal { resource: only.clone(), why }]),
        _ => Blame::Whole(why),
    }
}

/// Of Envoy's sentence what is for people: it prints the whole message before the reason, and cuts the end off.
fn readable(message: &str) -> String {
    const DUMP: &str = "goo.gle/debug";
    const REASON: &str = "Proto constraint validation failed";
    match (message.starts_with(DUMP), message.rfind(REASON)) {
        (true, Some(at)) => message.get(at..).unwrap_or_default().to_owned(),
        (true, None) => {
            "a value is out of bounds; Envoy cut the reason off, the log of its istio-proxy has it"
                .to_owned()
        }
        (false, _) => message.to_owned(),
    }
}

fn from_struct(any: &Any) -> Option<Vec<Refusal>> {
    let details = Struct::decode(any.value.as_slice()).ok()?;
    let mut refusals: Vec<_> = details
        .fields
        .into_iter()
        .filter_map(|(resource, value)| match value.kind {
            Some(Kind::StringValue(why)) => Some(Refusal { resource, why }),
            _ => None,
        })
        .collect();
    refusals.sort_by(|a, b| a.resource.cmp(&b.resource));
    (!refusals.is_empty()).then_some(refusals)
}

/// Envoy writes `... NAME: why` per resource, one after the other.
fn from_sentence(message: &str, sent: &[String]) -> Vec<Refusal> {
    let mut found: Vec<(usize, &String)> = sent
        .iter()
        .filter_map(|name| starts_at(message, name).map(|position| (position, name)))
        .collect();
    found.sort_unstable();
    let ends = found.iter().skip(1).map(|(position, _)| *position).chain([message.len()]);
    found
        .iter()
        .zip(ends)
        .map(|((start, name), end)| {
            let why = message.get(start + name.len() + 1..end).unwrap_or_default();
            let why = why.trim_matches(|c: char| c.is_whitespace() || c == ',');
            Refusal { resource: (*name).clone(), why: readable(why) }
        })
        .collect()
}

/// Where `NAME:` stands, not as the tail of a longer name.
fn starts_at(message: &str, name: &str) -> Option<usize> {
    let pattern = format!("{name}:");
    let free = |position: &usize| {
        let before = message.get(..*position).and_then(|text| text.chars().next_back());
        before.is_none_or(|c| c.is_whitespace() || c == ',')
    };
    message.match_indices(&pattern).map(|(position, _)| position).find(free)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(resource: &str, why: &str) -> Refusal {
        Refusal { resource: resource.into(), why: why.into() }
    }

    #[test]
    fn what_we_write_we_read_back() {
        let refusals = [refusal("0.0.0.0_80", "field x: no"), refusal("b: c", "d")];
        assert_eq!(read_error_detail(&error_detail(&refusals), &[]), Blame::Named(refusals.into()));
    }

    #[test]
    fn envoys_sentence_names_its_resources() {
        let sent = ["outbound|80||a".to_owned(), "xoutbound|80||a".into(), "b".into(), "c".into()];
        let message = "Error adding/updating cluster(s) outbound|80||a: bad timeout, b: no type";
        let status = Status { code: 13, message: message.into(), details: Vec::new() };
        let want = [refusal("outbound|80||a", "bad timeout"), refusal("b", "no type")];
        assert_eq!(read_error_detail(&status, &sent), Blame::Named(want.into()));
    }

    #[test]
    fn a_sentence_without_names_blames_the_only_one_or_nobody() {
        let status = Status { code: 13, message: "unknown field".into(), details: Vec::new() };
        let only = Blame::Named(vec![refusal("80", "unknown field")]);
        assert_eq!(read_error_detail(&status, &["80".into()]), only);
        let whole = Blame::Whole("unknown field".into());
        assert_eq!(read_error_detail(&status, &["80".into(), "81".into()]), whole);
    }

    #[test]
    fn of_a_dump_only_the_reason_is_told() {
        let dump = "goo.gle/debugproto  \nname: \"a\"\n: Proto constraint validation failed (X: too large)";
        assert_eq!(readable(dump), "Proto constraint validation failed (X: too large)");
        assert!(readable("goo.gle/debugproto \nname...(truncated)").contains("istio-proxy"));
    }
}
