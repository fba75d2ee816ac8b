//! Admission webhooks of users: who is asked about a write, and what becomes of the answers.
//!
//! In: a write, and the webhook configurations in the store. Out: the object as webhooks changed it, warnings, or a refusal.
//! Holds: mutating ones are asked one after the other in the order of their names, validating ones all at once; a webhook
//! that cannot be asked refuses the write, unless its `failurePolicy` is `Ignore`; nobody is asked about webhooks themselves.
//! Never: an answer that was not asked for, a redirect, or a server without a certificate under the `caBundle`.

mod call;
mod check;
mod hook;
mod place;
mod review;

use std::sync::Arc;

use ctl_store::{Collection, Store};
use serde_json::Value;
use tokio::task::JoinSet;
use weft_rt::Clock;

use crate::admission::Warning;
use crate::fault::Fault;
use crate::kind::Kind;
use crate::user::User;
use call::Call;
pub(crate) use check::{defaults, problems};
use hook::Hook;
use review::Verdict;

/// The group of the configurations.
pub(crate) const GROUP: &str = "admissionregistration.k8s.io";

/// One write, as webhooks are told of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// `CREATE`, `UPDATE` or `DELETE`.
    pub(crate) operation: &'static str,
    pub(crate) kind: &'a Kind,
    /// The version that was written.
    pub(crate) version: &'a str,
    /// `status`, `scale`, or empty.
    pub(crate) subresource: &'static str,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) namespace_labels: &'a Value,
    pub(crate) user: &'a User,
    pub(crate) dry_run: bool,
}

/// The object and the one before; null where there is none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Objects<'a> {
    pub(crate) new: &'a Value,
    pub(crate) old: &'a Value,
}

/// Asks webhooks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Webhooks<'a> {
    pub(crate) store: &'a Store,
    pub(crate) clock: &'a Clock,
}

impl Webhooks<'_> {
    /// Lets the mutating webhooks change the object; whether one did.
    pub(crate) async fn mutate(
        &self,
        asked: &Asked<'_>,
        object: &mut Value,
        old: &Value,
    ) -> Result<(bool, Vec<Warning>), Fault> {
        let hooks = self.hooks("mutatingwebhookconfigurations", asked);
        let (mut warnings, mut changed) = (Vec::new(), vec![false; hooks.len()]);
        for (at, hook) in hooks.iter().enumerate() {
            changed[at] = self.mutate_by(hook, asked, object, old, &mut warnings).await?;
        }
        let last = changed.iter().rposition(|changed| *changed);
        // Who asked for it looks once more at what others made of the object after it.
        for (at, hook) in hooks.iter().enumerate().filter(|(_, hook)| hook.looks_again()) {
            if last.is_some_and(|last| at < last) {
                self.mutate_by(hook, asked, object, old, &mut warnings).await?;
            }
        }
        Ok((last.is_some(), warnings))
    }

    async fn mutate_by(
        &self,
        hook: &Hook,
        asked: &Asked<'_>,
        object: &mut Value,
        old: &Value,
        warnings: &mut Vec<Warning>,
    ) -> Result<bool, Fault> {
        let call = self.prepare(hook, asked, Objects { new: object, old })?;
        let Some(call) = call else { return Ok(false) };
        let answer = call.ask(self.clock).await;
        let verdict = answer.and_then(|answer| review::read(&answer, &call.uid));
        let verdict = verdict.and_then(|verdict| verdict.applied(object));
        let Some(verdict) = met(hook, verdict)? else { return Ok(false) };
        warnings.extend(verdict.allowed(hook.name())?);
        let changed = verdict.changed.filter(|changed| changed != object);
        Ok(changed.map(|changed| *object = changed).is_some())
    }

    /// Lets the validating webhooks judge the object.
    pub(crate) async fn validate(
        &self,
        asked: &Asked<'_>,
        objects: Objects<'_>,
    ) -> Result<Vec<Warning>, Fault> {
        let mut asking = JoinSet::new();
        for hook in self.hooks("validatingwebhookconfigurations", asked) {
            let Some(call) = self.prepare(&hook, asked, objects)? else { continue };
            let clock = self.clock.clone();
            asking.spawn(async move {
                let answer = call.ask(&clock).await;
                (hook, answer.and_then(|answer| review::read(&answer, &call.uid)))
            });
        }
        let mut warnings = Vec::new();
        while let Some(ended) = asking.join_next().await {
            let (hook, verdict) = ended
                .map_err(|error| Fault::internal(format!("a webhook was not asked: {error}")))?;
            if let Some(verdict) = met(&hook, verdict)? {
                warnings.extend(verdict.allowed(hook.name())?);
            }
        }
        Ok(warnings)
    }

    /// Every webhook of a collection that the rules name for this write, in the order of its configurations' names.
    fn hooks(&self, plural: &str, asked: &Asked<'_>) -> Vec<Hook> {
        if asked.kind.group == GROUP {
            return Vec::new();
        }
        let collection = Collection { group: GROUP.to_owned(), plural: plural.to_owned() };
        let found = self.store.list(&collection, None).objects;
        let each = |configuration: &Arc<Value>| {
            let many = configuration["webhooks"].as_array().map_or(0, Vec::len);
            let configuration = Arc::clone(configuration);
            (0..many).map(move |at| Hook::new(Arc::clone(&configuration), at))
        };
        found.iter().flat_map(each).filter(|hook| hook.version(asked).is_some()).collect()
    }

    /// The call to be made; none when selectors or conditions leave this write out.
    fn prepare(
        &self,
        hook: &Hook,
        asked: &Asked<'_>,
        objects: Objects<'_>,
    ) -> Result<Option<Call>, Fault> {
        let Some(version) = hook.version(asked).filter(|_| hook.selects(asked, objects)) else {
            return Ok(None);
        };
        let request = review::request(asked, version, objects);
        let wanted = met(hook, hook.wants(&request, objects))?;
        if wanted != Some(true) {
            return Ok(None);
        }
        if asked.dry_run && !hook.is_harmless() {
            return Err(Fault::bad(format!(
                "webhook {:?} may have effects elsewhere (sideEffects), so nothing can be tried without doing it",
                hook.name()
            )));
        }
        let place = place::of(hook.client(), self.store);
        let request = review::with_objects(request, asked, version, objects);
        Ok(Some(Call::new(place, request, hook.patience())))
    }
}

/// A webhook that could not be asked: refuses the write, or is passed over.
fn met<T>(hook: &Hook, outcome: Result<T, String>) -> Result<Option<T>, Fault> {
    match outcome {
        Ok(answer) => Ok(Some(answer)),
        Err(why) if hook.may_fail() => {
            tracing::warn!(webhook = hook.name(), %why, "passed over, as its failurePolicy says");
            Ok(None)
        }
        Err(why) => Err(Fault::internal(format!(
            "webhook {:?} of {} could not be asked: {why}; mend it, or set its failurePolicy to Ignore",
            hook.name(),
            hook.configuration()
        ))),
    }
}

impl Verdict {
    /// The warnings of a webhook that lets the write pass, else its refusal.
    fn allowed(&self, webhook: &str) -> Result<Vec<Warning>, Fault> {
        match &self.refusal {
            None => Ok(self.warnings.clone()),
            Some((code, why)) => Err(Fault::denied(*code, webhook, why)),
        }
    }
}

#[cfg(test)]
mod tests;
