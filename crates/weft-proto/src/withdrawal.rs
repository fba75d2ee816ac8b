//! Our own service `weft.discovery.v1.WithdrawalService`: has the mesh stopped sending to a pod?
//!
//! Why a service beside discovery: a pod that is to end must know what the *other* proxies have taken, which no
//! resource of its own can say.

use crate::grpc::{Method, MethodServer};

/// Which pod.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AwaitWithdrawnRequest {
    /// Its name.
    #[prost(string, tag = "1")]
    pub pod: String,
    /// Its namespace.
    #[prost(string, tag = "2")]
    pub namespace: String,
}

/// Nobody sends there any more.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AwaitWithdrawnResponse {}

/// The service's one method.
#[derive(Debug, Clone, Copy)]
pub struct AwaitWithdrawn;

impl Method for AwaitWithdrawn {
    const SERVICE: &'static str = "weft.discovery.v1.WithdrawalService";
    const PATH: &'static str = "/weft.discovery.v1.WithdrawalService/AwaitWithdrawn";
    type Request = AwaitWithdrawnRequest;
    type Response = AwaitWithdrawnResponse;
}

/// The service. What implements it answers once every connected proxy has taken a configuration without the pod's
/// endpoints, however long that takes: the caller sets the deadline.
pub type WithdrawalServer<T> = MethodServer<AwaitWithdrawn, T>;
