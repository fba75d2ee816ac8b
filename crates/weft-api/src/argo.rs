//! The kinds of Argo Rollouts, `argoproj.io`: new versions of a workload that take traffic step by step.
//!
//! Why durations of analyses are texts: they may hold `{{args.NAME}}`, which is filled in when a run begins.

pub mod analysis;
pub mod blue_green;
pub mod canary;
pub mod cloud_watch;
pub mod experiment;
pub mod kayenta;
pub mod provider;
pub mod rollout;
pub mod run;
pub mod step;
pub mod traffic;
