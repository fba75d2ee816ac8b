//! Streams at rest, and who of them is woken for a new world.
//!
//! In: what changed from one settled world to the next. Out: a wake for each stream that may have something to send, a line in the
//! book for each other one.
//! Holds: only a stream that has sent everything, and has the proxy's word on it, is left asleep; whoever wakes by itself looks for a
//! newer world before it says anything. One that slept through [`NAPS`] worlds is woken, so that old worlds do not pile up.
//! Why not wake all: of a thousand services one changes, and most proxies do not know it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;
use weft_proto::type_url;
use weft_xds::{Changes, Session};

use crate::ledger::Line;
use crate::world::Published;
use crate::{ProxyNode, World};

/// Worlds that a stream may sleep through.
const NAPS: u8 = 16;

/// What a stream shares with whoever wakes it.
#[derive(Debug)]
pub(crate) struct Sleeper {
    pub(crate) proxy: ProxyNode,
    pub(crate) line: Line,
    wake: Notify,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    session: Session,
    /// Set while it rests: worlds that it has slept through.
    naps: Option<u8>,
}

impl Sleeper {
    /// One that is awake.
    pub(crate) fn new(proxy: ProxyNode, line: Line, session: Session) -> Arc<Self> {
        let state = Mutex::new(State { session, naps: None });
        Arc::new(Self { proxy, line, wake: Notify::new(), state })
    }

    /// Looks at the session, or does something with it that gives the proxy nothing to answer.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Session) -> T) -> T {
        act(&mut self.lock().session)
    }

    /// The same, and it is awake from now on.
    pub(crate) fn awake<T>(&self, act: impl FnOnce(&mut Session) -> T) -> T {
        let mut state = self.lock();
        state.naps = None;
        act(&mut state.session)
    }

    /// It rests, when it `may`: asked under the lock that a world takes to wake it, so that none comes between.
    pub(crate) fn rest(&self, may: impl FnOnce() -> bool) {
        let mut state = self.lock();
        state.naps = may().then_some(0);
    }

    /// Waits for a world that may concern it. Cancel-safe.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Leaves it asleep, with a line in the book, when none of `changed` is for it.
    fn stays(&self, revision: u64, changed: &Changes) -> bool {
        let mut state = self.lock();
        let State { session, naps } = &mut *state;
        let Some(count) = naps.as_mut().filter(|count| **count < NAPS) else { return false };
        if session.wants_any(type_url::ENDPOINTS, changed) {
            return false;
        }
        *count += 1;
        // Under the same lock, so that the book cannot say so of a stream that woke meanwhile.
        self.line.passed(revision);
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every stream, for as long as it lives. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sleepers(Arc<Mutex<Vec<Weak<Sleeper>>>>);

impl Sleepers {
    pub(crate) fn enter(&self, sleeper: &Arc<Sleeper>) {
        let mut all = self.lock();
        if all.len() == all.capacity() {
            all.retain(|one| one.strong_count() > 0);
        }
        all.push(Arc::downgrade(sleeper));
    }

    /// Wakes whoever may have something to send of a world that has just become the settled one.
    pub(crate) fn wake<W: World>(&self, before: Option<&Published<W>>, now: &Published<W>) {
        let changed = before.and_then(|before| now.world.changed_endpoints(&before.world));
        let known = before.zip(changed);
        let all: Vec<_> = self.lock().iter().filter_map(Weak::upgrade).collect();
        for sleeper in all {
            let stays = known.as_ref().is_some_and(|(before, changed)| {
                now.world.same_pod(&before.world, &sleeper.proxy)
                    && sleeper.stays(now.revision, changed)
            });
            if !stays {
                sleeper.wake.notify_one();
            }
        }
    }

    /// Wakes everybody.
    pub(crate) fn wake_all(&self) {
        self.lock().iter().filter_map(Weak::upgrade).for_each(|one| one.wake.notify_one());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Sleeper>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
