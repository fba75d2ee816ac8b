//! Rules of who is asked and told by HTTP.

use weft_api::flagger::analysis::Webhook;

use super::{duration, url};
use crate::check::Findings;

pub(super) fn check(spec: &Webhook, findings: &mut Findings) {
    let Webhook {
        name: _,
        kind: _,
        mute_alert: _,
        url: address,
        timeout,
        retries: _,
        disable_tls: _,
        metadata: _,
    } = spec;
    url("url", address, findings);
    if let Some(timeout) = timeout {
        duration("timeout", timeout, findings);
    }
}
