//! Time as a value that is handed in.
//!
//! In: nothing, or a [`FakeTime`] that a test moves. Out: `now`, wall time and sleeping.
//! Holds: a fake clock never moves by itself; sleepers wake in order of their deadlines.
//! Never: time zones, formatting.
//! Why not only tokio's paused time: it is per runtime and needs a test feature; a fake clock crosses threads and
//! runtimes. Where a whole runtime is paused (weft-sim), [`Clock::of_runtime`] goes with it.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::oneshot;

/// The deadline passed before the future ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed;

impl std::fmt::Display for Elapsed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("deadline passed")
    }
}

impl std::error::Error for Elapsed {}

/// A source of time. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    kind: Kind,
}

#[derive(Debug, Clone, Default)]
enum Kind {
    #[default]
    Real,
    Runtime {
        origin: Instant,
    },
    Fake(FakeTime),
}

/// Where the wall clocks begin that are not the machine's.
const MADE_UP: Duration = Duration::from_secs(1_800_000_000);

impl Clock {
    /// The machine's clocks and tokio's timers.
    #[must_use]
    pub const fn real() -> Self {
        Self { kind: Kind::Real }
    }

    /// The time of the runtime that this is called in, which a simulator may have paused; its wall clock begins at a
    /// fixed date.
    #[must_use]
    pub fn of_runtime() -> Self {
        Self { kind: Kind::Runtime { origin: runtime_now() } }
    }

    /// A clock that stands still until [`FakeTime::advance`].
    #[must_use]
    pub fn fake() -> (Self, FakeTime) {
        let time = FakeTime::new();
        (Self { kind: Kind::Fake(time.clone()) }, time)
    }

    /// Monotonic time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place where time enters")]
    pub fn now(&self) -> Instant {
        match &self.kind {
            Kind::Real => Instant::now(),
            Kind::Runtime { .. } => runtime_now(),
            Kind::Fake(time) => time.lock().now,
        }
    }

    /// Wall-clock time, for certificates, logs and tokens.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place where time enters")]
    pub fn wall(&self) -> SystemTime {
        match &self.kind {
            Kind::Real => SystemTime::now(),
            Kind::Runtime { origin } => {
                SystemTime::UNIX_EPOCH + MADE_UP + runtime_now().saturating_duration_since(*origin)
            }
            Kind::Fake(time) => time.lock().wall,
        }
    }

    /// Wakes after `duration`.
    pub async fn sleep(&self, duration: Duration) {
        match &self.kind {
            Kind::Real | Kind::Runtime { .. } => tokio::time::sleep(duration).await,
            Kind::Fake(time) => time.sleep_until(self.now() + duration).await,
        }
    }

    /// Wakes at `deadline`, at once when it is past.
    pub async fn sleep_until(&self, deadline: Instant) {
        match &self.kind {
            Kind::Real | Kind::Runtime { .. } => tokio::time::sleep_until(deadline.into()).await,
            Kind::Fake(time) => time.sleep_until(deadline).await,
        }
    }

    /// Runs `future` for at most `limit`.
    ///
    /// # Errors
    /// [`Elapsed`] when the limit is reached first; the future is dropped.
    pub async fn timeout<F: Future>(
        &self,
        limit: Duration,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        tokio::select! {
            biased;
            output = future => Ok(output),
            () = self.sleep(limit) => Err(Elapsed),
        }
    }
}

fn runtime_now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The hand that moves a fake [`Clock`].
#[derive(Debug, Clone)]
pub struct FakeTime {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    now: Instant,
    wall: SystemTime,
    sleepers: Vec<(Instant, oneshot::Sender<()>)>,
}

impl FakeTime {
    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant has no other origin; only differences are used"
    )]
    fn new() -> Self {
        let wall = SystemTime::UNIX_EPOCH + MADE_UP;
        let state = State { now: Instant::now(), wall, sleepers: Vec::new() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Moves time forward and wakes every sleeper whose deadline has come, earliest first.
    pub fn advance(&self, by: Duration) {
        let mut state = self.lock();
        state.now += by;
        state.wall += by;
        let now = state.now;
        let (mut due, later): (Vec<_>, Vec<_>) =
            state.sleepers.drain(..).partition(|(deadline, _)| *deadline <= now);
        state.sleepers = later;
        drop(state);
        due.sort_by_key(|(deadline, _)| *deadline);
        for (_, waker) in due {
            // A sleeper that was cancelled has dropped its end; nothing is lost.
            waker.send(()).ok();
        }
    }

    /// How many sleepers wait; a test polls this before it advances.
    #[must_use]
    pub fn sleepers(&self) -> usize {
        self.lock().sleepers.iter().filter(|(_, waker)| !waker.is_closed()).count()
    }

    async fn sleep_until(&self, deadline: Instant) {
        let (waker, wake) = oneshot::channel();
        {
            let mut state = self.lock();
            if deadline <= state.now {
                return;
            }
            state.sleepers.push((deadline, waker));
        }
        wake.await.ok();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_fake_clock_moves_only_when_told() {
        let (clock, time) = Clock::fake();
        let before = clock.now();
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.timeout(Duration::from_secs(5), std::future::pending::<()>()).await }
        });
        while time.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
        time.advance(Duration::from_secs(4));
        assert_eq!(time.sleepers(), 1);
        time.advance(Duration::from_secs(1));
        assert_eq!(sleeper.await.unwrap(), Err(Elapsed));
        assert_eq!(clock.now() - before, Duration::from_secs(5));
    }
}
