//! Tokens of users: whether a request shows the ones that it needs, and what becomes of them.
//!
//! In: rules, a request, the time. Out: [`Judged`]: the claims of a verified token or why it is denied, and changes to the request.
//! Holds: every token that stands at the places of an issuer must be valid, since nobody knows which of them an application
//! will read; a field that tells an application of claims never comes from the client.
//! Never: a clock, a fetch of keys. Source of the semantics, texts and details: Envoy's JWT authentication filter.
//! Where it differs: output fields of every issuer are removed, also of those that need not be asked.

use std::collections::BTreeSet;
use std::sync::Arc;

use proxy_config::RequestFacts;
use proxy_config::tokens::{Need, Place, Provider, Tokens};
use weft_token::{Accepted, Claim, Claims, Refusal, Token};

mod denied;
mod found;

pub use denied::{Denied, Why};
pub use found::without_parameter;

use found::{Shown, shown};

/// What tokens make of a request.
#[derive(Debug)]
pub struct Judged<'a> {
    /// Changes to it, in their order; also where it is denied.
    pub changes: Vec<Change<'a>>,
    /// Claims of the verified token, if it has one; or why it may not pass.
    pub verdict: Result<Option<Claimed<'a>>, Denied>,
    /// Issuers with a token that is theirs by all that it says, and that none of their keys could have signed: they may have a new key.
    pub unknown: Vec<&'a str>,
}

/// A change to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<'a> {
    /// Every field of this name goes.
    Remove(&'a str),
    /// Every parameter of this name goes from the query.
    RemoveParameter(&'a str),
    /// A field comes.
    Add(&'a str, String),
}

/// What a verified token claims.
#[derive(Debug, Clone)]
pub struct Claimed<'a> {
    claims: Claims,
    spaced: &'a BTreeSet<String>,
}

impl<'a> Claimed<'a> {
    /// Claims that are taken as they are said, without a token: for questions, never for requests.
    #[must_use]
    pub const fn supposed(claims: Claims, spaced: &'a BTreeSet<String>) -> Self {
        Self { claims, spaced }
    }

    /// A claim by its path.
    #[must_use]
    pub fn claim(&self, path: &[Arc<str>]) -> Option<Claim<'_>> {
        let path: Vec<&str> = path.iter().map(AsRef::as_ref).collect();
        self.claims.claim(&path, self.spaced)
    }

    /// `issuer/subject`.
    #[must_use]
    pub fn principal(&self) -> Option<String> {
        self.claims.principal()
    }
}

/// Decides on a request, at a time in seconds since 1970.
#[must_use]
pub fn decide<'a>(tokens: &'a Tokens, request: &dyn RequestFacts, now: u64) -> Judged<'a> {
    let mut changes: Vec<Change<'a>> = tokens.providers.iter().flat_map(outputs).collect();
    if tokens.passes_preflight && is_preflight(request) {
        return Judged { changes, verdict: Ok(None), unknown: Vec::new() };
    }
    let known = tokens.providers.iter().map(|_| None).collect();
    let mut judge = Judge { tokens, request, now, known };
    let valid = judge.need(&tokens.needs);
    let unknown = judge.unknown();
    let verdict = match valid {
        Err(why) => Err(Denied::new(why, request)),
        Ok(valid) => {
            let believed = valid.into_iter().filter_map(|index| judge.take(index));
            let believed: Vec<Believed<'a>> = believed.collect();
            changes.extend(believed.iter().flat_map(|one| one.removed.iter().cloned()));
            changes.extend(believed.iter().flat_map(|one| one.added.iter().cloned()));
            Ok(believed.into_iter().last().map(|one| one.claimed))
        }
    };
    Judged { changes, verdict, unknown }
}

/// Fields that say what is claimed.
fn outputs(provider: &Provider) -> impl Iterator<Item = Change<'_>> {
    let claims = provider.claim_fields.iter().map(|(name, _)| name);
    provider.payload_field.iter().chain(claims).map(|name| Change::Remove(name))
}

/// A browser asks before a request, and shows nobody's token.
fn is_preflight(request: &dyn RequestFacts) -> bool {
    let filled = |name| request.field(name).is_some_and(|value| !value.is_empty());
    request.method() == "OPTIONS" && filled("origin") && filled("access-control-request-method")
}

/// An issuer's valid tokens.
#[derive(Debug, Clone)]
struct Believed<'a> {
    claimed: Claimed<'a>,
    removed: Vec<Change<'a>>,
    added: Vec<Change<'a>>,
}

/// One request, and what is known of it so far: an issuer is asked once.
struct Judge<'a, 'r> {
    tokens: &'a Tokens,
    request: &'r dyn RequestFacts,
    now: u64,
    known: Vec<Option<Result<Believed<'a>, Why>>>,
}

