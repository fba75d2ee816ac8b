//! Asked by a request, as HTTP services are.
//! In: the service, names of fields, an answer. Out: which fields are shown, what the answer means.
//! Holds: only 200 is a yes, and what a server says of its own failure (5xx) is no answer.

use proxy_config::ext_authz::HttpService;
use proxy_config::matcher::StringMatcher;

use super::{Answer, Change, Changes, Refusal, field_name, frames};

/// Names the fields that the request is to lose.
const REMOVE: &str = "x-envoy-auth-headers-to-remove";
/// What a client gets of every no.
const OF_A_NO: [&str; 2] = ["location", "www-authenticate"];

/// Whether a field of the request is shown.
#[must_use]
pub fn shows(service: &HttpService, name: &str) -> bool {
    !frames(name) && (name == "authorization" || listed(&service.shown, name))
}

fn listed(names: &[StringMatcher], name: &str) -> bool {
    names.iter().any(|wanted| wanted.matches(name))
}

/// What an answer means; names of its fields are in small letters.
#[must_use]
pub fn answer(
    service: &HttpService,
    status: u16,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
) -> Answer {
    match status {
        200 => Answer::Yes(changes(service, &fields)),
        500.. => Answer::Failed,
        _ => {
            let goes = |name: &str| match &service.to_client_on_no {
                None => true,
                Some(names) => OF_A_NO.contains(&name) || listed(names, name),
            };
            let mut fields = fields;
            fields.retain(|(name, _)| !frames(name) && goes(name));
            Answer::No(Refusal { status, fields, body })
        }
    }
}

fn changes(service: &HttpService, fields: &[(String, String)]) -> Changes {
    let mut found = Changes::default();
    for (index, (name, value)) in fields.iter().enumerate() {
        if name == REMOVE {
            let names = value.split(',').filter_map(|name| field_name(name.trim()));
            let names = names.filter(|name| !frames(name));
            found.request.extend(names.map(Change::Remove));
            continue;
        }
        if frames(name) {
            continue;
        }
        if listed(&service.to_server, name) {
            let first = !fields.iter().take(index).any(|(known, _)| known == name);
            let change = if first { Change::Set } else { Change::Add };
            found.request.push(change(name.clone(), value.clone()));
        }
        if listed(&service.to_client_on_yes, name) {
            found.response.push(Change::Add(name.clone(), value.clone()));
        }
    }
    found
}
