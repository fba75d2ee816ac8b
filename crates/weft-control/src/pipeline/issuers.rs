//! Keys of issuers on the configuration walk: which are wanted, and rules for tokens with the keys in them.
//!
//! In: a model, and what was fetched. Out: the same model with keys in place of the addresses of keys, and what rules lack.
//! Holds: an object whose keys did not change stays the same allocation, so that keys of one issuer make nothing of others anew.
//! A rule without keys gets none, so that its tokens are refused.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ctl_keys::{Found, Held, Keys, Place, Wanted, Wish};
use ctl_status::Obstacle;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use weft_model::api::request_authentication::{JwtRule, RequestAuthentication};
use weft_model::{MeshModel, Object, Touched};

use super::raw::Name;

/// The kind that names issuers.
pub(crate) const KIND: &str = "RequestAuthentication";
/// Of a rule that says nothing, as in Istio.
const PATIENCE: Duration = Duration::from_secs(5);

/// Keys of issuers.
#[derive(Debug)]
pub(super) struct Issuers {
    keys: Keys,
    /// Objects that some keys are fetched for.
    filled: HashMap<Name, Filled>,
}

/// An object with keys in it.
#[derive(Debug)]
struct Filled {
    of: Arc<Object<RequestAuthentication>>,
    /// Of each rule, where they are fetched.
    places: Vec<Option<Place>>,
    keys: Vec<Option<Arc<str>>>,
    made: Arc<Object<RequestAuthentication>>,
}

impl Issuers {
    pub(super) fn new(keys: Keys) -> Self {
        Self { keys, filled: HashMap::new() }
    }

    /// Waits until keys, or what is wrong with them, are other. Cancel-safe.
    pub(super) async fn changed(&mut self) {
        self.keys.changed().await;
    }

    /// Puts keys into a model, and asks for those that it needs.
    pub(super) fn fill(&mut self, model: &mut MeshModel) -> Touched {
        let (found, mut wanted) = (self.keys.found(), Wanted::new());
        let mut before = std::mem::take(&mut self.filled);
        let mut touched = Touched::Nothing;
        for object in &mut model.request_authentications {
            let rules = &object.spec.jwt_rules;
            let places: Vec<Option<Place>> = rules.iter().map(place).collect();
            if places.iter().all(Option::is_none) {
                continue;
            }
            for (rule, place) in rules.iter().zip(&places) {
                let Some(place) = place else { continue };
                let Wish { patience, issuers } = wanted.entry(place.clone()).or_default();
                *patience = (*patience).max(rule.timeout.map_or(PATIENCE, |span| span.0));
                issuers.insert(rule.issuer.clone());
            }
            let keys: Vec<Option<Arc<str>>> =
                places.iter().map(|place| found.keys(place.as_ref()?).cloned()).collect();
            let name = (object.meta.namespace.clone(), object.meta.name.clone());
            let known = before.remove(&name);
            let known = known.filter(|known| Arc::ptr_eq(&known.of, object) && known.keys == keys);
            let filled = known.unwrap_or_else(|| {
                touched = Touched::Config;
                Filled { made: Arc::new(with(object, &keys)), of: Arc::clone(object), places, keys }
            });
            *object = Arc::clone(&filled.made);
            self.filled.insert(name, filled);
        }
        self.keys.ask(wanted);
        touched
    }

    /// What objects lack of keys; nothing in place of a list while a first fetch runs.
    pub(super) fn obstacles(&self) -> HashMap<Name, Option<Vec<Obstacle>>> {
        let found = self.keys.found();
        let of = |(name, filled): (&Name, &Filled)| (name.clone(), filled.obstacles(&found));
        self.filled.iter().map(of).collect()
    }
}

/// Where the keys of a rule are to be fetched.
pub(crate) fn place(rule: &JwtRule) -> Option<Place> {
    let uri = rule.jwks_uri.as_ref().or(rule.jwks_uri_old.as_ref());
    match (&rule.jwks, uri) {
        (Some(_), _) => None,
        (None, Some(uri)) => Some(Place::Uri(uri.clone())),
        // Stands for a rule that cannot be read.
        (None, None) if rule.issuer.is_empty() => None,
        (None, None) => Some(Place::Issuer(rule.issuer.clone())),
    }
}

fn with(
    object: &Object<RequestAuthentication>,
    keys: &[Option<Arc<str>>],
) -> Object<RequestAuthentication> {
    let mut made = object.clone();
    for (rule, keys) in made.spec.jwt_rules.iter_mut().zip(keys) {
        if let Some(keys) = keys {
            rule.jwks = Some(keys.to_string());
        }
    }
    made
}

impl Filled {
    fn obstacles(&self, found: &Found) -> Option<Vec<Obstacle>> {
        let mut all = Vec::new();
        // Nothing acts when no rule accepts any token.
        let mut whole = true;
        for (at, (rule, place)) in self.of.spec.jwt_rules.iter().zip(&self.places).enumerate() {
            let Some(place) = place else {
                whole = false;
                continue;
            };
            let held = found.places.get(place)?;
            if held.keys.is_none() && held.failure.is_none() {
                return None;
            }
            whole &= held.keys.is_none();
            all.extend(obstacle(at, rule, place, held));
        }
        all.iter_mut().for_each(|obstacle| obstacle.whole = whole);
        Some(all)
    }
}

fn obstacle(at: usize, rule: &JwtRule, place: &Place, held: &Held) -> Option<Obstacle> {
    let failure = held.failure.as_ref()?;
    let field = match place {
        Place::Uri(_) => "jwksUri",
        Place::Issuer(_) => "issuer",
    };
    let (reason, meanwhile) = match &held.keys {
        None => ("KeysMissing", "its tokens are refused until then".to_owned()),
        Some(keys) => ("KeysStale", format!("those of {} still count", moment(keys.confirmed))),
    };
    let message = format!(
        "spec.jwtRules[{at}].{field}: since {} the keys of issuer {:?} cannot be fetched from {place}: {}; {meanwhile}; \
         make it answer with a JSON web key set, or write the keys as jwks",
        moment(failure.since),
        rule.issuer,
        failure.why
    );
    Some(Obstacle { reason, message, whole: false })
}

/// To the second, as other times in a status are.
fn moment(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time);
    let whole = time.replace_nanosecond(0).unwrap_or(time);
    whole.format(&Rfc3339).unwrap_or_else(|_| whole.to_string())
}

#[cfg(test)]
mod tests;
