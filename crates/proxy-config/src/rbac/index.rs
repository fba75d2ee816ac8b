//! Which policies can match at all: by who asks, by the path and by fields, before any of them is looked at.
//!
//! In: policies, then facts of a request. Out: the policies that may match, in their order.
//! Holds: a policy that matches is always among them; a policy has a key only where every way to match it needs that key.
//! Never: deciding.
//! Why: a hundred rules are looked through for each request, and most are about somebody else (`bench/rbac.rs`).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::{Permission, Policy, Principal};
use crate::matcher::StringMatcher;
use crate::route::{HeaderMatch, HeaderValueMatch};
use crate::{ConnectionFacts, RequestFacts};

/// Fewer policies are looked at one by one.
const FEW: usize = 8;
/// Lengths of paths that are looked up at most; longer keys are cut to one of them.
const LENGTHS: usize = 8;
/// Names of one certificate that are looked up; with more of them every policy may match.
const NAMES: usize = 4;
const WORD: usize = 64;

/// One bit for each policy.
type Set = Box<[u64]>;

/// What a key is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    /// Namespace in the caller's identity.
    Namespace,
    /// How the path begins.
    Path,
    /// The whole value of a field or pseudo-header.
    Field(Arc<str>),
}

#[derive(Debug, Clone)]
struct Keyed {
    subject: Subject,
    /// Policies without a key.
    always: Set,
    keys: HashMap<Box<str>, Set>,
    /// Of paths: the lengths of keys.
    lengths: Vec<usize>,
}

/// An index of policies.
#[derive(Debug, Clone)]
pub(super) struct Index {
    policies: usize,
    subjects: Vec<Keyed>,
}

impl Index {
    /// `None` where it would not pay.
    pub(super) fn of(policies: &[(Arc<str>, Policy)]) -> Option<Self> {
        if policies.len() < FEW {
            return None;
        }
        let mut subjects = BTreeSet::new();
        for (_, policy) in policies {
            policy.permissions.iter().for_each(|one| of_permission(one, &mut subjects));
            policy.principals.iter().for_each(|one| of_principal(one, &mut subjects));
        }
        let keyed = subjects.into_iter().filter_map(|subject| Keyed::of(subject, policies));
        let subjects: Vec<Keyed> = keyed.collect();
        (!subjects.is_empty()).then_some(Self { policies: policies.len(), subjects })
    }

    /// Numbers of the policies that may match.
    pub(super) fn candidates<'a>(
        &'a self,
        connection: ConnectionFacts<'_>,
        request: Option<&dyn RequestFacts>,
    ) -> impl Iterator<Item = usize> + use<'a> {
        let mut found = [const { None }; SUBJECTS];
        for (place, keyed) in found.iter_mut().zip(&self.subjects) {
            *place = Some(keyed.look(connection, request));
        }
        let words = self.policies.div_ceil(WORD);
        (0..words).flat_map(move |word| {
            let all = found.iter().flatten().fold(!0, |all, found| all & found.word(word));
            bits(all).map(move |bit| word * WORD + bit)
        })
    }
}

/// Subjects that are looked up at most.
const SUBJECTS: usize = 6;

fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = word.trailing_zeros() as usize;
        word &= word.wrapping_sub(1);
        (bit < WORD).then_some(bit)
    })
}

/// The sets of one subject that a request belongs to.
#[derive(Clone, Copy)]
struct Looked<'a> {
    always: &'a Set,
    sets: [Option<&'a Set>; LENGTHS],
    all: bool,
}

impl Looked<'_> {
    fn word(&self, word: usize) -> u64 {
        let of = |set: &Set| set.get(word).copied().unwrap_or_default();
        if self.all {
            return !0;
        }
        self.sets.iter().flatten().fold(of(self.always), |any, set| any | of(set))
    }
}

