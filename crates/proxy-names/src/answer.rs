//! One question, one answer.

use std::net::IpAddr;
use std::str::FromStr as _;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use crate::{Found, Names};

/// Seconds that an answer may be kept (as Istio's agent says).
const TTL: u32 = 30;
/// Bytes of a datagram when a client does not say how many it takes (RFC 1035).
const PLAIN_DATAGRAM: usize = 512;

/// What becomes of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// This is the answer.
    Known(Vec<u8>),
    /// The pod's own name servers know.
    AskOn,
    /// The bytes are no question; nobody is answered.
    NoQuestion,
}

/// Answers from the mesh's names. `turn` rotates the addresses of a name, so that not all clients begin with the same.
#[must_use]
pub fn answer(names: &Names, question: &[u8], turn: usize) -> Answer {
    let Ok(asked) = Message::from_vec(question) else { return Answer::NoQuestion };
    if asked.metadata.message_type != MessageType::Query {
        return Answer::NoQuestion;
    }
    let [query] = asked.queries.as_slice() else { return Answer::AskOn };
    let for_addresses = matches!(query.query_type(), RecordType::A | RecordType::AAAA);
    if asked.metadata.op_code != OpCode::Query
        || query.query_class() != DNSClass::IN
        || !for_addresses
    {
        return Answer::AskOn;
    }
    let name = query.name().to_lowercase().to_ascii();
    let Some(found) = names.find(name.trim_end_matches('.')) else { return Answer::AskOn };
    let mut told = reply(&asked, ResponseCode::NoError);
    told.add_answers(records(query, &found, turn));
    told.to_vec().map_or(Answer::AskOn, Answer::Known)
}

/// The answer when no name server could be asked; nothing for bytes that are no question.
#[must_use]
pub fn failed(question: &[u8]) -> Option<Vec<u8>> {
    let asked = Message::from_vec(question).ok()?;
    reply(&asked, ResponseCode::ServFail).to_vec().ok()
}

/// The answer as it fits in a datagram: one that is too long says so instead, and the client asks again over TCP.
#[must_use]
pub fn truncated(question: &[u8], answer: Vec<u8>) -> Vec<u8> {
    let most = Message::from_vec(question).map_or(0, |asked| usize::from(asked.max_payload()));
    if answer.len() <= most.max(PLAIN_DATAGRAM) {
        return answer;
    }
    let whole = Message::from_vec(&answer).ok();
    whole.and_then(|whole| whole.truncate().to_vec().ok()).unwrap_or(answer)
}

fn reply(asked: &Message, code: ResponseCode) -> Message {
    let mut told = Message::response(asked.metadata.id, asked.metadata.op_code);
    told.metadata.recursion_desired = asked.metadata.recursion_desired;
    told.metadata.recursion_available = true;
    told.metadata.response_code = code;
    told.queries.clone_from(&asked.queries);
    told
}

fn records(query: &Query, found: &Found<'_>, turn: usize) -> Vec<Record> {
    let host = found.alias_of.and_then(|host| Name::from_str(&format!("{host}.")).ok());
    let owner = host.clone().unwrap_or_else(|| query.name().clone());
    let alias =
        host.map(|host| Record::from_rdata(query.name().clone(), TTL, RData::CNAME(CNAME(host))));
    let mut data: Vec<RData> =
        found.addresses.iter().filter_map(|ip| of_type(*ip, query.query_type())).collect();
    let first = turn.checked_rem(data.len()).unwrap_or(0);
    data.rotate_left(first);
    let addresses = data.into_iter().map(|data| Record::from_rdata(owner.clone(), TTL, data));
    alias.into_iter().chain(addresses).collect()
}

fn of_type(address: IpAddr, kind: RecordType) -> Option<RData> {
    match (address, kind) {
        (IpAddr::V4(ip), RecordType::A) => Some(RData::A(A(ip))),
        (IpAddr::V6(ip), RecordType::AAAA) => Some(RData::AAAA(AAAA(ip))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::shop;

    fn question(name: &str, kind: RecordType) -> Vec<u8> {
        let mut asked = Message::query();
        asked.metadata.id = 77;
        asked.metadata.recursion_desired = true;
        asked.add_query(Query::query(Name::from_str(name).unwrap(), kind));
        asked.to_vec().unwrap()
    }

    fn told(name: &str, kind: RecordType, turn: usize) -> Option<Vec<String>> {
        match answer(&shop(), &question(name, kind), turn) {
            Answer::Known(bytes) => {
                let told = Message::from_vec(&bytes).unwrap();
                assert_eq!(
                    (told.metadata.id, told.metadata.response_code),
                    (77, ResponseCode::NoError)
                );
                Some(told.answers.iter().map(|record| record.data.to_string()).collect())
            }
            Answer::AskOn => None,
            Answer::NoQuestion => panic!("{name} was a question"),
        }
    }

    #[test]
    fn addresses_of_the_family_that_was_asked_for_are_told() {
        assert_eq!(told("db.example.com.", RecordType::A, 0).unwrap(), ["240.240.0.1"]);
        assert_eq!(told("DB.example.com.", RecordType::AAAA, 0).unwrap(), ["2001:2::1"]);
        let none: [&str; 0] = [];
        assert_eq!(told("web.shop.", RecordType::AAAA, 0).unwrap(), none);
    }

    #[test]
    fn a_name_with_something_behind_it_is_an_alias() {
        let found = told("db.example.com.cluster.local.", RecordType::A, 0).unwrap();
        assert_eq!(found, ["db.example.com.", "240.240.0.1"]);
    }

    #[test]
    fn addresses_take_turns() {
        let first = |turn| told("a.deep.example.com.", RecordType::A, turn).unwrap()[0].clone();
        assert_eq!([first(0), first(1), first(2)], ["240.240.0.3", "240.240.0.4", "240.240.0.3"]);
    }

    #[test]
    fn whatever_is_not_an_address_of_the_mesh_goes_on() {
        assert_eq!(told("other.org.", RecordType::A, 0), None);
        assert_eq!(told("db.example.com.", RecordType::MX, 0), None);
        assert_eq!(answer(&shop(), b"nonsense", 0), Answer::NoQuestion);
        assert_eq!(failed(b"nonsense"), None);
        let code = Message::from_vec(&failed(&question("a.", RecordType::A)).unwrap()).unwrap();
        assert_eq!(code.metadata.response_code, ResponseCode::ServFail);
    }

    #[test]
    fn an_answer_too_long_for_a_datagram_says_so() {
        let asked = question("db.example.com.", RecordType::A);
        let Answer::Known(whole) = answer(&shop(), &asked, 0) else { panic!("a host of the mesh") };
        assert_eq!(truncated(&asked, whole.clone()), whole);
        let mut long = Message::from_vec(&whole).unwrap();
        let more = long.answers[0].clone();
        long.add_answers(std::iter::repeat_n(more, 100));
        let short = Message::from_vec(&truncated(&asked, long.to_vec().unwrap())).unwrap();
        assert!(short.metadata.truncation && short.answers.is_empty());
    }
}
