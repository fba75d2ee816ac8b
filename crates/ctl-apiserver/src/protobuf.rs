//! Kubernetes' protobuf bodies (to be filled: the kinds that kubectl creates by typed clients).
use crate::fault::Fault;
use serde_json::Value;

pub(crate) fn decode(_raw: &[u8]) -> Result<Value, Fault> {
    Err(Fault::media("application/vnd.kubernetes.protobuf"))
}
