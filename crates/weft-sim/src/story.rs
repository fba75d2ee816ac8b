//! One story: a mesh, a seed, events under load, and what became of every request.
//!
//! In: [`Story`]. Out: [`Told`]. Holds: a rolling update, a change of weights or of policy fails no request, whatever else
//! is late, lost or restarted. Where a pod crashes or connections break, only requests that were under way to it then may
//! fail: they may have been processed.
//! Never: the machine's clock or sockets.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::Instant;
use weft_rt::{Clock, Rng};

use crate::control::{self, ControlPlane};
use crate::load::{Client, Failure, Tally};
use crate::mesh::{self, CALLERS, HOSTS, pick};
use crate::net::Net;
use crate::node::Node;
use crate::store::Store;
use crate::told::Told;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Story {
    /// All chance comes from it.
    pub seed: u64,
    /// Rolling updates, changes of weights and of policy.
    pub events: u64,
    /// Pods crash and connections break, too.
    pub storm: bool,
}

/// Events between two looks at the weights.
const CHAPTER: u64 = 60;
/// How long the mesh may take to come to rest.
const REST: Duration = Duration::from_secs(120);
/// Requests by which weights are judged, and how far off a hundred they may be.
const SAMPLE: u64 = 300;
const BOUNDS: f64 = 12.0;

/// Tells the story.
///
/// # Errors
/// When the mesh does not come to rest, when weights are not kept, or when a route leads to a cluster that is not there.
pub fn tell(story: Story) -> anyhow::Result<Told> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .context("a runtime")?;
    LocalSet::new().block_on(&runtime, async {
        let mut stage = Stage::set(story).await?;
        stage.play().await
    })
}

/// Tells all of them on every processor there is; the answers come in the order of the stories.
#[must_use]
pub fn tell_all(stories: &[Story]) -> Vec<(Story, anyhow::Result<Told>)> {
    let (next, told) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(story) = stories.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let one = (*story, tell(*story));
                    told.lock().unwrap_or_else(PoisonError::into_inner).push(one);
                }
            });
        }
    });
    let mut told = told.into_inner().unwrap_or_else(PoisonError::into_inner);
    told.sort_by_key(|(story, _)| stories.iter().position(|one| one == story));
    told
}

/// A fault after which requests under way may fail.
struct Fault {
    at: Duration,
    host: String,
}

struct Stage {
    story: Story,
    rng: Rng,
    clock: Clock,
    net: Net,
    store: Store,
    node: Node,
    control: Option<ControlPlane>,
    begun: Instant,
    tally: Rc<RefCell<Tally>>,
    clients: Vec<Client>,
    tasks: JoinSet<()>,
    faults: Vec<Fault>,
    told: Told,
}

impl Stage {
    async fn set(story: Story) -> anyhow::Result<Self> {
        let mut rng = Rng::seeded(story.seed);
        let (net, store, clock) = (Net::new(rng.next_u64()), Store::default(), Clock::of_runtime());
        let node = Node::new(&net, &store, &clock, rng.next_u64());
        mesh::begin(&store);
        let mut tasks = JoinSet::new();
        tasks.spawn_local(node.clone().run());
        let control = Some(ControlPlane::start(&net, &store, &clock).await?);
        let mut stage = Self {
            story,
            rng,
            clock,
            net,
            store,
            node,
            control,
            begun: Instant::now(),
            tally: Rc::default(),
            clients: Vec::new(),
            tasks,
            faults: Vec::new(),
            told: Told::default(),
        };
        stage.rest().await.context("at the beginning")?;
        for name in CALLERS {
            let pods = stage.node.pods();
            let caller = pods.values().find(|pod| pod.app == name).context("a caller")?;
            let client = Client::new(&stage.net, caller.ip, stage.begun, &stage.tally);
            stage.clients.push(client);
        }
        Ok(stage)
    }

    async fn play(&mut self) -> anyhow::Result<Told> {
        for number in 0..self.story.events {
            self.go_on(number).await?;
            self.happen(number);
            if number % CHAPTER == CHAPTER - 1 {
                self.judge_weights().await.with_context(|| format!("after event {number}"))?;
            }
        }
        self.rest().await.context("at the end")?;
        self.quiet().await;
        self.judge()
    }

    /// Lets a little time pass, under load and with what may go wrong beside it.
    async fn go_on(&mut self, number: u64) -> anyhow::Result<()> {
        let pause = if self.rng.below(4) == 0 { 2 } else { 120 };
        let end = Instant::now() + Duration::from_millis(self.rng.below(pause));
        while Instant::now() < end {
            self.send();
            tokio::time::sleep(Duration::from_millis(20 + self.rng.below(60))).await;
        }
        self.send();
        match self.rng.below(200) {
            0 => self.restart().await?,
            1..=3 => self.lose_a_stream(),
            4..=6 if self.story.storm => self.crash(),
            7..=9 if self.story.storm => self.break_connections(),
            _ => {}
        }
        tracing::debug!(number, "goes on");
        Ok(())
    }

    fn happen(&mut self, number: u64) {
        let kind = pick(&mut self.rng, 3);
        self.told.events[kind] += 1;
        match kind {
            0 => mesh::roll(&self.store, &mut self.rng, number),
            1 => mesh::weigh(&self.store, self.rng.below(101)),
            _ => mesh::change_policy(&self.store, &mut self.rng, number),
        }
    }

