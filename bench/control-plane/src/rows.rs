//! What is measured: one kind of change a row.
//!
//! In: a control plane with all its proxies in sync. Out: figures.
//! Holds: a change is applied when every proxy has the one before, but in the rows that say a rate.
//! What "apply" means: the moment before the write is sent to the API server; an endpoint comes and goes as in a cluster, by the
//! status of its pod, so the controller that makes EndpointSlices is part of the way.

use std::time::Duration;

use anyhow::Result;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use weft_proto::type_url;
use weft_rt::Clock;

use crate::cluster::{Cluster, PORT, Place};
use crate::expected::{Expected, Sign};
use crate::fleet::{Fleet, Sent};
use crate::process::{Process, Usage};
use crate::records::Records;
use crate::writes::Writes;

/// Changes that the rows at a rate apply at once.
const AT_ONCE: usize = 256;

/// What the rows need.
pub(crate) struct Bench<'a> {
    pub(crate) cluster: Cluster,
    pub(crate) process: &'a Process,
    pub(crate) fleet: &'a Fleet,
    pub(crate) writes: &'a Writes,
    pub(crate) clock: &'a Clock,
    pub(crate) records: &'a mut Records,
    /// What stands before the name of each row.
    pub(crate) title: &'a str,
}

/// A change and what shows it.
enum Step {
    Ready(Place, bool),
    Route { service: usize, number: usize },
    Policy { service: usize, number: usize },
    Service(usize),
}

/// Changes at a rate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) changes: u32,
    pub(crate) seconds: u32,
}

