//! `GatewayClass`: who makes gateways.

use crate::describe::Form as Written;
use crate::read::record;

record! {
    /// A class of gateways: who makes them, and with which settings. It belongs to the cluster, not to a namespace.
    GatewayClass {
        /// Who makes gateways of this class; that of Weft is `istio.io/gateway-controller`. It cannot be changed.
        "controllerName" controller_name: String = [
            Required,
            MinLength(1),
            MaxLength(253),
            Form(Written::DomainPath),
            Cel("self == oldSelf", "make another class instead of changing the controller"),
        ],
        /// An object with settings of the class.
        "parametersRef" parameters_ref: Option<ParametersRef>,
        /// What the class is for, in a few words.
        "description" description: Option<String> = [MaxLength(64)],
    }
}

record! {
    /// An object with settings of a class.
    ParametersRef {
        /// API group of the object; empty for the core group.
        "group" group: String = [Required, MaxLength(253), Form(Written::ApiGroup)],
        /// Kind of the object, such as ConfigMap.
        "kind" kind: String = [Required, MinLength(1), MaxLength(63), Form(Written::KindName)],
        /// Name of the object.
        "name" name: String = [Required, MinLength(1), MaxLength(253)],
        /// Namespace of the object; absent for an object of the cluster.
        "namespace" namespace: Option<String> = [MinLength(1), MaxLength(63), Form(Written::Label)],
    }
}
