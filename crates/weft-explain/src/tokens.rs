//! The tokens of a call: whose is believed, or why none is.
//! In: rules, a call. Out: a step, and the claims for the rules that follow. Holds: a token is verified as the proxy does it; claims that
//! the call is only supposed to have are told as such.

use std::sync::Arc;

use proxy_config::tokens::Tokens;
use proxy_filter::tokens::{Change, Claimed, Denied, Judged, Why, decide, without_parameter};
use weft_token::{Claims, Refusal};

use crate::Outcome;
use crate::facts::Request;
use crate::walk::Walk;

impl<'a> Walk<'a> {
    /// Whether its tokens let it pass; makes the changes that their rules want.
    pub(crate) fn verified(&mut self, rules: &'a Arc<Tokens>, request: &mut Request<'a>) -> bool {
        let now = self.call.at.unwrap_or(u64::MAX);
        let Judged { changes, verdict, unknown: _ } = decide(rules, request, now);
        for change in changes {
            match change {
                Change::Remove(gone) => request.fields.retain(|(name, _)| name != gone),
                Change::RemoveParameter(name) => {
                    request.path = without_parameter(&request.path, name);
                }
                Change::Add(name, value) => request.fields.push((name.to_owned(), value)),
            }
        }
        let shows_none = match &verdict {
            Ok(claimed) => claimed.is_none(),
            Err(denied) => denied.why == Why::Missing,
        };
        let verdict = if shows_none && !self.call.claims.is_empty() {
            self.supposed(rules, request)
        } else {
            verdict
        };
        match verdict {
            Err(denied) => {
                self.answer.status = Some(denied.status());
                let why = format!("{}: {}", denied.status(), denied.why.words());
                self.end(Outcome::Denied, "token", why);
                return false;
            }
            Ok(None) => self.step("token", "the request shows no token, and needs none"),
            Ok(Some(claimed)) => {
                let whose = claimed.principal();
                let whose = whose.as_deref().unwrap_or("somebody without a subject");
                self.step("token", format!("a valid token says that it is of {whose}"));
                self.answer.request_principal = claimed.principal();
                request.claimed = Some(claimed);
            }
        }
        true
    }

    /// What a token with the call's claims would be: one of an issuer of the rules, or refused.
    fn supposed(
        &mut self,
        rules: &'a Tokens,
        request: &Request<'_>,
    ) -> Result<Option<Claimed<'a>>, Denied> {
        let claims = Claims::supposed(self.call.claims.clone());
        let issuer = claims.text("iss").unwrap_or_default();
        let known = rules.providers.iter().find(|one| [issuer, ""].contains(&one.issuer.as_str()));
        let Some(provider) = known else {
            return Err(Denied::new(Why::Refused(Refusal::Issuer), request));
        };
        self.step("token", "the claims of the question are taken for those of a valid token");
        Ok(Some(Claimed::supposed(claims, &provider.spaced)))
    }
}
