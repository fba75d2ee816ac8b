//! Goes over from one authority to another: looks at what is wanted, and takes one phase after the other.
//!
//! In: the Secret and the folder as they are, orders, the pods that exist. Out: who signs and what is trusted, written down
//! before it counts.
//! Holds: an authority that cannot be used changes nothing and is told once; what serves survives any end in any phase.
//! Why it is asked again and again instead of told: a folder is changed by hands, and a phase ends by the passing of time.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::json;
use weft_admin_api::ca::Phase;

use crate::authority::unix;
use crate::kept::{first, kept, save};
use crate::live::Live;
use crate::material::{Material, Signer, fingerprint};
use crate::phase::State;
use crate::{Ca, CaError, Serving, files};

/// The certificates that live.
const LIVE: &str = "live.json";
/// How errors call the Secret.
pub const SECRET: &str = "Secret istio-system/cacerts";
/// How long everybody must have been done before the next phase: an agent hands to its Envoy what it has acknowledged.
pub(crate) const SETTLE: Duration = Duration::from_secs(5);

/// What the world says.
#[derive(Debug, Default)]
pub struct Seen {
    /// The Secret `cacerts`, when there is one.
    pub secret: Option<Result<Material, CaError>>,
    /// Name of the newest order to rotate; empty for none.
    pub rotate: String,
    /// Name of the newest order to finish a rotation; empty for none.
    pub finish: String,
    /// All pods as `POD.NAMESPACE`, when somebody looked.
    pub pods: Option<BTreeSet<String>>,
}

/// All that the authority remembers.
pub(crate) struct Memory {
    pub(crate) state: State,
    live: Live,
    /// `live` is newer than its file.
    unsaved: bool,
    /// Why what is wanted cannot be.
    pub(crate) problem: Option<String>,
    /// Since when nobody is waited for.
    done_since: Option<SystemTime>,
    /// Whether the Secret counts.
    pub(crate) by_secret: bool,
}

/// A memory, and what serves by it.
pub(crate) struct Kept {
    pub(crate) memory: Memory,
    pub(crate) serving: Serving,
}

impl Memory {
    /// Reads what was written down; else what is in the folder; else makes a root.
    pub(crate) fn open(folder: &Path, now: SystemTime) -> Result<Kept, CaError> {
        let (state, signer) = match kept(folder, now)? {
            Some(kept) => kept,
            None => first(folder, now)?,
        };
        let live = files::text(&folder.join(LIVE))?;
        let live = live.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let serving = serving(&state, Arc::new(signer));
        let (unsaved, problem, done_since, by_secret) = (false, None, None, false);
        let memory = Self { state, live, unsaved, problem, done_since, by_secret };
        Ok(Kept { memory, serving })
    }

    pub(crate) const fn live(&self) -> &Live {
        &self.live
    }

    pub(crate) const fn live_mut(&mut self) -> &mut Live {
        self.unsaved = true;
        &mut self.live
    }

    /// Why a rotation cannot begin now.
    pub(crate) fn cannot_rotate(&self) -> Option<String> {
        let phase = self.state.phase;
        if phase != Phase::Steady {
            return Some(format!("a change is under way (phase {})", phase.as_str()));
        }
        if self.by_secret {
            return Some(format!("the authority is yours: replace {SECRET}, and it is taken over"));
        }
        (!self.state.signer.is_self_made()).then(|| {
            "the authority is yours: replace the four files in the state folder's ca/, and they are taken over".into()
        })
    }

    /// Takes note of why something cannot be used; told when it is new.
    fn judge(&mut self, problem: Option<String>) {
        if let Some(why) = problem.as_ref().filter(|_| problem != self.problem) {
            tracing::error!(why, "certificate authority refused; the last good one signs on");
        }
        self.problem = problem;
    }

    /// Whom the phase waits for.
    pub(crate) fn waiting(&self, anchor: &str) -> Box<dyn Iterator<Item = &str> + '_> {
        match self.state.phase {
            Phase::Steady => Box::new(std::iter::empty()),
            Phase::Trusting => Box::new(self.live.behind(self.state.version)),
            Phase::Renewing => {
                let anchor = anchor.to_owned();
                let outside: Vec<_> = self.live.outside(&anchor).collect();
                Box::new(outside.into_iter())
            }
        }
    }
}

