//! The fields that Weft acts on. A field is added here in the commit that makes it act, with its test.

pub(super) const IN_EFFECT: &[&str] = &[
    "IstioOperator.apiVersion",
    "IstioOperator.kind",
    "IstioOperator.metadata",
    "IstioOperator.spec.meshConfig",
    "IstioOperator.spec.values.meshConfig",
];
