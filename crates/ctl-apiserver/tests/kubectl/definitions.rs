//! Kinds that users define.

use crate::harness::{Cluster, has};

pub(crate) const WIDGETS: &str = r#"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: widgets.shop.example.com }
spec:
  group: shop.example.com
  scope: Namespaced
  names: { kind: Widget, plural: widgets, shortNames: [wd], categories: [all, toys] }
  versions:
  - name: v1
    served: true
    storage: true
    additionalPrinterColumns:
    - { name: Color, type: string, jsonPath: .spec.color }
    - { name: Size, type: integer, jsonPath: .spec.size }
    - { name: Ready, type: string, jsonPath: '.status.conditions[?(@.type=="Ready")].status', priority: 1 }
    - { name: Age, type: date, jsonPath: .metadata.creationTimestamp }
    selectableFields: [{ jsonPath: .spec.color }]
    subresources:
      status: {}
      scale: { specReplicasPath: .spec.size, statusReplicasPath: .status.size, labelSelectorPath: .status.selector }
    schema: &schema
      openAPIV3Schema:
        type: object
        description: A widget of the shop.
        required: [spec]
        properties:
          spec:
            type: object
            description: What the widget should be.
            x-kubernetes-validations:
            - { rule: "self.size <= self.most", message: size must not be over most, fieldPath: .size }
            - { rule: "self.color == oldSelf.color", message: the color stays, reason: FieldValueForbidden }
            properties:
              color: { type: string, enum: [red, green, blue], default: red, description: How it looks. }
              size: { type: integer, minimum: 0, default: 1 }
              most: { type: integer, default: 10 }
              port: { x-kubernetes-int-or-string: true }
              note: { type: string, nullable: true }
              free: { type: object, x-kubernetes-preserve-unknown-fields: true }
          status:
            type: object
            properties:
              size: { type: integer }
              selector: { type: string }
              conditions: { type: array, items: { type: object, x-kubernetes-preserve-unknown-fields: true } }
  - { name: v1beta1, served: true, storage: false, deprecated: true, deprecationWarning: use v1, schema: *schema }
"#;

pub(crate) const WIDGET: &str = r#"
apiVersion: shop.example.com/v1
kind: Widget
metadata: { name: a }
spec: { size: 2, note: null, port: http, free: { x: [1] } }
"#;

