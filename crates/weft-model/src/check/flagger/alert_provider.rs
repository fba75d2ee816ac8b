//! Rules of `AlertProvider`.

use weft_api::flagger::alert_provider::AlertProvider;
use weft_api::meta::Metadata;

use super::url;
use crate::check::{Findings, union};

pub(super) fn check(_: &Metadata, spec: &AlertProvider, findings: &mut Findings) {
    let AlertProvider { kind: _, channel: _, username: _, address, proxy, secret_ref } = spec;
    let ways = [("address", !address.is_empty()), ("secretRef", secret_ref.is_some())];
    union::exactly_one(&ways, findings);
    url("address", address, findings);
    url("proxy", proxy, findings);
}
