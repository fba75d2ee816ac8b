//! Hears from proxies of issuers that sign with keys that nobody knows here.
//!
//! In: calls of proxies. Out: another look at the keys of those issuers, as soon as `ctl-keys` allows one.
//! Holds: only who may open a stream of discovery is heard; nothing is answered but that it was.

use std::sync::Arc;

use ctl_keys::Keys;
use ctl_push::Access;
use tonic::{Request, Response, Status};
use weft_proto::grpc::Serve;
use weft_proto::unknown_key::{
    TellUnknownKey, UnknownKeyRequest, UnknownKeyResponse, UnknownKeyServer,
};

/// The service of one port.
#[derive(Debug)]
pub(crate) struct UnknownKeys {
    keys: Keys,
    access: Access,
}

impl UnknownKeys {
    pub(crate) fn service(keys: &Keys, access: Access) -> UnknownKeyServer<Self> {
        UnknownKeyServer::new(Arc::new(Self { keys: keys.clone(), access }))
    }
}

#[weft_proto::async_trait]
impl Serve<TellUnknownKey> for UnknownKeys {
    async fn answer(
        &self,
        request: Request<UnknownKeyRequest>,
    ) -> Result<Response<UnknownKeyResponse>, Status> {
        let (metadata, peer) = (request.metadata().clone(), request.remote_addr());
        self.access.open(&metadata, peer).await?;
        self.keys.look_again(request.into_inner().issuer);
        Ok(Response::new(UnknownKeyResponse {}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_who_may_open_a_stream_is_heard() {
        let told = async |access: Access| {
            let service = UnknownKeys { keys: Keys::none(), access };
            service.answer(Request::new(UnknownKeyRequest { issuer: "i".to_owned() })).await
        };
        assert!(told(Access::Anyone).await.is_ok());
        let refused = told(Access::From(|_| false)).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    }
}
