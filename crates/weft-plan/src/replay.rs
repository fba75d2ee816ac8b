//! What becomes of the requests of a log under another configuration.
//!
//! In: both meshes, entries of access logs. Out: [`Replayed`]: which requests end otherwise, which the log knows another end of,
//! and what nobody could be asked about.
//! Holds: entries that no rule of either version could tell apart are one shape, and each shape is asked about once; their number has
//! a bound, and what comes beyond is counted. Whatever a log does not have is named, never made up.
//! Never: I/O, clocks, a rule of its own about traffic.

mod caller;
mod logged;
mod shape;

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use telemetry_read::Entry;
use weft_explain::{Answer, Call, Mesh, Peers, Proxies};

use crate::calls::{FieldChange, because_of, differences};
use crate::described;
use caller::Callers;
use logged::Logged;
use shape::Looks;

/// Most shapes, unless somebody says otherwise.
pub const SHAPES: usize = 100_000;
/// Most ways in which a log tells how requests of one shape ended.
const ENDS: usize = 8;
/// Most reasons why nobody was asked.
const REASONS: usize = 20;

/// What a log does not have.
const ABSENT: [&str; 5] = [
    "header fields other than host and user-agent",
    "tokens of users and what they claim",
    "bodies",
    "identities, other than those of pods by their addresses",
    "answers of providers that CUSTOM policies ask, which are taken to allow",
];

/// What becomes of the requests of a log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replayed {
    /// Requests and connections of the log.
    pub requests: u64,
    /// Shapes of them that were asked about.
    pub shapes: usize,
    /// Requests that end otherwise.
    pub changed: u64,
    /// Their shapes; the most frequent first.
    pub changes: Vec<ShapeChange>,
    /// Requests that end alike, by another policy or rule.
    pub decided_by_another_rule: u64,
    /// Requests that ended otherwise than the configuration of now would have it.
    pub disagreeing: u64,
    /// Their shapes; the most frequent first.
    pub disagreements: Vec<Disagreement>,
    /// Requests by mutual TLS from an address of no pod; they were asked about as somebody whom nobody knows.
    pub unknown_callers: u64,
    /// Requests that nobody was asked about, by the reason.
    pub not_asked: BTreeMap<String, u64>,
    /// What the log does not have, so that no request was taken to have it.
    pub assumed_absent: Vec<&'static str>,
}

/// Requests that end otherwise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShapeChange {
    /// How many.
    pub requests: u64,
    /// The call, in one line.
    pub call: String,
    /// What differs; the outcome first.
    pub fields: Vec<FieldChange>,
    /// Objects that change and that decided about it.
    pub because: Vec<String>,
    /// How many of them the log knows another end of than the configuration of now has.
    pub disagreeing: u64,
}

/// Requests that ended otherwise than the configuration of now has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disagreement {
    /// How many.
    pub requests: u64,
    /// The call, in one line.
    pub call: String,
    /// How it ended, as the log tells.
    pub log: String,
    /// How it would end now.
    pub now: String,
}

/// Requests that are alike.
#[derive(Debug)]
struct Shape {
    call: Call,
    ends: Vec<(Logged, u64)>,
    unknown_caller: bool,
}

/// Takes in entries, then asks about them.
#[derive(Debug)]
pub struct Replay<'a> {
    before: &'a Mesh,
    after: &'a Mesh,
    callers: Callers,
    looks: Looks,
    most: usize,
    requests: u64,
    shapes: Vec<Shape>,
    known: HashMap<Box<str>, usize>,
    not_asked: BTreeMap<String, u64>,
    key: String,
}

impl<'a> Replay<'a> {
    /// Before the first entry; `most` shapes are told apart.
    #[must_use]
    pub fn new(before: &'a Mesh, after: &'a Mesh, most: usize) -> Self {
        Self {
            before,
            after,
            callers: Callers::of(Peers::of(before)),
            looks: Looks::of(&[before, after]),
            most,
            requests: 0,
            shapes: Vec::new(),
            known: HashMap::new(),
            not_asked: BTreeMap::new(),
            key: String::new(),
        }
    }

    /// Takes in an entry.
    pub fn add(&mut self, entry: &Entry<'_>) {
        self.requests += 1;
        let way = match self.callers.way(entry) {
            Ok(way) => way,
            Err(why) => return self.leave_out(why),
        };
        self.key.clear();
        shape::write_key(&mut self.key, entry, &way, &self.looks);
        let number = match self.known.get(self.key.as_str()) {
            Some(number) => *number,
            None if self.shapes.len() >= self.most => {
                return self.leave_out(format!("there are more than {} shapes", self.most));
            }
            None => {
                let peers = self.callers.peers();
                let Some(call) = shape::call(entry, &way, &self.looks, peers) else {
                    return self.leave_out("the entry names no destination".to_owned());
                };
                let number = self.shapes.len();
                let (ends, unknown_caller) = (Vec::new(), way.is_unknown_caller());
                self.shapes.push(Shape { call, ends, unknown_caller });
                self.known.insert(self.key.as_str().into(), number);
                number
            }
        };
        if let Some(shape) = self.shapes.get_mut(number) {
            shape.count(entry);
        }
    }

