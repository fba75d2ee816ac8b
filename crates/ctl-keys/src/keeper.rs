//! Asks every place in time, and keeps what it said.
//!
//! In: the places that are wanted. Out: [`Found`].
//! Holds: one fetch per place at a time, each a task of its own that this one owns; after keys the next fetch comes when the
//! period has passed (a tenth more or less), after a failure sooner, and sooner when a token came that none of the keys could have signed,
//! though not within [`REST`]: anybody can send such tokens. Of a row of failures the first is logged, and the end of it.
//! Never: more than the period between two tries.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use weft_rt::{Backoff, Clock, Rng};

use crate::memory::Memory;
use crate::{Found, Held, KeyText, Place, Wanted, Web, Wish, obtain};

/// First wait after a failure; it doubles up to [`LONGEST`].
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);
/// From the begin of one fetch of a place to that of the next which tokens ask for.
const REST: Duration = Duration::from_secs(10);
/// Issuers of such tokens that wait to be looked at; more of them come again.
const WAITING: usize = 64;
/// How much the period of a place differs from the others'.
const JITTER: f64 = 0.1;

/// What a keeper is made of.
pub struct Parts {
    /// Where URIs are asked for.
    pub web: Arc<dyn Web>,
    /// From one look at keys to the next.
    pub period: Duration,
    /// Where the last good keys are kept over an end.
    pub file: Option<PathBuf>,
    /// Time.
    pub clock: Clock,
    /// Chance.
    pub rng: Rng,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("period", &self.period).finish_non_exhaustive()
    }
}

/// The keys of issuers, from outside.
#[derive(Debug, Clone)]
pub struct Keys {
    wanted: Arc<watch::Sender<Wanted>>,
    unknown: mpsc::Sender<String>,
    found: watch::Receiver<Found>,
}

impl Keys {
    /// Of nobody: nothing is ever fetched.
    #[must_use]
    pub fn none() -> Self {
        let (unknown, found) = (mpsc::channel(1).0, watch::channel(Found::default()).1);
        Self { wanted: Arc::default(), unknown, found }
    }

    /// Fetches keys until told to stop.
    #[must_use]
    pub fn start(parts: Parts, stop: CancellationToken) -> Self {
        let (wanted, asked) = watch::channel(Wanted::new());
        let (told, found) = watch::channel(Found::default());
        let (unknown, met) = mpsc::channel(WAITING);
        tokio::spawn(async move {
            let keeper = Keeper::new(parts, told).run(asked, met);
            tokio::select! {
                () = stop.cancelled() => {}
                () = keeper => {}
            }
        });
        Self { wanted: Arc::new(wanted), unknown, found }
    }

    /// From now on these are wanted, and no others.
    pub fn ask(&self, wanted: Wanted) {
        self.wanted.send_if_modified(|before| {
            let other = *before != wanted;
            *before = wanted;
            other
        });
    }

    /// A token of this issuer came that none of its keys could have signed: its keys are looked at again, unless that was just done.
    pub fn look_again(&self, issuer: String) {
        if let Ok(place) = self.unknown.try_reserve() {
            place.send(issuer);
        }
    }

    /// What is known now.
    #[must_use]
    pub fn found(&self) -> Found {
        self.found.borrow().clone()
    }

    /// Waits until keys, or what is wrong with them, are other. Cancel-safe.
    pub async fn changed(&mut self) {
        if self.found.changed().await.is_err() {
            // Nobody fetches any more.
            std::future::pending::<()>().await;
        }
    }
}

type Outcome = Result<Arc<str>, String>;

#[derive(Debug)]
struct Entry {
    wish: Wish,
    held: Held,
    backoff: Backoff,
    task: AbortHandle,
    /// When the fetch before this one began.
    before: Instant,
    /// When this one begins, or has begun.
    begins: Instant,
}

struct Keeper {
    web: Arc<dyn Web>,
    period: Duration,
    memory: Option<Memory>,
    clock: Clock,
    rng: Rng,
    entries: BTreeMap<Place, Entry>,
    tasks: JoinSet<Outcome>,
    running: HashMap<Id, Place>,
    told: watch::Sender<Found>,
}

impl Keeper {
    fn new(parts: Parts, told: watch::Sender<Found>) -> Self {
        let Parts { web, period, file, clock, rng } = parts;
        Self {
            web,
            period,
            memory: file.map(Memory::new),
            clock,
            rng,
            entries: BTreeMap::new(),
            tasks: JoinSet::new(),
            running: HashMap::new(),
            told,
        }
    }

    async fn run(mut self, mut asked: watch::Receiver<Wanted>, mut met: mpsc::Receiver<String>) {
        let mut known = match &self.memory {
            Some(memory) => memory.read().await,
            None => BTreeMap::new(),
        };
        loop {
            let wanted = asked.borrow_and_update().clone();
            if !wanted.is_empty() || !self.entries.is_empty() {
                // What was known and is not wanted now is of no more use.
                self.want(wanted, &std::mem::take(&mut known));
            }
            loop {
                tokio::select! {
                    news = asked.changed() => match news {
                        Ok(()) => break,
                        Err(_nobody_asks) => return,
                    },
                    Some(ended) = self.tasks.join_next_with_id() => self.end(ended).await,
                    Some(issuer) = met.recv() => self.look_again(&issuer),
                }
            }
        }
    }

