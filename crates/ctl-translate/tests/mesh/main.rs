//! Holds the translation against Istio's semantics, against a stock Envoy and against weft-proxy's own reader.
//!
//! In: objects as users write them. Out: resources of every proxy, looked at as Envoy's canonical JSON.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod envoy;
mod fixture;
mod world;

mod access;
mod called;
mod cases;
mod custom;
mod destinations;
mod entries;
mod everything;
mod gateway;
mod hostile;
mod hosts;
mod inbound;
mod judge;
mod limits;
mod places;
mod routes;
mod services;
mod settings;
mod started;
mod tls;
mod tokens;
mod words;
