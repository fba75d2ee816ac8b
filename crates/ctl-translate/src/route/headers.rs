//! Changes to the fields of requests and responses.
//!
//! Holds: the authority is no field; whoever sets it rewrites the host. Other names of HTTP's own (`:path`) stay as they are.

use std::collections::BTreeMap;

use weft_model::api::virtual_service::{HeaderOperations, Headers};
use weft_proto::envoy::config::core::v3::{
    HeaderValue, HeaderValueOption, header_value_option::HeaderAppendAction,
};

/// What to do with the fields of a message.
#[derive(Default)]
pub(crate) struct Changes {
    pub(crate) add: Vec<HeaderValueOption>,
    pub(crate) remove: Vec<String>,
}

/// What to do with a request and its response.
#[derive(Default)]
pub(crate) struct Operations {
    pub(crate) request: Changes,
    pub(crate) response: Changes,
    /// The host that the request gets.
    pub(crate) authority: Option<String>,
}

impl Operations {
    pub(crate) fn of(written: Option<&Headers>) -> Self {
        let Some(Headers { request, response }) = written else { return Self::default() };
        let authority = |entries: &BTreeMap<String, String>| {
            let mut named = entries.iter().filter(|(name, _)| is_authority(name));
            named.next().map(|(_, host)| host.clone())
        };
        Self {
            authority: request.as_ref().and_then(|r| authority(&r.set).or(authority(&r.add))),
            request: changes(request.as_ref()),
            response: changes(response.as_ref()),
        }
    }

    /// These, and after them those of a destination.
    pub(crate) fn and(mut self, more: Self) -> Self {
        self.request.append(more.request);
        self.response.append(more.response);
        self.authority = self.authority.or(more.authority);
        self
    }
}

impl Changes {
    fn append(&mut self, more: Self) {
        self.add.extend(more.add);
        self.remove.extend(more.remove);
    }
}

fn is_authority(name: &str) -> bool {
    name.eq_ignore_ascii_case(":authority") || name.eq_ignore_ascii_case("host")
}

fn is_field(name: &str) -> bool {
    !name.starts_with(':') && !name.eq_ignore_ascii_case("host")
}

fn changes(written: Option<&HeaderOperations>) -> Changes {
    let Some(HeaderOperations { set, add, remove }) = written else { return Changes::default() };
    let options = |entries: &BTreeMap<String, String>, action: HeaderAppendAction| {
        let fields = entries.iter().filter(|(name, _)| is_field(name));
        let option = |(name, value): (&String, &String)| HeaderValueOption {
            header: Some(HeaderValue {
                key: name.clone(),
                value: value.clone(),
                ..HeaderValue::default()
            }),
            append_action: action.into(),
            ..HeaderValueOption::default()
        };
        fields.map(option).collect::<Vec<_>>()
    };
    let mut all = options(set, HeaderAppendAction::OverwriteIfExistsOrAdd);
    all.extend(options(add, HeaderAppendAction::AppendIfExistsOrAdd));
    Changes { add: all, remove: remove.iter().filter(|name| is_field(name)).cloned().collect() }
}
