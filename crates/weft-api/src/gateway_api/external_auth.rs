//! The filter `ExternalAuth`: a server that is asked.

use super::reference::BackendObject;
use crate::describe::Form as Written;
use crate::read::{record, words};

words! {
    /// How the server is asked.
    ExternalAuthProtocol {
        /// With requests of HTTP; 200 allows.
        Http = "HTTP",
        /// With calls of Envoy's authorization service.
        Grpc = "GRPC",
    }
}

record! {
    /// A server that is asked whether a request is allowed.
    ExternalAuth {
        /// HTTP or GRPC.
        "protocol" protocol: ExternalAuthProtocol = [Required],
        /// The server.
        "backendRef" backend_ref: Option<BackendObject> = [Required],
        /// Settings for GRPC.
        "grpc" grpc: Option<GrpcAuth>,
        /// Settings for HTTP.
        "http" http: Option<HttpAuth>,
        /// Sends the body of requests along.
        "forwardBody" forward_body: Option<ForwardBody>,
    } where [Holds(
        "(self.protocol == 'GRPC') == has(self.grpc) && (self.protocol == 'HTTP') == has(self.http)",
        "give grpc or http, as protocol says",
    )]
}

record! {
    /// What a server of gRPC is told.
    GrpcAuth {
        /// Header fields that it gets; all when absent.
        "allowedHeaders" allowed_headers: Vec<String> = [MaxItems(64), Distinct],
    }
}

record! {
    /// What a server of HTTP is told, and what is taken from its answer.
    HttpAuth {
        /// What is put before the path.
        "path" path: Option<String> = [MaxLength(1024), Form(Written::PathText)],
        /// Header fields that it gets beside Host, Method, Path, Content-Length and Authorization.
        "allowedHeaders" allowed_headers: Vec<String> = [MaxItems(64), Distinct],
        /// Header fields of its answer that the backend gets; all when absent.
        "allowedResponseHeaders" allowed_response_headers: Vec<String> = [MaxItems(64), Distinct],
    }
}

record! {
    /// Sends the body of requests to the server.
    ForwardBody {
        /// Bytes at most; 0 sends none.
        "maxSize" max_size: i32 = [Min(0)],
    }
}