impl Keyed {
    /// `None`: most policies have no key of this subject.
    fn of(subject: Subject, policies: &[(Arc<str>, Policy)]) -> Option<Self> {
        let keys: Vec<_> = policies.iter().map(|(_, policy)| keys_of(policy, &subject)).collect();
        if keys.iter().flatten().count() * 2 < policies.len() {
            return None;
        }
        let empty: Set = vec![0; policies.len().div_ceil(WORD)].into();
        let lengths = match subject {
            Subject::Path => lengths(keys.iter().flatten().flatten()),
            Subject::Namespace | Subject::Field(_) => Vec::new(),
        };
        let mut keyed = Self { subject, always: empty.clone(), keys: HashMap::new(), lengths };
        for (number, keys) in keys.into_iter().enumerate() {
            let add = |set: &mut Set| set[number / WORD] |= 1 << (number % WORD);
            let keys = keys.and_then(|keys| keyed.cut(&keys));
            let Some(keys) = keys else {
                add(&mut keyed.always);
                continue;
            };
            for key in keys {
                add(keyed.keys.entry(key).or_insert_with(|| empty.clone()));
            }
        }
        Some(keyed)
    }

    /// Keys as they are looked up: of paths, their beginnings. `None`: one has no beginning of such a length.
    fn cut(&self, keys: &[String]) -> Option<Vec<Box<str>>> {
        let beginning = |key: &String| match self.subject {
            Subject::Path => {
                self.lengths.iter().rev().find_map(|length| key.get(..*length)).map(Box::from)
            }
            Subject::Namespace | Subject::Field(_) => Some(key.as_str().into()),
        };
        keys.iter().map(beginning).collect()
    }

    fn look<'a>(
        &'a self,
        connection: ConnectionFacts<'_>,
        request: Option<&dyn RequestFacts>,
    ) -> Looked<'a> {
        let mut looked = Looked { always: &self.always, sets: [None; LENGTHS], all: false };
        match (&self.subject, request) {
            (Subject::Namespace, _) if !connection.peer_verified => {}
            (Subject::Namespace, _) => {
                looked.all = connection.peer_names.len() > NAMES;
                for (place, name) in looked.sets.iter_mut().zip(connection.peer_names) {
                    *place = namespace(name).and_then(|name| self.keys.get(name));
                }
            }
            (_, None) => {}
            (Subject::Path, Some(request)) => {
                let path = request.bare_path();
                for (place, length) in looked.sets.iter_mut().zip(&self.lengths) {
                    *place = path.get(..*length).and_then(|begin| self.keys.get(begin));
                }
            }
            (Subject::Field(name), Some(request)) => {
                let value = request.any_field(name);
                looked.all = value.as_deref().is_some_and(|value| ambiguous(name, value));
                looked.sets[0] = value.and_then(|value| self.keys.get(&*value));
            }
        }
        looked
    }
}

/// Whether another reader may take the value of a field for several, or for another host.
fn ambiguous(name: &str, value: &str) -> bool {
    value.contains(',') || ([":authority", "host"].contains(&name) && dotted(value))
}

fn dotted(authority: &str) -> bool {
    authority.ends_with('.') || authority.contains(".:")
}

/// At most so many lengths of keys, the shortest among them.
fn lengths<'a>(keys: impl Iterator<Item = &'a String>) -> Vec<usize> {
    let all: Vec<usize> = keys.map(String::len).collect::<BTreeSet<_>>().into_iter().collect();
    let step = all.len().div_ceil(LENGTHS).max(1);
    all.into_iter().step_by(step).collect()
}

/// Namespace of an identity `spiffe://DOMAIN/ns/NAMESPACE/…`.
fn namespace(name: &str) -> Option<&str> {
    let (_, rest) = name.strip_prefix("spiffe://")?.split_once('/')?;
    rest.strip_prefix("ns/")?.split_once('/').map(|(namespace, _)| namespace)
}