    fn leave_out(&mut self, why: String) {
        let full = self.not_asked.len() >= REASONS && !self.not_asked.contains_key(&why);
        let why = if full { "other reasons".to_owned() } else { why };
        *self.not_asked.entry(why).or_default() += 1;
    }

    /// Asks both meshes about every shape.
    #[must_use]
    pub fn finish(self) -> Replayed {
        let changed = crate::changed(self.before, self.after);
        let (mut old, mut new) = (Proxies::of(self.before), Proxies::of(self.after));
        let mut found = Replayed {
            requests: self.requests,
            shapes: self.shapes.len(),
            changed: 0,
            changes: Vec::new(),
            decided_by_another_rule: 0,
            disagreeing: 0,
            disagreements: Vec::new(),
            unknown_callers: 0,
            not_asked: self.not_asked,
            assumed_absent: ABSENT.to_vec(),
        };
        for shape in self.shapes {
            let requests = shape.requests();
            let had = match old.explain(&shape.call) {
                Ok(answer) => answer,
                Err(unclear) => {
                    *found.not_asked.entry(unclear.to_string()).or_default() += requests;
                    continue;
                }
            };
            let disagreeing = found.compare_with_log(&shape, &had);
            found.unknown_callers += if shape.unknown_caller { requests } else { 0 };
            let gets = new.explain(&shape.call);
            let gets = gets.map_err(|unclear| unclear.to_string());
            if let Some((fields, because)) = outcome_change(had, gets, &changed) {
                if fields.iter().all(|field| RULES.contains(&field.field.as_str())) {
                    found.decided_by_another_rule += requests;
                    continue;
                }
                found.changed += requests;
                let call = described(&shape.call);
                found.changes.push(ShapeChange { requests, call, fields, because, disagreeing });
            }
        }
        found.changes.sort_by(|a, b| (b.requests, &a.call).cmp(&(a.requests, &b.call)));
        found.disagreements.sort_by(|a, b| (b.requests, &a.call).cmp(&(a.requests, &b.call)));
        found
    }
}

/// Who decided, not what.
const RULES: [&str; 2] = ["policy", "rule"];
/// What is known of the caller, and settings of connections; they end no request otherwise.
const BESIDE: [&str; 3] = ["cluster", "peer_identity", "request_principal"];

type Change = (Vec<FieldChange>, Vec<String>);

/// What differs between two answers, and which changed objects decided.
fn outcome_change(
    had: Answer,
    gets: Result<Answer, String>,
    changed: &crate::Changed,
) -> Option<Change> {
    if let Ok(gets) = &gets
        && is_same(&had, gets)
    {
        return None;
    }
    let json = |answer: Answer| serde_json::to_value(answer).unwrap_or_default();
    let gets = gets.map_or_else(|unclear| serde_json::json!({"outcome": unclear}), json);
    let had = json(had);
    let mut fields = differences(&had, &gets);
    fields.retain(|field| !BESIDE.contains(&field.field.as_str()));
    (!fields.is_empty()).then(|| (fields, because_of(&had, &gets, changed)))
}

/// Whether two answers are the same in all that could be told; made before anything is written down.
fn is_same(had: &Answer, gets: &Answer) -> bool {
    let ends = had.outcome == gets.outcome
        && had.status == gets.status
        && (&had.policy, had.rule, had.mtls) == (&gets.policy, gets.rule, gets.mtls)
        && had.faults == gets.faults
        && had.redirect == gets.redirect
        && had.direct_response == gets.direct_response;
    let goes = had.clusters == gets.clusters
        && had.timeout_ms == gets.timeout_ms
        && had.retries == gets.retries
        && had.rewrite == gets.rewrite
        && had.mirrors == gets.mirrors
        && had.hash == gets.hash;
    ends && goes && had.cors == gets.cors && had.headers == gets.headers
}

impl Replayed {
    /// Notes where the log tells another end; answers of how many requests.
    fn compare_with_log(&mut self, shape: &Shape, now: &Answer) -> u64 {
        let mut disagreeing = 0;
        for (logged, requests) in &shape.ends {
            if logged.agrees(now) {
                continue;
            }
            disagreeing += requests;
            let (log, now) = (logged.to_string(), logged::told(now));
            let (requests, call) = (*requests, described(&shape.call));
            self.disagreements.push(Disagreement { requests, call, log, now });
        }
        self.disagreeing += disagreeing;
        disagreeing
    }
}

impl Shape {
    fn requests(&self) -> u64 {
        self.ends.iter().map(|(_, requests)| requests).sum()
    }

    fn count(&mut self, entry: &Entry<'_>) {
        let same = |(end, _): &&mut (Logged, u64)| end.is_of(entry);
        if let Some((_, requests)) = self.ends.iter_mut().find(same) {
            *requests += 1;
        } else if self.ends.len() < ENDS {
            self.ends.push((Logged::of(entry), 1));
        } else if let Some((_, requests)) = self.ends.last_mut() {
            // Their number is right; how the last of them ended is told as the one before them.
            *requests += 1;
        }
    }
}
