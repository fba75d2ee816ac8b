//! A call of a browser on its way to a server of gRPC.
//!
//! In: the request's head; the answer's. Out: both as the other side writes them; the bodies follow in the pump.
//! Holds: an answer that is no gRPC passes as it is.

use proxy_filter::grpc_web::{Answer, Call, Decoded};
use proxy_http::{BodyKind, RequestHead, ResponseHead};

use super::Run;

impl Run<'_> {
    /// Takes a call of gRPC-Web for one of gRPC.
    pub(crate) fn bridge(&mut self, head: &mut RequestHead) {
        let content_type = head.fields.get("content-type").unwrap_or_default();
        let Some(call) = Call::of(content_type, head.fields.get("accept")) else { return };
        let content_type = call.content_type();
        self.browser = Some(Answer { text: call.wants_text });
        if call.text {
            self.upload.decoded = Some(Decoded::default());
            if !head.body.is_empty() {
                head.body = BodyKind::Chunked;
            }
            head.fields.remove("content-length");
        }
        head.fields.set("content-type", &content_type);
        head.fields.set("te", b"trailers");
        head.fields.set("grpc-accept-encoding", b"identity,deflate,gzip");
        self.is_grpc = true;
    }

    /// The head of an answer of gRPC as a browser takes it, and how its body goes there.
    pub(super) fn for_browser(&self, head: &mut ResponseHead) -> Option<Answer> {
        let answer = self.browser?;
        let content_type = head.fields.get("content-type").unwrap_or_default();
        let content_type = answer.content_type(content_type)?;
        head.fields.set("content-type", &content_type);
        head.fields.remove("content-length");
        if !head.body.is_empty() {
            head.body = BodyKind::Chunked;
        }
        Some(answer)
    }
}