impl<'a> Judge<'a, '_> {
    /// The issuers whose tokens fulfil it.
    fn need(&mut self, need: &Need) -> Result<Vec<usize>, Why> {
        match need {
            Need::Nothing => Ok(Vec::new()),
            Need::Provider(index) => self.provider(*index).map(|()| vec![*index]),
            Need::All(all) => {
                let mut found = Vec::new();
                for need in all {
                    found.extend(self.need(need)?);
                }
                Ok(found)
            }
            Need::Any(any) => self.any(any),
            // By itself it stands beside every issuer.
            Need::Missing => {
                let mut any: Vec<Need> =
                    (0..self.tokens.providers.len()).map(Need::Provider).collect();
                any.push(Need::Missing);
                self.any(&any)
            }
        }
    }

    /// The first that is fulfilled. What is wrong with a token tells more than that another issuer's is missing.
    fn any(&mut self, any: &[Need]) -> Result<Vec<usize>, Why> {
        let mut why = Why::Missing;
        for need in any.iter().filter(|need| **need != Need::Missing) {
            match self.need(need) {
                Ok(found) => return Ok(found),
                Err(one) if one.is_telling() || why == Why::Missing => why = one,
                Err(_) => {}
            }
        }
        match why {
            Why::Missing if any.contains(&Need::Missing) => Ok(Vec::new()),
            why => Err(why),
        }
    }

    fn provider(&mut self, index: usize) -> Result<(), Why> {
        let Some(provider) = self.tokens.providers.get(index) else {
            return Err(Why::Refused(Refusal::NoKeys));
        };
        let (request, now) = (self.request, self.now);
        let Some(known) = self.known.get_mut(index) else {
            return Err(Why::Refused(Refusal::NoKeys));
        };
        let known = known.get_or_insert_with(|| believe(provider, request, now));
        known.as_ref().map(|_| ()).map_err(|why| *why)
    }

    /// Issuers that have a name, and no key for a token of theirs.
    fn unknown(&self) -> Vec<&'a str> {
        let issuers = self.tokens.providers.iter().map(|provider| provider.issuer.as_str());
        let all = issuers.zip(&self.known).filter(|(issuer, known)| {
            let unknown = matches!(known, Some(Err(Why::Refused(Refusal::NoKey))));
            unknown && !issuer.is_empty()
        });
        all.map(|(issuer, _)| issuer).collect()
    }

    fn take(&mut self, index: usize) -> Option<Believed<'a>> {
        self.known.get_mut(index)?.take()?.ok()
    }
}

/// Verifies every token at the places of an issuer, the last one first; the claims are those of the first.
fn believe<'a>(
    provider: &'a Provider,
    request: &dyn RequestFacts,
    now: u64,
) -> Result<Believed<'a>, Why> {
    let all = shown(&provider.places, request);
    let (mut removed, mut added, mut claimed) = (Vec::new(), Vec::new(), None);
    // The same token twice is verified once.
    let mut known: Vec<&str> = Vec::new();
    for Shown { place, text } in all.iter().rev() {
        if !provider.forward {
            removed.extend(removal(place));
        }
        if known.contains(&text.as_str()) {
            continue;
        }
        let claims = verified(provider, text, now).map_err(Why::Refused)?;
        known.push(text);
        added.extend(told(provider, text, &claims));
        claimed = Some(Claimed { claims, spaced: &provider.spaced });
    }
    let claimed = claimed.ok_or(Why::Missing)?;
    Ok(Believed { claimed, removed, added })
}

fn verified(provider: &Provider, text: &str, now: u64) -> Result<Claims, Refusal> {
    let token = Token::read(text)?;
    let accepted = Accepted { issuer: &provider.issuer, audiences: &provider.audiences };
    match &provider.keys {
        Some(keys) => token.verify(keys, accepted, now),
        None if !provider.issuer.is_empty() && token.issuer() != Some(provider.issuer.as_str()) => {
            Err(Refusal::Issuer)
        }
        None => Err(Refusal::NoKeys),
    }
}

/// What takes a token out of a request. A cookie stays, as with Envoy.
fn removal(place: &Place) -> Option<Change<'_>> {
    match place {
        Place::Header { name, .. } => Some(Change::Remove(name)),
        Place::Param(name) => Some(Change::RemoveParameter(name)),
        Place::Cookie(_) => None,
    }
}

/// The fields that tell the application what is claimed.
fn told<'a>(provider: &'a Provider, text: &str, claims: &Claims) -> Vec<Change<'a>> {
    let payload = text.split('.').nth(1).unwrap_or_default();
    let payload = provider.payload_field.iter().map(|name| Change::Add(name, payload.to_owned()));
    let single = provider.claim_fields.iter().filter_map(|(name, path)| {
        let path: Vec<&str> = path.iter().map(AsRef::as_ref).collect();
        Some(Change::Add(name, claims.written(&path)?))
    });
    payload.chain(single).collect()
}

#[cfg(test)]
mod tests;
