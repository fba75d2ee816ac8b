//! What of the Gateway API is shown to work, by the specification's own names.
//!
//! In: nothing. Out: the table of features, for `status.supportedFeatures` of a GatewayClass and for `weft gateway-api report`.
//! Holds: a feature is claimed when the cases of it in conformance/gateway_api show all of it, and none is a known gap;
//! conformance/test_gateway_api.py holds this table against those files.
//! Never: a feature because the code seems to have it.

/// A feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feature {
    /// Its name in the specification.
    pub name: &'static str,
    /// Which profiles it belongs to.
    pub profiles: &'static [Profile],
    /// Whether the profiles ask for it; the others may be had.
    pub core: bool,
    /// Cases that hold on both data planes; none when it is not supported.
    pub cases: u32,
}

/// What an implementation may conform to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Gateways with HTTPRoutes.
    GatewayHttp,
    /// Gateways with GRPCRoutes.
    GatewayGrpc,
    /// Gateways with TLSRoutes.
    GatewayTls,
    /// HTTPRoutes of Services.
    MeshHttp,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::GatewayHttp, Self::GatewayGrpc, Self::GatewayTls, Self::MeshHttp];

    /// Its name in the specification.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::GatewayHttp => "GATEWAY-HTTP",
            Self::GatewayGrpc => "GATEWAY-GRPC",
            Self::GatewayTls => "GATEWAY-TLS",
            Self::MeshHttp => "MESH-HTTP",
        }
    }
}

impl Feature {
    /// Whether it may be claimed.
    #[must_use]
    pub fn is_supported(&self) -> bool {
        self.cases > 0
    }
}

/// Names of what is supported, sorted, as statuses have them.
pub fn supported() -> impl Iterator<Item = &'static str> {
    let mut names: Vec<&str> = FEATURES
        .iter()
        .filter(|feature| feature.is_supported())
        .map(|feature| feature.name)
        .collect();
    names.sort_unstable();
    names.into_iter()
}

const GATEWAYS: &[Profile] = &[Profile::GatewayHttp, Profile::GatewayGrpc, Profile::GatewayTls];
const ROUTES: &[Profile] = &[Profile::GatewayHttp, Profile::MeshHttp];
const HTTP: &[Profile] = &[Profile::GatewayHttp];
const GRPC: &[Profile] = &[Profile::GatewayGrpc];
const TLS: &[Profile] = &[Profile::GatewayTls];
const MESH: &[Profile] = &[Profile::MeshHttp];

const fn core(name: &'static str, profiles: &'static [Profile], cases: u32) -> Feature {
    Feature { name, profiles, core: true, cases }
}

const fn more(name: &'static str, profiles: &'static [Profile], cases: u32) -> Feature {
    Feature { name, profiles, core: false, cases }
}

/// Every feature that the specification names and the mesh could have.
pub const FEATURES: &[Feature] = &[
    core("Gateway", GATEWAYS, 34),
    core("ReferenceGrant", GATEWAYS, 10),
    core("HTTPRoute", ROUTES, 47),
    core("GRPCRoute", GRPC, 9),
    core("TLSRoute", TLS, 6),
    core("Mesh", MESH, 8),
    more("GatewayPort8080", GATEWAYS, 1),
    more("GatewayStaticAddresses", GATEWAYS, 0),
    more("GatewayAddressEmpty", GATEWAYS, 0),
    more("GatewayHTTPListenerIsolation", HTTP, 12),
    more("GatewayInfrastructurePropagation", GATEWAYS, 5),
    more("GatewayFrontendClientCertificateValidation", HTTP, 0),
    more("GatewayBackendClientCertificate", HTTP, 0),
    more("ListenerSet", HTTP, 3),
    more("HTTPRoute303RedirectStatusCode", HTTP, 2),
    more("HTTPRoute307RedirectStatusCode", HTTP, 2),
    more("HTTPRoute308RedirectStatusCode", HTTP, 2),
    more("HTTPRouteBackendProtocolH2C", HTTP, 1),
    more("HTTPRouteBackendProtocolWebSocket", HTTP, 1),
    more("HTTPRouteBackendRequestHeaderModification", HTTP, 3),
    more("HTTPRouteBackendTimeout", HTTP, 2),
    more("HTTPRouteCORS", HTTP, 5),
    more("HTTPRouteDestinationPortMatching", HTTP, 0),
    more("HTTPRouteHostRewrite", HTTP, 2),
    more("HTTPRouteMethodMatching", HTTP, 3),
    more("HTTPRouteNamedRouteRule", HTTP, 1),
    more("HTTPRouteParentRefPort", HTTP, 4),
    more("HTTPRoutePathRedirect", HTTP, 2),
    more("HTTPRoutePathRewrite", HTTP, 4),
    more("HTTPRoutePortRedirect", HTTP, 3),
    more("HTTPRouteQueryParamMatching", HTTP, 4),
    more("HTTPRouteRequestMirror", HTTP, 2),
    more("HTTPRouteRequestMultipleMirrors", HTTP, 1),
    more("HTTPRouteRequestPercentageMirror", HTTP, 3),
    more("HTTPRouteRequestTimeout", HTTP, 3),
    more("HTTPRouteResponseHeaderModification", HTTP, 3),
    more("HTTPRouteSchemeRedirect", HTTP, 2),
    more("GRPCRouteNamedRouteRule", GRPC, 1),
    more("TLSRouteModeTerminate", TLS, 1),
    more("TCPRoute", TLS, 2),
    more("BackendTLSPolicy", HTTP, 0),
    more("BackendTLSPolicySANValidation", HTTP, 0),
    more("MeshClusterIPMatching", MESH, 0),
    more("MeshConsumerRoute", MESH, 2),
    more("MeshHTTPRouteBackendRequestHeaderModification", MESH, 1),
    more("MeshHTTPRouteQueryParamMatching", MESH, 2),
    more("MeshHTTPRouteRedirectPath", MESH, 2),
    more("MeshHTTPRouteRedirectPort", MESH, 1),
    more("MeshHTTPRouteRewritePath", MESH, 2),
    more("MeshHTTPRouteSchemeRedirect", MESH, 1),
];
