//! The kinds of Flagger, `flagger.app`: new versions of untouched Deployments that take traffic step by step.

pub mod alert_provider;
pub mod analysis;
pub mod canary;
pub mod metric_template;
pub mod service;