async fn shop() -> Cluster {
    let cluster = Cluster::start().await;
    has(&cluster.ok_with("apply -f -", WIDGETS).await, "created");
    cluster
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_is_served_as_soon_as_it_is_defined() {
    let cluster = shop().await;
    cluster.ok("wait --for=condition=Established crd/widgets.shop.example.com --timeout=5s").await;
    has(&cluster.ok_with("create -f -", WIDGET).await, "widget.shop.example.com/a created");
    has(&cluster.ok("get wd").await, "NAME   COLOR   SIZE   AGE");
    has(&cluster.ok("get wd -o wide").await, "READY");
    has(&cluster.ok("get toys -o name").await, "widget.shop.example.com/a");
    has(&cluster.ok("get wd --field-selector spec.color=red -o name").await, "/a");
    assert_eq!(cluster.ok("get wd --field-selector spec.color=blue -o name").await, "");
    let spec = cluster.ok("get widget a -o jsonpath={.spec}").await;
    assert_eq!(
        spec,
        r#"{"color":"red","free":{"x":[1]},"most":10,"note":null,"port":"http","size":2}"#
    );
    has(&cluster.ok("api-resources --api-group=shop.example.com").await, "wd");
    has(
        &cluster.ok("get --raw /apis/shop.example.com").await,
        r#""preferredVersion":{"groupVersion":"shop.example.com/v1""#,
    );
    let old = cluster.run_with("get widgets.v1beta1.shop.example.com a -o yaml", "").await;
    has(&String::from_utf8_lossy(&old.stdout), "apiVersion: shop.example.com/v1beta1");
    let old = cluster.run_with("apply -f -", &WIDGET.replace("/v1\n", "/v1beta1\n")).await;
    has(&String::from_utf8_lossy(&old.stderr), "Warning: use v1");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_held_against_its_schema_with_every_fault_by_its_path() {
    let cluster = shop().await;
    let wrong = WIDGET.replace("size: 2", "size: -1, color: rad");
    let told = cluster.fails("create -f -", &wrong).await;
    has(&told, "spec.size: is -1, too small");
    has(&told, "spec.color: is the text \"rad\", which is not possible here: did you mean `red`?");
    let typo = WIDGET.replace("size: 2", "sice: 2");
    has(
        &cluster.fails("create -f -", &typo).await,
        "unknown field \"spec.sice\": did you mean `size`?",
    );
    let warned = cluster.run_with("create --validate=warn -f -", &typo).await;
    has(&String::from_utf8_lossy(&warned.stderr), "Warning: unknown field \"spec.sice\"");
    has(&cluster.ok("get wd a -o jsonpath={.spec.size}{.spec.sice}").await, "1");
    has(
        &cluster.fails("patch wd a --type=merge -p {\"spec\":{\"size\":11}}", "").await,
        "spec.size: size must not be over most",
    );
    has(
        &cluster.fails("patch wd a --type=merge -p {\"spec\":{\"color\":\"blue\"}}", "").await,
        "the color stays",
    );
    has(
        &cluster
            .fails(
                "create -f -",
                "{apiVersion: shop.example.com/v1, kind: Widget, metadata: {name: b}}",
            )
            .await,
        "spec: is missing",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metadata_of_custom_objects_is_held_against_its_types() {
    let cluster = shop().await;
    let path = "/apis/shop.example.com/v1/namespaces/default/widgets";
    let wrong = r#"{"metadata":{"name":"a","labels":{"a":1}},"spec":{}}"#;
    has(&cluster.send("POST", path, wrong).await, "metadata.labels.a must be a text");
    let typo = WIDGET.replace("{ name: a }", "{ name: a, lables: { a: b } }");
    has(&cluster.fails("create -f -", &typo).await, "unknown field \"metadata.lables\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_may_move_to_another_version_and_stop_serving_the_old_one() {
    let cluster = shop().await;
    cluster.ok_with("apply -f -", WIDGET).await;
    let moved = WIDGETS
        .replace("storage: true", "storage: false")
        .replace("{ name: v1beta1, served: true, storage: false, deprecated: true, deprecationWarning: use v1,", "{ name: v2, served: true, storage: true,");
    cluster.ok_with("apply -f -", &moved).await;
    let stored = "get crd widgets.shop.example.com -o jsonpath={.status.storedVersions}";
    assert_eq!(cluster.ok(stored).await, r#"["v1","v2"]"#);
    let unserved = moved.replacen("served: true", "served: false", 1);
    cluster.ok_with("apply -f -", &unserved).await;
    has(&cluster.ok("get widgets.v2.shop.example.com a -o yaml").await, "shop.example.com/v2");
    cluster.ok("patch widgets.v2.shop.example.com a --type=merge -p {\"spec\":{\"size\":4}}").await;
    cluster.ok("label widgets.v2.shop.example.com a x=y").await;
    let path = "get --raw /apis/shop.example.com/v1/widgets";
    has(&cluster.fails(path, "").await, "(NotFound)");
    let gone = unserved.replace("- name: v1\n", "- name: v0\n");
    has(&cluster.fails("apply -f -", &gone).await, "version \"v1\" must stay");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_and_scale_are_written_apart() {
    let cluster = shop().await;
    cluster.ok_with("apply -f -", WIDGET).await;
    cluster.ok("patch wd a --subresource=status --type=merge -p {\"status\":{\"size\":2,\"selector\":\"a=b\"},\"spec\":{\"size\":9}}").await;
    has(
        &cluster.ok("get wd a -o jsonpath={.spec.size}{.status.size}{.metadata.generation}").await,
        "221",
    );
    cluster.ok("patch wd a --type=merge -p {\"status\":{\"size\":7}}").await;
    has(&cluster.ok("get wd a -o jsonpath={.status.size}").await, "2");
    cluster.ok("scale wd a --replicas=5").await;
    has(&cluster.ok("get wd a -o jsonpath={.spec.size}{.metadata.generation}").await, "52");
    has(
        &cluster.ok("get --raw /apis/shop.example.com/v1/namespaces/default/widgets/a/scale").await,
        "a=b",
    );
    let old = "get --raw /apis/shop.example.com/v1beta1/namespaces/default/widgets/a/status";
    has(&cluster.fails(old, "").await, "NotFound");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_that_is_wrong_is_refused_by_path() {
    let cluster = Cluster::start().await;
    for (from, to, told) in [
        (
            "size: { type: integer",
            "size: { type: int",
            "spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.size.type",
        ),
        ("note: { type: string, ", "note: { ", "properties.note.type: is required"),
        ("self.size <= self.most", "self.sise <= self.most", "did you mean size?"),
        ("name: widgets.shop", "name: widget.shop", "metadata.name: must be spec.names.plural"),
        ("scope: Namespaced", "scope: All", "spec.scope"),
        (
            "scope: Namespaced",
            "scope: Namespaced\n  conversion: { strategy: Webhook, webhook: { conversionReviewVersions: [v1], clientConfig: { url: 'https://a' } } }",
            "webhooks are not called",
        ),
        (
            "jsonPath: .spec.color }\n",
            "jsonPath: spec.color }\n",
            "additionalPrinterColumns[0].jsonPath",
        ),
        ("storage: true", "storage: false", "exactly one must"),
        ("default: 10", "default: ten", "the default is the text"),
    ] {
        assert!(WIDGETS.contains(from), "{from}");
        let wrong = cluster.fails("create -f -", &WIDGETS.replace(from, to)).await;
        has(&wrong, told);
    }
    has(&cluster.fails("get widgets", "").await, "doesn't have a resource type");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_takes_its_objects_with_it_and_its_names_become_free() {
    let cluster = shop().await;
    cluster.ok_with("apply -f -", WIDGET).await;
    let rival = WIDGETS.replace("widgets", "gadgets");
    cluster.ok_with("create -f -", &rival).await;
    let refused = cluster
        .ok("get crd gadgets.shop.example.com -o jsonpath={.status.conditions[*].status}")
        .await;
    assert_eq!(refused, "False False");
    cluster.ok("delete crd widgets.shop.example.com --timeout=20s").await;
    has(&cluster.fails("get --raw /apis/shop.example.com/v1/widgets", "").await, "(NotFound)");
    cluster.ok("annotate crd gadgets.shop.example.com a=b").await;
    cluster.ok("wait --for=condition=Established crd/gadgets.shop.example.com --timeout=5s").await;
    cluster
        .ok_with(
            "apply -f -",
            WIDGETS.replace("kind: Widget,", "kind: Wodget,").replace("[wd]", "[wo]").as_str(),
        )
        .await;
    assert_eq!(cluster.ok("get widgets -o name").await, "", "its objects went with it");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_meshs_own_definitions_can_be_applied_over_and_not_deleted() {
    let cluster = Cluster::start().await;
    let name = "virtualservices.networking.istio.io";
    let shown = cluster.ok(&format!("get crd {name} -o yaml")).await;
    has(&shown, "networking.istio.io");
    let own = ctl_apiserver::table_definitions();
    for definition in &own {
        let first = cluster.run_with("apply -f -", &definition.to_string()).await;
        assert!(first.status.success());
        assert_eq!(String::from_utf8_lossy(&first.stderr), "", "kubectl is not surprised");
        has(&cluster.ok_with("apply -f -", &definition.to_string()).await, "unchanged");
    }
    has(&cluster.fails(&format!("delete crd {name}"), "").await, "cannot be deleted");
    has(&cluster.ok("get vs").await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_ends_with_its_kind() {
    let cluster = shop().await;
    let mut watch = cluster.command("get --raw /apis/shop.example.com/v1/widgets?watch=1");
    let watch = watch.output();
    let ending = async {
        cluster.ok_with("apply -f -", WIDGET).await;
        cluster.ok("delete crd widgets.shop.example.com --timeout=20s").await;
    };
    let (watched, ()) =
        tokio::join!(tokio::time::timeout(std::time::Duration::from_secs(25), watch), ending);
    assert!(watched.unwrap().unwrap().status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_defined_is_served_after_a_restart_and_what_a_user_changed_stays() {
    let cluster = shop().await;
    let name = "destinationrules.networking.istio.io";
    cluster.ok(&format!("patch crd {name} --type=json -p [{{\"op\":\"add\",\"path\":\"/spec/names/shortNames/-\",\"value\":\"mine\"}}]")).await;
    let again = |built_in| {
        let tokens = ctl_apiserver::tokens::TokenKey::open(cluster.state.path()).unwrap();
        let store = cluster.registry.store().clone();
        let (admission, clock) = (Box::new(ctl_apiserver::AdmitAll), weft_rt::Clock::real());
        ctl_apiserver::Registry::new(store, admission, tokens, clock, built_in)
    };
    let mut built_in = ctl_apiserver::table_definitions();
    let same = again(built_in.clone());
    assert!(same.kind("shop.example.com", "Widget").is_some());
    same.bootstrap().await.unwrap();
    let rule = || same.kind("networking.istio.io", "DestinationRule").unwrap();
    assert!(rule().short.contains(&"mine".to_owned()), "a user's change stays");
    let newer = built_in.iter_mut().find(|d| d["metadata"]["name"] == name).unwrap();
    newer["spec"]["names"]["shortNames"] = serde_json::json!(["dr", "newer"]);
    let newer = again(built_in);
    newer.bootstrap().await.unwrap();
    let rule = newer.kind("networking.istio.io", "DestinationRule").unwrap();
    assert_eq!(rule.short, ["dr", "newer"], "a newer Weft brings its own");
}