impl Bench<'_> {
    /// Changes one after the other.
    pub(crate) async fn singles(&mut self, rounds: usize) -> Result<()> {
        let endpoints = |round: usize| {
            let service = self.cluster.plain(round / 2);
            Step::Ready(Place { service, number: self.cluster.endpoints - 1 }, round % 2 == 1)
        };
        let steps: Vec<Step> = (0..rounds.next_multiple_of(2)).map(endpoints).collect();
        self.row("one endpoint", steps).await?;
        let route = |number| Step::Route { service: self.cluster.configured(number), number };
        let steps = (2..rounds + 2).map(route).collect();
        self.row("one route", steps).await?;
        let policy = |number| Step::Policy { service: self.cluster.configured(number), number };
        let steps = (2..rounds + 2).map(policy).collect();
        self.row("one policy", steps).await?;
        let fresh = (0..rounds.min(20)).map(|at| self.cluster.services + at);
        let fresh: Vec<usize> = fresh.collect();
        for service in &fresh {
            self.writes.pod(Place { service: *service, number: 0 }).await?;
        }
        self.row("a new service", fresh.into_iter().map(Step::Service).collect()).await
    }

    async fn row(&mut self, name: &str, steps: Vec<Step>) -> Result<()> {
        let (mut times, mut sent) = (Vec::new(), Vec::new());
        let (before, rounds) = (self.process.usage()?, steps.len());
        for step in steps {
            let expected = self.fleet.expect(self.shown_by(&step));
            let (began, had) = (self.clock.now(), self.fleet.sent());
            self.apply(&step).await?;
            let last = expected.all(self.clock).await?;
            times.push(last.saturating_duration_since(began).as_secs_f64() * 1000.0);
            sent.push(per_proxy(self.fleet.sent(), had, expected.proxies));
        }
        let used = self.process.usage()?.cpu_seconds - before.cpu_seconds;
        let row = self.name(name);
        self.records.times(&row, times);
        self.records.add(&row, "resources sent, for each proxy concerned", "count", sent);
        self.records.one(&row, "processor time of one change", "ms", 1000.0 * used / float(rounds));
        Ok(())
    }

    /// Changes of endpoints at a rate, and how far behind the proxies are at the end.
    pub(crate) async fn at_rate(&mut self, rate: Rate) -> Result<()> {
        let (began, before) = (self.clock.now(), self.process.usage()?);
        let spread = self.cluster.plain_count().saturating_sub(1).max(1);
        let pause = Duration::from_secs(rate.seconds.into()) / rate.changes.max(1);
        let changes = stream::iter(0..rate.changes).then(async |at| {
            self.clock.sleep_until(began + pause * at).await;
            at as usize
        });
        let last = self.cluster.endpoints - 1;
        let applied = changes.map(|at| {
            let place = Place { service: self.cluster.plain(at % spread), number: last };
            self.writes.ready(place, at / spread % 2 == 1)
        });
        applied.buffer_unordered(AT_ONCE).try_for_each(async |()| Ok(())).await?;
        // A service of its own shows that everything before it has arrived.
        let took = self.clock.now().duration_since(began).as_secs_f64();
        let shown = Place { service: self.cluster.plain(spread), number: last };
        let step = Step::Ready(shown, false);
        let (expected, applied) = (self.fleet.expect(self.shown_by(&step)), self.clock.now());
        self.apply(&step).await?;
        let behind = expected.all(self.clock).await?.saturating_duration_since(applied);
        let after = self.process.usage()?;
        // As it was, so that it can show the end of another row too.
        let back = Step::Ready(shown, true);
        let expected = self.fleet.expect(self.shown_by(&back));
        self.apply(&back).await?;
        expected.all(self.clock).await?;
        let row = self.name(&format!("{} endpoints in {} s", rate.changes, rate.seconds));
        self.records.one(&row, "time to apply all", "s", took);
        self.records.one(
            &row,
            "from the last apply to the last ack",
            "ms",
            behind.as_secs_f64() * 1000.0,
        );
        let cores = (after.cpu_seconds - before.cpu_seconds) / (took + behind.as_secs_f64());
        self.records.one(&row, "processors used", "cores", cores);
        self.memory(&row, after);
        Ok(())
    }

    /// What it holds now.
    pub(crate) fn memory(&mut self, row: &str, usage: Usage) {
        self.records.one(row, "resident", "MB", usage.resident_mb);
        self.records.one(row, "resident at most", "MB", usage.peak_mb);
    }

    pub(crate) fn name(&self, row: &str) -> String {
        format!("{}: {row}", self.title)
    }

    fn shown_by(&self, step: &Step) -> Expected {
        let Cluster { endpoints, .. } = self.cluster;
        let of = |service| self.cluster.resource(service);
        match *step {
            Step::Ready(Place { service, .. }, ready) => {
                let left = if ready { endpoints } else { endpoints - 1 };
                let seers = self.cluster.seers(service);
                Expected::new(type_url::ENDPOINTS, of(service), Sign::Endpoints(left), seers)
            }
            Step::Route { service, .. } => {
                let seers = self.cluster.seers(service);
                Expected::new(type_url::ROUTE, PORT.to_string(), Sign::Came, seers)
            }
            Step::Policy { service, .. } => {
                let own = self.cluster.of_service(service);
                Expected::new(type_url::LISTENER, "virtualInbound".to_owned(), Sign::Came, own)
            }
            Step::Service(service) => {
                let seers = self.cluster.seers(service);
                Expected::new(type_url::ENDPOINTS, of(service), Sign::Endpoints(1), seers)
            }
        }
    }

    async fn apply(&self, step: &Step) -> Result<()> {
        let (cluster, writes) = (&self.cluster, self.writes);
        match *step {
            Step::Ready(place, ready) => writes.ready(place, ready).await,
            Step::Route { service, number } => {
                let route = cluster.route(service, number);
                writes.change("networking.istio.io", "VirtualService", service, &route).await
            }
            Step::Policy { service, number } => {
                let policy = cluster.policy(service, number);
                writes.change("security.istio.io", "AuthorizationPolicy", service, &policy).await
            }
            Step::Service(service) => writes.service(service).await,
        }
    }
}

fn per_proxy(now: Sent, before: Sent, proxies: usize) -> f64 {
    let resources = u32::try_from(now.resources - before.resources).unwrap_or(u32::MAX);
    f64::from(resources) / float(proxies.max(1))
}

/// A count as a figure.
pub(crate) fn float(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}
