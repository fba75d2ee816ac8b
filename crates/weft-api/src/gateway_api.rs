//! The kinds of the Gateway API: `gateway.networking.k8s.io`, both of its channels.
//!
//! Why `default` stands at fields: servers of the Gateway API fill them in, and clients expect to read them back.

mod backend_tls;
mod class;
mod cors;
pub mod deployed;
mod external_auth;
pub mod features;
mod filter;
mod gateway;
mod grpc_route;
mod http_match;
mod http_route;
mod listener;
mod reference;
mod reference_grant;
mod stream_route;

pub use backend_tls::{BackendTlsPolicy, BackendValidation, SubjectAltName, SubjectAltNameType};
pub use backend_tls::{PolicyTarget, SystemCertificates};
pub use class::{GatewayClass, ParametersRef};
pub use cors::{Cors, CorsMethod};
pub use external_auth::{ExternalAuth, ExternalAuthProtocol, ForwardBody, GrpcAuth, HttpAuth};
pub use filter::{FilterType, Fraction, GrpcFilter, GrpcFilterType, HttpFilter};
pub use filter::{Header, HeaderModifier, PathModifier, PathModifierType, Redirect, Rewrite};
pub use filter::{RequestMirror, Scheme};
pub use gateway::{
    Address, AllowedListeners, BackendTls, Frontend, FrontendTls, FrontendValidation,
};
pub use gateway::{Gateway, GatewayTls, Infrastructure, ListenerNamespaces, ListenersFrom};
pub use gateway::{LocalParametersRef, PortTls, ValidationMode};
pub use grpc_route::{GrpcMatch, GrpcMethodMatch, GrpcRoute, GrpcRule};
pub use http_match::{HeaderMatch, HttpMatch, Method, PathMatch, PathMatchType, QueryParamMatch};
pub use http_match::{TextMatchType, Timeouts};
pub use http_route::{CookieConfig, CookieLifetime, HttpRoute, HttpRule, Retry};
pub use http_route::{SessionPersistence, SessionType};
pub use listener::{AllowedRoutes, Listener, ListenerSet, ListenerTls, RouteKind, RouteNamespaces};
pub use listener::{ParentGateway, RoutesFrom, TlsMode};
pub use reference::{BackendObject, BackendRef, CertificateRef, DefaultScope, GrpcBackendRef};
pub use reference::{HttpBackendRef, LocalRef, ObjectRef, ParentRef, Target};
pub use reference_grant::{GrantFrom, GrantTo, ReferenceGrant};
pub use stream_route::{StreamRule, TcpRoute, TlsRoute};