/// One of these the subject must be for the policy to match; `None`: it may be anything.
fn keys_of(policy: &Policy, subject: &Subject) -> Option<Vec<String>> {
    let asked = any(policy.permissions.iter().map(|one| of_asked(one, subject)));
    asked.or_else(|| any(policy.principals.iter().map(|one| of_asking(one, subject))))
}

fn any(each: impl Iterator<Item = Option<Vec<String>>>) -> Option<Vec<String>> {
    each.collect::<Option<Vec<_>>>().map(|keys| keys.concat())
}

fn of_asked(permission: &Permission, subject: &Subject) -> Option<Vec<String>> {
    match permission {
        Permission::And(all) => all.iter().find_map(|one| of_asked(one, subject)),
        Permission::Or(list) => any(list.iter().map(|one| of_asked(one, subject))),
        Permission::Header(field) => of_field(field, subject),
        Permission::Path(path) => of_path(path, subject),
        Permission::PathTemplate(text) if *subject == Subject::Path => {
            let plain = text.split("/{").next().unwrap_or_default();
            (!plain.is_empty() && !plain.contains('{')).then(|| vec![plain.to_owned()])
        }
        _ => None,
    }
}

fn of_asking(principal: &Principal, subject: &Subject) -> Option<Vec<String>> {
    match principal {
        Principal::And(all) => all.iter().find_map(|one| of_asking(one, subject)),
        Principal::Or(list) => any(list.iter().map(|one| of_asking(one, subject))),
        Principal::Header(field) => of_field(field, subject),
        Principal::Path(path) => of_path(path, subject),
        Principal::Authenticated(Some(name)) if *subject == Subject::Namespace => of_name(name),
        _ => None,
    }
}

fn of_field(field: &HeaderMatch, subject: &Subject) -> Option<Vec<String>> {
    let HeaderValueMatch::Text(StringMatcher::Exact(text)) = &field.value else { return None };
    let own = matches!(subject, Subject::Field(name) if **name == *field.name);
    (own && !field.invert && !field.missing_is_empty).then(|| vec![text.to_string()])
}

fn of_path(path: &StringMatcher, subject: &Subject) -> Option<Vec<String>> {
    match path {
        StringMatcher::Exact(text) | StringMatcher::Prefix(text) if *subject == Subject::Path => {
            Some(vec![text.to_string()])
        }
        _ => None,
    }
}

fn of_name(name: &StringMatcher) -> Option<Vec<String>> {
    let beginning = match name {
        StringMatcher::Exact(text) | StringMatcher::Prefix(text) => text.to_string(),
        StringMatcher::Pieces(pieces) => pieces.beginning(),
        _ => return None,
    };
    namespace(&beginning).map(|namespace| vec![namespace.to_owned()])
}

/// Adds what a condition could be looked up by.
fn of_permission(permission: &Permission, into: &mut BTreeSet<Subject>) {
    match permission {
        Permission::And(list) | Permission::Or(list) => {
            list.iter().for_each(|one| of_permission(one, into));
        }
        Permission::Header(field) => add_field(field, into),
        Permission::Path(_) | Permission::PathTemplate(_) => add(Subject::Path, into),
        _ => {}
    }
}

fn of_principal(principal: &Principal, into: &mut BTreeSet<Subject>) {
    match principal {
        Principal::And(list) | Principal::Or(list) => {
            list.iter().for_each(|one| of_principal(one, into));
        }
        Principal::Header(field) => add_field(field, into),
        Principal::Path(_) => add(Subject::Path, into),
        Principal::Authenticated(Some(_)) => add(Subject::Namespace, into),
        _ => {}
    }
}

fn add_field(field: &HeaderMatch, into: &mut BTreeSet<Subject>) {
    if matches!(field.value, HeaderValueMatch::Text(StringMatcher::Exact(_))) {
        add(Subject::Field(Arc::clone(&field.name)), into);
    }
}

fn add(subject: Subject, into: &mut BTreeSet<Subject>) {
    if into.len() < SUBJECTS {
        into.insert(subject);
    }
}
