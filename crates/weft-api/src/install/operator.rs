//! The document itself.

use crate::Any;

use super::Components;
use super::values::Values;
use crate::mesh_config::mesh_record;

mesh_record! {
    /// The document.
    IstioOperator {
        /// `install.istio.io/v1alpha1`.
        "apiVersion" api_version: String,
        /// `IstioOperator`.
        "kind" kind: String,
        /// Name, namespace, labels and annotations.
        "metadata" metadata: Any,
        /// What is to be installed.
        "spec" spec: OperatorSpec,
    }
}

mesh_record! {
    /// What is to be installed.
    OperatorSpec {
        /// Name or file of the profile that this goes over. Default `default`.
        "profile" profile: String,
        /// Folder with charts and profiles. Default: the built-in ones.
        "installPackagePath" install_package_path: String,
        /// Where images come from, such as `docker.io/istio`.
        "hub" hub: String,
        /// Tag of the images.
        "tag" tag: Option<Any>,
        /// Namespace of the control plane. Default `istio-system`.
        "namespace" namespace: String,
        /// Revision of this control plane; a part of a domain name. Default: none.
        "revision" revision: String,
        /// Release, such as `1.23`, whose defaults count.
        "compatibilityVersion" compatibility_version: String,
        /// Settings of the mesh, a `MeshConfig`; they go over `values.meshConfig`.
        "meshConfig" mesh_config: Option<Any>,
        /// Which parts are installed, and how they run.
        "components" components: Option<Components>,
        /// Values of the charts.
        "values" values: Option<Values>,
        /// Values of charts of one's own; they are not looked at.
        "unvalidatedValues" unvalidated_values: Option<Any>,
    }
}
