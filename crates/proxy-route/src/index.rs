//! Which routes of a host a path may belong to.
//!
//! In: a host's routes once, then paths. Out: places of routes, in their order.
//! Holds: a route that is left out does not take the path; one that is given may still not take the request.
//! Why: most routes of a long list differ in their paths, and a request should not be held against each of them.

use foldhash::HashMap;
use proxy_config::route::{PathMatch, Route};

/// Lists that are shorter are as fast without.
const SHORTEST: usize = 12;

/// The routes of one host.
#[derive(Debug)]
pub(crate) struct Index {
    exact: HashMap<Box<str>, Vec<usize>>,
    prefix: HashMap<Box<str>, Vec<usize>>,
    /// Lengths of the prefixes, each once.
    lengths: Vec<usize>,
    /// Those that any path may belong to.
    any: Vec<usize>,
}

impl Index {
    /// `None` where it would not pay.
    pub(crate) fn of(routes: &[Route]) -> Option<Self> {
        if routes.len() < SHORTEST {
            return None;
        }
        let mut found = Self {
            exact: HashMap::default(),
            prefix: HashMap::default(),
            lengths: Vec::new(),
            any: Vec::new(),
        };
        for (place, route) in routes.iter().enumerate() {
            found.add(place, route);
        }
        found.lengths.sort_unstable();
        found.lengths.dedup();
        Some(found)
    }

    fn add(&mut self, place: usize, route: &Route) {
        let places = match &route.matches.path {
            _ if !route.matches.case_sensitive => &mut self.any,
            PathMatch::Exact(path) => self.exact.entry(Box::from(&**path)).or_default(),
            PathMatch::Prefix(path) | PathMatch::PathPrefix(path) => {
                self.lengths.push(path.len());
                self.prefix.entry(Box::from(&**path)).or_default()
            }
            PathMatch::Regex(_) | PathMatch::Connect => &mut self.any,
        };
        places.push(place);
    }

    /// Places of the routes that the path may belong to.
    pub(crate) fn candidates<'a>(&'a self, path: &str) -> Candidates<'a> {
        let prefixes = self.lengths.iter().filter_map(|length| path.get(..*length));
        let lists = prefixes.filter_map(|start| self.prefix.get(start));
        let lists = lists.chain(self.exact.get(path)).chain([&self.any]);
        Candidates { lists: lists.map(Vec::as_slice).collect() }
    }
}

/// Lists of places, each in order, that are given as one in order.
pub(crate) struct Candidates<'a> {
    lists: Vec<&'a [usize]>,
}

impl Iterator for Candidates<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let heads = self.lists.iter_mut().filter(|list| !list.is_empty());
        let first = heads.min_by_key(|list| list.first().copied())?;
        let (place, rest) = first.split_first()?;
        *first = rest;
        Some(*place)
    }
}
