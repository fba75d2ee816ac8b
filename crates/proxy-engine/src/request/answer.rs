//! What a client gets: the fields of a server's answer, and answers of our own.
//!
//! In: an answer's head, or a reply. Out: the head as the client sees it, and whether the connection goes on.
//! Holds: operations of the matched route change every answer, our own ones too.

use std::future::poll_fn;

use proxy_config::http::ServerHeader;
use proxy_filter::grpc_web;
use proxy_http::{BodyKind, RequestHead, ResponseHead};
use proxy_listen::Exchange as Client;

use super::{After, Run};
use crate::decide::Forward;
use crate::explained::FIELD;
use crate::peers::{METADATA, METADATA_ID};
use crate::pump::grpc_status;
use crate::reply::Reply;
use crate::{change, elsewhere, filter, forwarded};

impl<'a> Run<'a> {
    /// The answer's fields on the way to the client.
    pub(super) fn respond(
        &mut self,
        head: &mut ResponseHead,
        route: &Forward<'_>,
        request: &RequestHead,
    ) {
        self.response_head_bytes = head.fields.size();
        elsewhere::forget(&mut head.fields);
        if self.inbound() {
            if self.wants_peer {
                let own = &self.worker.shared.exchange;
                head.fields.set(METADATA, own.metadata.as_bytes());
                head.fields.set(METADATA_ID, own.id.as_bytes());
            }
        } else {
            self.peer = head.fields.get(METADATA).map(|m| self.worker.peers.find(m));
            head.fields.remove(METADATA);
            head.fields.remove(METADATA_ID);
        }
        change::change_response(&route.matched, request, self.facts, head, self.known());
        for change in &self.extra {
            filter::change(&mut head.fields, change);
        }
        for cookie in &self.key.cookies {
            head.fields.append("set-cookie", cookie.as_bytes());
        }
        self.explain(request, head);
        let manager = &self.http.manager;
        forwarded::response(
            head,
            self.upstream_millis,
            &manager.server_name,
            manager.server_header,
        );
        if head.upgrade.is_none() && head.status == 101 {
            head.body = BodyKind::Empty;
        }
    }

    /// An application's own words are not taken for ours.
    fn explain(&self, request: &RequestHead, head: &mut ResponseHead) {
        if self.inbound() && !self.worker.shared.explain_to.is_empty() {
            head.fields.remove(FIELD);
            if let Some(told) = self.explanation(request) {
                head.fields.set(FIELD, told.as_bytes());
            }
        }
    }

    fn known(&self) -> change::Known<'a> {
        change::Known::of(&self.worker.shared.clock, self.host)
    }

    /// Answers by ourselves.
    pub(super) async fn reply(
        &mut self,
        request: &RequestHead,
        client: &mut Client<'_>,
        reply: &Reply,
    ) -> After {
        let for_grpc = self.is_grpc.then(|| reply.for_grpc());
        let reply = for_grpc.as_ref().unwrap_or(reply);
        self.status = reply.status;
        self.flag = reply.flag;
        self.details = reply.details.clone();
        self.denied.clone_from(&reply.denied);
        let mut head = reply.head();
        // Without a body nothing of it is written anew.
        let _: Option<grpc_web::Answer> = self.for_browser(&mut head);
        self.download.grpc_status = grpc_status(&head.fields);
        if let Some(matched) = &self.matched {
            change::change_response(matched, request, self.facts, &mut head, self.known());
        }
        for change in &self.extra {
            filter::change(&mut head.fields, change);
        }
        self.explain(request, &mut head);
        // No server, no time of a server's: as in Envoy the field stands only on answers that came from one.
        forwarded::response(
            &mut head,
            None,
            &self.http.manager.server_name,
            ServerHeader::Overwrite,
        );
        if request.tunnels() || !self.upload.complete() {
            // The rest of the request would have to be read; a new connection is cheaper and safer.
            client.close_after();
        }
        if client.send_head(&head).is_err() {
            return After::Abort;
        }
        if !reply.body.is_empty() {
            client.send_frame(proxy_http::Frame::Data(reply.body.clone()));
            self.download.bytes = reply.body.len() as u64;
        }
        client.send_end();
        match poll_fn(|cx| client.poll_flush(cx)).await {
            Ok(()) => After::Keep,
            Err(_) => After::Abort,
        }
    }
}
