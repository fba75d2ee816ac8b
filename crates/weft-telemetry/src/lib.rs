//! Words of telemetry: what one exchange tells, who took part, and the names that Istio's dashboards expect.
//!
//! In: values that the engine has at hand when an exchange ends. Out: [`ExchangeRecord`] to a [`Sink`].
//! Holds: a record borrows, so that telling costs nothing when nobody listens.
//! Never: formatting, counting, I/O; those are exporters.

pub mod flag;
pub mod metric;
pub mod record;
pub mod workload;

pub use flag::{Flag, Flags};
pub use record::{
    Denied, ExchangeRecord, LimitRecord, Protocol, Reporter, Sink, TcpEvent, TcpRecord,
    WatchedRecord,
};
pub use workload::{Service, Workload};
