//! What limits the rate of a request.
//!
//! In: a limit. Out: a step. Holds: how many requests there were is not known, so that none is refused by an explanation.

use std::net::{IpAddr, Ipv4Addr};

use proxy_config::limit::{Bucket, Limit};
use proxy_config::matcher::Fraction;
use proxy_filter::limit::{descriptions, kinds};

use crate::facts::Request;
use crate::walk::Walk;

/// A client of whom the call does not say where it is.
const SOMEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

impl Walk<'_> {
    /// Tells of a limit that a request may meet.
    pub(crate) fn limited(&mut self, limit: &Limit, request: &Request<'_>) {
        if limit.enabled == Fraction(0) {
            return;
        }
        let said = descriptions(limit, request, SOMEWHERE);
        let own = kinds(limit, &said);
        let mut rates: Vec<String> = own
            .iter()
            .map(|(_, kind, values)| match values.is_empty() {
                true => rate(&kind.bucket),
                false => format!("{} for {}", rate(&kind.bucket), values.join(", ")),
            })
            .collect();
        let for_all = limit.bucket.filter(|_| limit.both || own.is_empty());
        rates.extend(for_all.as_ref().map(rate));
        if rates.is_empty() {
            return;
        }
        let then = match (limit.enforced, limit.enabled) {
            (Fraction(0), _) => "what is beyond it is counted, and goes on".to_owned(),
            (Fraction::ALWAYS, Fraction::ALWAYS) => {
                format!("what is beyond it gets {}", limit.status)
            }
            _ => format!("a part of what is beyond it gets {}", limit.status),
        };
        let why = format!("may be limited by {}: {}; {then}", limit.name, rates.join(", and "));
        self.step("limit", why);
    }
}

fn rate(bucket: &Bucket) -> String {
    let Bucket { most, fill, every } = bucket;
    let at_once = if most == fill { String::new() } else { format!(", {most} at once") };
    format!("{fill} per {every:?}{at_once}")
}