    fn want(&mut self, wanted: Wanted, known: &BTreeMap<Place, KeyText>) {
        self.entries.retain(|place, entry| {
            let stays = wanted.contains_key(place);
            if !stays {
                entry.task.abort();
            }
            stays
        });
        self.running.retain(|_, place| wanted.contains_key(place));
        let now = self.clock.now();
        for (place, wish) in wanted {
            if let Some(entry) = self.entries.get_mut(&place) {
                entry.wish = wish;
                continue;
            }
            let held = Held { keys: known.get(&place).cloned(), failure: None };
            let backoff = Backoff::new(FIRST, self.period.clamp(FIRST, LONGEST));
            let task = self.fetch(&place, Duration::ZERO, wish.patience);
            let entry = Entry { wish, held, backoff, task, before: now, begins: now };
            self.entries.insert(place, entry);
        }
        self.tell(|_| true);
    }

    /// Brings the next fetch of an issuer's keys forward; one that runs already may bring them.
    fn look_again(&mut self, issuer: &str) {
        let now = self.clock.now();
        let soonest = |entry: &Entry| now.max(entry.before + REST);
        let waits = |entry: &Entry| {
            let later = entry.begins > now && entry.begins > soonest(entry);
            later && entry.wish.issuers.contains(issuer)
        };
        let entries = self.entries.iter().filter(|(_, entry)| waits(entry));
        let sooner: Vec<(Place, Instant, Duration)> = entries
            .map(|(place, entry)| (place.clone(), soonest(entry), entry.wish.patience))
            .collect();
        for (place, begins, patience) in sooner {
            tracing::info!(%place, issuer, "a token has a key that is not known; the keys are looked at again");
            let task = self.fetch(&place, begins - now, patience);
            let Some(entry) = self.entries.get_mut(&place) else { continue };
            let other = std::mem::replace(&mut entry.task, task);
            entry.begins = begins;
            self.running.remove(&other.id());
            other.abort();
        }
    }

    /// Starts the next fetch of a place.
    fn fetch(&mut self, place: &Place, after: Duration, patience: Duration) -> AbortHandle {
        let (web, clock, asked) = (Arc::clone(&self.web), self.clock.clone(), place.clone());
        let task = self.tasks.spawn(async move {
            if !after.is_zero() {
                clock.sleep(after).await;
            }
            let fetched = clock.timeout(patience, obtain::keys(&*web, &asked)).await;
            fetched.unwrap_or_else(|_elapsed| Err(format!("no answer within {patience:?}")))
        });
        self.running.insert(task.id(), place.clone());
        task
    }

    async fn end(&mut self, ended: Result<(Id, Outcome), JoinError>) {
        let (id, outcome) = match ended {
            Ok(ended) => ended,
            Err(error) => (error.id(), Err(format!("the fetch broke off: {error}"))),
        };
        // Of one that is not wanted any more nothing is told.
        let Some(place) = self.running.remove(&id) else { return };
        let now = self.clock.wall();
        let Some(entry) = self.entries.get_mut(&place) else { return };
        let good = outcome.is_ok();
        log(&place, &entry.held, &outcome);
        let before = entry.held.keys.clone();
        let news = entry.held.take(outcome, now);
        let wait = if good {
            entry.backoff.reset();
            self.rng.jittered(self.period, JITTER)
        } else {
            entry.backoff.next(&mut self.rng)
        };
        (entry.before, entry.begins) = (entry.begins, self.clock.now() + wait);
        let (patience, keys) = (entry.wish.patience, entry.held.keys.clone());
        let task = self.fetch(&place, wait, patience);
        if let Some(entry) = self.entries.get_mut(&place) {
            entry.task = task;
        }
        self.tell(|found| {
            *if good { &mut found.fetched } else { &mut found.failed } += 1;
            news
        });
        let text = |keys: Option<KeyText>| keys.map(|keys| keys.text);
        if text(before) != text(keys)
            && let Some(memory) = &self.memory
        {
            memory.write(self.entries.iter().map(|(place, entry)| (place, &entry.held))).await;
        }
    }

    /// Tells what is known; who waits for news is woken only for some.
    fn tell(&self, news: impl FnOnce(&mut Found) -> bool) {
        let held = |(place, entry): (&Place, &Entry)| (place.clone(), entry.held.clone());
        let places = Arc::new(self.entries.iter().map(held).collect());
        self.told.send_if_modified(|found| {
            found.places = places;
            news(found)
        });
    }
}

fn log(place: &Place, before: &Held, outcome: &Outcome) {
    match (outcome, &before.failure) {
        (Err(why), None) if before.keys.is_some() => {
            tracing::warn!(%place, %why, "keys cannot be fetched; the last good ones stay");
        }
        (Err(why), None) => {
            tracing::warn!(%place, %why, "keys cannot be fetched; tokens are refused until they are");
        }
        (Ok(_), Some(_)) => tracing::info!(%place, "keys are fetched again"),
        (Err(why), Some(_)) => tracing::debug!(%place, %why, "keys still cannot be fetched"),
        (Ok(_), None) => tracing::debug!(%place, "keys were fetched"),
    }
}
