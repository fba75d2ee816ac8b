//! `ReferenceGrant`: who may point into a namespace.

use crate::describe::Form as Written;
use crate::read::record;

record! {
    /// Allows objects of other namespaces to point at objects of this namespace.
    ReferenceGrant {
        /// Who may point.
        "from" from: Vec<GrantFrom> = [Required, MinItems(1), MaxItems(16)],
        /// At what.
        "to" to: Vec<GrantTo> = [Required, MinItems(1), MaxItems(16)],
    }
}

record! {
    /// Who may point: all objects of a kind in a namespace.
    GrantFrom {
        /// API group of the objects; empty for the core group.
        "group" group: String = [Required, MaxLength(253), Form(Written::ApiGroup)],
        /// Kind of the objects, such as HTTPRoute.
        "kind" kind: String = [Required, MinLength(1), MaxLength(63), Form(Written::KindName)],
        /// Namespace of the objects.
        "namespace" namespace: String =
            [Required, MinLength(1), MaxLength(63), Form(Written::Label)],
    }
}

record! {
    /// What may be pointed at.
    GrantTo {
        /// API group of the objects; empty for the core group.
        "group" group: String = [Required, MaxLength(253), Form(Written::ApiGroup)],
        /// Kind of the objects, such as Service or Secret.
        "kind" kind: String = [Required, MinLength(1), MaxLength(63), Form(Written::KindName)],
        /// Name of the object; all of the kind when absent.
        "name" name: Option<String> = [MinLength(1), MaxLength(253)],
    }
}
