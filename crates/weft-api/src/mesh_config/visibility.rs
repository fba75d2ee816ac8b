//! Which services the mesh and other clusters see.

use super::{LabelSelector, mesh_record, mesh_words};

mesh_words! {
    /// How far a service is known.
    Scope {
        /// In its own cluster only.
        Local = "LOCAL" 0,
        /// In every cluster of the mesh.
        Global = "GLOBAL" 1,
    }
}

mesh_record! {
    /// How far some services are known (node proxies only).
    ServiceScope {
        /// Namespaces whose services are meant; absent for all.
        "namespaceSelector" namespace_selector: Option<LabelSelector>,
        /// Services that are meant; absent for all.
        "servicesSelector" services_selector: Option<LabelSelector>,
        /// How far they are known. Default `LOCAL`.
        "scope" scope: Scope,
    }
}

mesh_words! {
    /// Who sees a ServiceEntry.
    Visibility {
        /// Not said.
        Unspecified = "VISIBILITY_UNSPECIFIED" 0,
        /// Nobody.
        None = "NONE" 1,
        /// Its own namespace.
        Namespace = "NAMESPACE" 2,
        /// Everybody.
        Public = "PUBLIC" 3,
    }
}

mesh_record! {
    /// Who sees the ServiceEntries that say nothing about it.
    ServiceEntryVisibility {
        /// Who sees what no policy matches. Default `PUBLIC`.
        "defaultVisibility" default_visibility: Visibility,
        /// Whether sidecars and gateways follow it too, not only node proxies and waypoints. Default false.
        "applyToSidecars" apply_to_sidecars: bool,
        /// The first one that matches decides.
        "policies" policies: Vec<VisibilityPolicy>,
    }
}

mesh_record! {
    /// Who sees some ServiceEntries.
    VisibilityPolicy {
        /// Who sees them.
        "visibility" visibility: Visibility,
        /// Which are meant; one rule that matches is enough.
        "matchingRules" matching_rules: Vec<MatchRule>,
    }
}

mesh_record! {
    /// Which ServiceEntries are meant.
    MatchRule {
        /// Those of namespaces with such labels.
        "namespaceSelector" namespace_selector: Option<LabelSelector>,
    }
}