impl Ca {
    /// Takes in what the world says, and the next phase when its time has come.
    pub fn step(&self, seen: Seen) {
        let (now, serving) = (self.clock.wall(), self.serving());
        let mut memory = self.memory();
        let Seen { secret, rotate, finish, pods } = seen;
        memory.unsaved |= memory.live.forget(unix(now), pods.as_ref());
        memory.by_secret = secret.is_some();
        let wanted = secret.unwrap_or_else(|| {
            files::read(&self.folder)
                .map(|own| own.unwrap_or_else(|| memory.state.target().clone()))
        });
        let mut state = memory.state.clone();
        want(&mut memory, &mut state, wanted, now);
        let made = obey(&memory, &mut state, rotate, now);
        if !finish.is_empty() && finish != state.finish {
            finish_now(&memory, &mut state, finish, unix(now), &serving.anchor);
        }
        if state == memory.state {
            advance(&mut memory, &mut state, &serving.anchor, now);
        }
        if state != memory.state {
            self.adopt(&mut memory, state, made, now);
        }
        let unsaved = std::mem::take(&mut memory.unsaved);
        let text = unsaved.then(|| json!(memory.live).to_string());
        drop(memory);
        if let Some(Err(error)) = text.map(|text| files::replace(&self.folder.join(LIVE), &text)) {
            tracing::warn!(%error, "the list of live certificates is not kept");
        }
    }

    /// Writes a state down, then lets it count.
    fn adopt(&self, memory: &mut Memory, state: State, made: Option<Material>, now: SystemTime) {
        let signer = if state.signer == memory.state.signer {
            Ok(Arc::clone(&self.serving().signer))
        } else {
            Signer::try_new(&state.signer, "the next authority", now).map(Arc::new)
        };
        let kept = signer.and_then(|signer| save(&self.folder, &state).map(|()| signer));
        // The folder says what is wanted; it follows what is written down, so that an end between them is mended.
        let kept = kept.and_then(|signer| {
            made.map_or(Ok(()), |made| files::write(&self.folder, &made)).map(|()| signer)
        });
        match kept {
            Ok(signer) => {
                let (phase, version) = (state.phase.as_str(), state.version);
                tracing::info!(
                    phase,
                    version,
                    signer = signer.facts.subject,
                    "certificate authority"
                );
                self.serving.send_replace(Arc::new(serving(&state, signer)));
                memory.state = state;
                memory.done_since = None;
            }
            Err(error) => tracing::error!(%error, "the authority stays as it is"),
        }
    }
}

/// Begins to go over to what is wanted, when that is something else and can be used.
fn want(
    memory: &mut Memory,
    state: &mut State,
    wanted: Result<Material, CaError>,
    now: SystemTime,
) {
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err(error) => return memory.judge(Some(error.to_string())),
    };
    if wanted == *state.target() {
        return memory.judge(None);
    }
    // One change at a time: what is wanted now is still wanted when the former has ended.
    if state.phase == Phase::Renewing {
        return;
    }
    let place = if memory.by_secret { SECRET } else { "the folder ca of the state" };
    match Signer::try_new(&wanted, place, now) {
        Ok(_) => {
            memory.judge(None);
            state.begin(wanted, unix(now));
        }
        Err(error) => memory.judge(Some(error.to_string())),
    }
}

/// Makes the root that an order asks for.
fn obey(memory: &Memory, state: &mut State, order: String, now: SystemTime) -> Option<Material> {
    if order.is_empty() || order == state.rotate {
        return None;
    }
    state.rotate = order;
    let begun = (state.phase != Phase::Steady).then(|| "another change has just begun".to_owned());
    state.refused = memory.cannot_rotate().or(begun);
    if state.refused.is_some() {
        return None;
    }
    match files::make(now) {
        Ok(made) => {
            state.begin(made.clone(), unix(now));
            Some(made)
        }
        Err(error) => {
            state.refused = Some(error.to_string());
            None
        }
    }
}

/// Ends a change whoever is left behind.
fn finish_now(memory: &Memory, state: &mut State, order: String, now: u64, anchor: &str) {
    state.finish = order;
    if state.phase == Phase::Steady {
        return;
    }
    let left_behind = memory.waiting(anchor).count();
    tracing::warn!(left_behind, "a change of the authority is ended by order");
    state.switch(now);
    state.end(now);
}

fn advance(memory: &mut Memory, state: &mut State, anchor: &str, now: SystemTime) {
    if state.phase == Phase::Steady || memory.waiting(anchor).next().is_some() {
        memory.done_since = None;
        return;
    }
    let since = *memory.done_since.get_or_insert(now);
    // A clock that was set back only makes the wait longer.
    if now.duration_since(since).unwrap_or_default() < SETTLE {
        return;
    }
    match state.phase {
        Phase::Trusting => state.switch(unix(now)),
        Phase::Steady | Phase::Renewing => state.end(unix(now)),
    }
}

fn serving(state: &State, signer: Arc<Signer>) -> Serving {
    Serving {
        anchor: fingerprint(&signer.anchor),
        signer,
        bundle: state.roots().concat(),
        trusted: state.roots().iter().map(|pem| fingerprint(pem)).collect(),
        version: state.version,
        renewing: state.phase == Phase::Renewing,
    }
}
