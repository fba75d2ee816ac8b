//! Codes of problems: Istio's where it has one, else ours.
//!
//! Holds: users script against codes, so one that has been given out never changes its meaning.

use weft_model::Severity;

/// One kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// What users name it by.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What it is called.
    pub name: &'static str,
}

macro_rules! codes {
    ($($id:ident $severity:ident $name:ident)*) => {
        $(pub(crate) const $id: Code =
            Code { id: stringify!($id), severity: Severity::$severity, name: stringify!($name) };)*

        /// Every code that an analyzer of this room may give, except those of the schema.
        pub const ALL: &[Code] = &[$($id),*];
    };
}

codes! {
    IST0002 Warning Deprecated
    IST0101 Error ReferencedResourceNotFound
    IST0102 Info NamespaceNotInjected
    IST0103 Warning PodMissingProxy
    IST0107 Warning MisplacedAnnotation
    IST0108 Warning UnknownAnnotation
    IST0109 Error ConflictingMeshGatewayVirtualServiceHosts
    IST0110 Error ConflictingSidecarWorkloadSelectors
    IST0111 Error MultipleSidecarsWithoutWorkloadSelectors
    IST0112 Error VirtualServiceDestinationPortSelectorRequired
    IST0116 Warning DeploymentAssociatedToMultipleServices
    IST0118 Info PortNameIsNotUnderNamingConvention
    IST0123 Warning NamespaceMultipleInjectionLabels
    IST0125 Warning InvalidAnnotation
    IST0126 Error UnknownMeshNetworksServiceRegistry
    IST0127 Warning NoMatchingWorkloadsFound
    IST0128 Warning NoServerCertificateVerificationDestinationLevel
    IST0129 Warning NoServerCertificateVerificationPortLevel
    IST0130 Warning VirtualServiceUnreachableRule
    IST0131 Info VirtualServiceIneffectiveMatch
    IST0132 Warning VirtualServiceHostNotFoundInGateway
    IST0134 Warning ServiceEntryAddressesRequired
    IST0135 Info DeprecatedAnnotation
    IST0136 Info AlphaAnnotation
    IST0137 Warning DeploymentConflictingPorts
    IST0138 Warning GatewayDuplicateCertificate
    IST0139 Error InvalidWebhook
    IST0140 Warning IngressRouteRulesNotAffected
    IST0144 Warning InvalidApplicationUID
    IST0145 Error ConflictingGateways
    IST0146 Warning ImageAutoWithoutInjectionWarning
    IST0147 Error ImageAutoWithoutInjectionError
    IST0148 Info NamespaceInjectionEnabledByDefault
    IST0149 Error JwtClaimBasedRoutingWithoutRequestAuthN
    IST0150 Warning ExternalNameServiceTypeInvalidPortName
    IST0151 Warning EnvoyFilterUsesRelativeOperation
    IST0152 Error EnvoyFilterUsesReplaceOperationIncorrectly
    IST0153 Error EnvoyFilterUsesAddOperationIncorrectly
    IST0154 Error EnvoyFilterUsesRemoveOperationIncorrectly
    IST0155 Warning EnvoyFilterUsesRelativeOperationWithProxyVersion
    IST0157 Warning InvalidTelemetryProvider
    IST0158 Warning PodsIstioProxyImageMismatchInNamespace
    IST0159 Error ConflictingTelemetryWorkloadSelectors
    IST0160 Error MultipleTelemetriesWithoutWorkloadSelectors
    IST0161 Error InvalidGatewayCredential
    IST0162 Warning GatewayPortNotDefinedOnService
    IST0163 Warning InvalidExternalControlPlaneConfig
    IST0164 Info ExternalControlPlaneAddressIsNotAHostname
    IST0165 Warning ReferencedInternalGateway
    IST0166 Warning IneffectiveSelector
    IST0167 Warning IneffectivePolicy
    IST0170 Warning MultiClusterInconsistentService
    IST0171 Warning NegativeConditionStatus
    IST0173 Error DestinationRuleSubsetNotSelectPods
    IST0174 Warning UnknownDestinationRuleHost
    IST0175 Warning JwksUriFetchUnrestricted
    IST0176 Warning GatewayAPICRDVersionBelowMinimum
    IST0177 Warning ConflictingServiceEntryProtocol
    WEFT0100 Warning VirtualServiceUnbound
    WEFT0101 Warning RouteShadowed
    WEFT0102 Warning AuthorizationRuleRedundant
    WEFT0103 Warning PolicySelectsNothing
    WEFT0104 Warning HttpRuleOnTcpPort
    WEFT0105 Warning UnknownPrincipal
    WEFT0106 Warning HostCapturedTwice
    WEFT0107 Warning SubsetWithoutEndpoints
    WEFT0108 Warning HttpPolicyWithoutWaypoint
    WEFT0109 Warning PlaintextCallerOfStrictService
    WEFT0110 Warning RetriesDoNotFitTimeout
    WEFT0111 Warning CertificateExpires
    WEFT0112 Error KeyDoesNotMatchCertificate
    WEFT0113 Error GatewayCredentialMissing
    WEFT0114 Warning TokenNotRequired
    WEFT0115 Warning ClientTlsLost
    WEFT0116 Warning FailoverWithoutOutlierDetection
    WEFT0117 Warning PortNameHidesProtocol
    WEFT0118 Warning HttpRoutesOnTcpPort
    WEFT0119 Error RouteReferenceMissing
    WEFT0120 Warning RuleNeverMatches
    WEFT0121 Warning PeerAuthenticationDisplaced
    WEFT0122 Warning HostNotInCertificate
    WEFT0123 Error GatewayPortConflict
}