    fn send(&mut self) {
        let (host, [a, b, c, d]) = HOSTS[pick(&mut self.rng, HOSTS.len())];
        let work = match self.rng.below(40) {
            0 => 1500 + self.rng.below(2500),
            _ => self.rng.below(60),
        };
        let to = SocketAddr::from(([a, b, c, d], 80));
        let client = self.clients[pick(&mut self.rng, self.clients.len())].clone();
        self.tasks.spawn_local(client.request(host.to_owned(), to, work));
        while self.tasks.try_join_next().is_some() {}
    }

    async fn restart(&mut self) -> anyhow::Result<()> {
        self.told.faults[0] += 1;
        if let Some(control) = self.control.take() {
            control.crash(&self.net).await;
        }
        let away = Duration::from_millis(10 + self.rng.below(400));
        tokio::time::sleep(away).await;
        self.control = Some(ControlPlane::start(&self.net, &self.store, &self.clock).await?);
        Ok(())
    }

    /// Some pod that is not a caller's.
    fn victim(&mut self) -> Option<(String, crate::node::Running)> {
        let pods = self.node.pods();
        let all =
            pods.into_iter().filter(|(_, pod)| HOSTS.iter().any(|(host, _)| *host == pod.app));
        let all: Vec<_> = all.collect();
        let at = pick(&mut self.rng, all.len().max(1));
        all.into_iter().nth(at)
    }

    /// What was pushed and not yet acknowledged is lost, and comes again.
    fn lose_a_stream(&mut self) {
        if let Some((_, pod)) = self.victim() {
            self.told.faults[1] += 1;
            self.net.break_between(pod.ip, control::ADDRESS.ip());
        }
    }

    /// Only where others serve, too: nobody can answer for the last one.
    fn crash(&mut self) {
        let Some((_, pod)) = self.victim() else { return };
        let ready = self.node.ready_beside(&pod);
        if ready < 2 {
            return;
        }
        self.told.faults[2] += 1;
        self.fault(pod.app.clone());
        pod.kill.cancel();
    }

    fn break_connections(&mut self) {
        let Some((_, pod)) = self.victim() else { return };
        self.told.faults[3] += 1;
        self.fault(pod.app.clone());
        let callers: Vec<IpAddr> = self.clients.iter().map(|client| client.ip).collect();
        for caller in callers {
            self.net.break_between(caller, pod.ip);
        }
    }

    fn fault(&mut self, host: String) {
        self.faults.push(Fault { at: self.begun.elapsed(), host });
    }

    /// Waits until nothing moves: all is deployed, and every proxy has what there is.
    async fn rest(&mut self) -> anyhow::Result<()> {
        let end = Instant::now() + REST;
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let proxies = self.node.pods().len();
            let settled = self.control.as_ref().is_some_and(|control| control.settled(proxies));
            if mesh::is_whole(&self.store) && settled {
                return Ok(());
            }
            if Instant::now() > end {
                bail!("the mesh does not come to rest: {proxies} pods, settled: {settled}");
            }
        }
    }

    async fn quiet(&mut self) {
        while self.tally.borrow().under_way > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// At rest, traffic goes where the weights say.
    async fn judge_weights(&mut self) -> anyhow::Result<()> {
        let second = self.rng.below(101);
        mesh::weigh(&self.store, second);
        // What is written now is published a moment later.
        tokio::time::sleep(Duration::from_millis(100)).await;
        self.rest().await?;
        self.quiet().await;
        self.tally.borrow_mut().versions.clear();
        let (host, [a, b, c, d]) = HOSTS[0];
        for _ in 0..SAMPLE {
            let client = self.clients[pick(&mut self.rng, self.clients.len())].clone();
            let to = SocketAddr::from(([a, b, c, d], 80));
            self.tasks.spawn_local(client.request(host.to_owned(), to, 0));
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.quiet().await;
        let tally = self.tally.borrow();
        let of =
            |version: &str| tally.versions.get(&(host.to_owned(), version.to_owned())).copied();
        let (one, two) = (of("v1").unwrap_or(0), of("v2").unwrap_or(0));
        #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
        let (share, wanted) = (100.0 * two as f64 / (one + two).max(1) as f64, second as f64);
        if (share - wanted).abs() > BOUNDS {
            bail!("weight {second} of 100, but {share:.1} of 100 went there");
        }
        Ok(())
    }

    fn judge(&mut self) -> anyhow::Result<Told> {
        let lost = self.node.lost_clusters();
        if lost > 0 {
            bail!("{lost} requests met a route without its cluster");
        }
        let mut tally = self.tally.borrow_mut();
        let excused = |failure: &Failure| {
            let (sent, over) = failure.between;
            let hit =
                |fault: &&Fault| fault.host == failure.host && fault.at >= sent && fault.at <= over;
            self.faults.iter().any(|fault| hit(&fault))
        };
        let (excused, failures) =
            std::mem::take(&mut tally.failures).into_iter().partition(excused);
        let excused: Vec<Failure> = excused;
        self.told.excused = excused.len() as u64;
        self.told.failures = failures;
        (self.told.requests, self.told.slowest) = (tally.requests, tally.slowest);
        self.told.lasted = self.begun.elapsed();
        Ok(self.told.clone())
    }
}
