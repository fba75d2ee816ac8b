//! What stands between an object that was read and the store: defaults, admission, rules, addresses.

use std::collections::HashSet;

use ctl_source::Object;
use serde_json::Value;

use super::{Registry, text, validate};
use crate::admission::{AdmissionContext, Denied, FieldValidation, Operation, Warning};
use crate::fault::Fault;
use crate::kind::{Kind, Version};
use crate::{conform, defaults};

impl Registry {
    pub(super) fn context<'a>(
        &self,
        operation: Operation,
        kind: &'a Kind,
        namespace: &'a str,
        namespace_labels: &'a Value,
        field_validation: FieldValidation,
    ) -> AdmissionContext<'a> {
        let namespace = kind.namespaced.then_some(namespace);
        AdmissionContext { operation, kind, namespace, namespace_labels, field_validation }
    }

    pub(super) fn admit(
        &self,
        context: &AdmissionContext<'_>,
        version: &Version,
        object: &mut Value,
        old: Option<&Value>,
        name: &str,
    ) -> Result<Vec<Warning>, Fault> {
        let kind = context.kind;
        let refuse = |denied: Denied| match denied.field.is_empty() {
            true => {
                Fault::forbidden(format!("{} \"{name}\" is refused: {}", kind.plural, denied.why))
            }
            false => Fault::invalid(kind, name, &[(denied.field, denied.why)]),
        };
        defaults::apply(kind, object);
        self.inner.admission.mutate(context, object).map_err(refuse)?;
        defaults::apply(kind, object);
        let problems = validate::problems(kind, object, old);
        if !problems.is_empty() {
            return Err(Fault::invalid(kind, name, &problems));
        }
        conform::judge(kind, version, object, old, name, &*self.inner.admission)?;
        self.inner.admission.validate(context, object, old).map_err(refuse)
    }

    /// The labels of the namespace that a new object goes to, when it is there and stays.
    pub(super) fn open_namespace(&self, kind: &Kind, namespace: &str) -> Result<Value, Fault> {
        if !kind.namespaced {
            return Ok(Value::Null);
        }
        let found = self.namespace(namespace)?;
        if text(&found, "/metadata/deletionTimestamp").is_some() {
            return Err(Fault::forbidden(format!(
                "namespace {namespace} is being deleted: nothing new can be created in it"
            )));
        }
        Ok(found["metadata"]["labels"].clone())
    }

    pub(super) fn labels_of(&self, namespace: &str) -> Value {
        self.namespace(namespace).map(|n| n["metadata"]["labels"].clone()).unwrap_or_default()
    }

    fn namespace(&self, name: &str) -> Result<Object, Fault> {
        let kind = self.kind("", "Namespace").ok_or_else(|| Fault::no_path("namespaces"))?;
        self.read(&kind, "", name)
    }

    pub(super) async fn give_address(
        &self,
        kind: &Kind,
        name: &str,
        object: &mut Value,
        old: Option<&Object>,
    ) -> Result<Option<tokio::sync::MutexGuard<'_, ()>>, Fault> {
        if kind.kind != "Service" || !kind.group.is_empty() {
            return Ok(None);
        }
        let guard = self.inner.addresses.lock().await;
        let services = self.inner.store.list(&super::collection(kind), None).objects;
        let taken: HashSet<String> =
            services.iter().filter_map(|s| text(s, "/spec/clusterIP")).map(str::to_owned).collect();
        let keep = old.and_then(|old| text(old, "/spec/clusterIP"));
        defaults::cluster_ip(object, &taken, keep)
            .map_err(|why| Fault::invalid(kind, name, &[("spec.clusterIP".to_owned(), why)]))?;
        Ok(Some(guard))
    }
}
