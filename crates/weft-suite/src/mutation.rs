//! Which changes of a configuration no case notices.
//!
//! In: a mesh, cases that pass. Out: the changes, each noticed or not. Holds: a change that validation refuses is not
//! counted, as it could not be made; the number of changes has a bound, and what lies beyond is told.
//! Why: a case can reach a rule without holding it to anything.

use std::collections::BTreeMap;

use weft_explain::Mesh;
use weft_model::Problem;

use crate::mutants::{Mutant, mutants};
use crate::verdict::judge;
use crate::{Asked, Case};

/// What became of the changes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mutation {
    /// Changes that were tried, and whether some case notices.
    pub tried: Vec<(Mutant, bool)>,
    /// Changes that were not tried because there are too many.
    pub untried: usize,
}

impl Mutation {
    /// Changes each object of a mesh in turn, until `most` changes were tried in all, and asks who notices. What cases of
    /// another suite noticed before is not tried again.
    pub fn add<'a>(&mut self, mesh: &Mesh, cases: impl IntoIterator<Item = &'a Case>, most: usize) {
        let mut order: Vec<&Case> = cases.into_iter().collect();
        let errors_before = errors(&mesh.with(&BTreeMap::new()).1);
        for mutant in mesh.objects().iter().flat_map(mutants) {
            let known = self.tried.iter().position(|(known, _)| known.is_like(&mutant));
            if known.and_then(|at| self.tried.get(at)).is_some_and(|(_, noticed)| *noticed) {
                continue;
            }
            if known.is_none() && self.tried.len() >= most {
                self.untried += 1;
                continue;
            }
            let change = BTreeMap::from([(mutant.object.clone(), mutant.changed.clone())]);
            let (changed, problems) = mesh.with(&change);
            if errors(&problems) > errors_before {
                continue;
            }
            let noticing = noticing(&changed, &order);
            if let Some(at) = noticing {
                // Who noticed one change of an object often notices the next.
                order[..=at].rotate_right(1);
            }
            match known.and_then(|at| self.tried.get_mut(at)) {
                Some((_, noticed)) => *noticed = noticing.is_some(),
                None => self.tried.push((mutant, noticing.is_some())),
            }
        }
    }

    /// Changes that no case notices.
    pub fn unnoticed(&self) -> impl Iterator<Item = &Mutant> {
        self.tried.iter().filter(|(_, noticed)| !noticed).map(|(mutant, _)| mutant)
    }

    /// Percent of the tried changes that are noticed; all, when there are none.
    #[must_use]
    pub fn percent(&self) -> f64 {
        let of = |count: usize| u32::try_from(count).map_or(f64::MAX, f64::from);
        let noticed = self.tried.iter().filter(|(_, noticed)| *noticed).count();
        if self.tried.is_empty() { 100.0 } else { of(noticed) * 100.0 / of(self.tried.len()) }
    }
}

fn errors(problems: &[Problem]) -> usize {
    problems.iter().filter(|problem| problem.is_error()).count()
}

/// The first case that does not pass.
fn noticing(mesh: &Mesh, cases: &[&Case]) -> Option<usize> {
    let mut asked = Asked::of(mesh);
    cases.iter().position(|case| !judge(case, &mut asked).passed())
}
