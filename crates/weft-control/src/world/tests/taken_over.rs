//! What a world takes over from the one before it is what a translation from nothing gives.
//!
//! In: random sequences of changes, of which some are never asked for. Holds: for every proxy, the same view and the same bytes.

use std::collections::BTreeMap;

use ctl_snapshot::MeshSettings;
use proptest::prelude::*;
use weft_model::{ObjectRef, Touched, validate_object};

use super::*;

/// Who asks: node ids.
const PROXIES: [&str; 5] = [
    "sidecar~10.0.0.1~web.a~a.svc.cluster.local",
    "sidecar~10.0.0.2~db.a~a.svc.cluster.local",
    "sidecar~10.0.0.3~store.b~b.svc.cluster.local",
    "sidecar~10.0.0.6~unknown.c~c.svc.cluster.local",
    "router~10.0.0.4~ingress.b~b.svc.cluster.local",
];

/// Every object, in all its versions.
fn written() -> Vec<Vec<Value>> {
    let mut found: BTreeMap<ObjectRef, Vec<Value>> = BTreeMap::new();
    let documents = weft_model::api::yaml::read(include_str!("written.yaml"), "written.yaml");
    for document in documents.unwrap() {
        found.entry(ObjectRef::of(&document.value)).or_default().push(document.value);
    }
    found.into_values().collect()
}

fn proxy(id: &str) -> ProxyNode {
    ProxyNode::parse(Node { id: id.to_owned(), ..Node::default() }).unwrap()
}

/// A change, and which proxies look at the mesh after it.
#[derive(Debug, Clone)]
struct Step {
    object: prop::sample::Index,
    /// One past the last version takes the object away.
    version: prop::sample::Index,
    settings: bool,
    look: [bool; PROXIES.len()],
}

fn step() -> impl Strategy<Value = Step> {
    let other_settings = prop::bool::weighted(0.05);
    (any::<(prop::sample::Index, prop::sample::Index)>(), other_settings, any::<[bool; 5]>())
        .prop_map(|((object, version), settings, look)| Step { object, version, settings, look })
}

/// The newest world, and what each proxy saw last.
struct Walked {
    inventory: Inventory,
    settings: Arc<MeshSettings>,
    world: Arc<MeshWorld>,
    seen: [Option<(Arc<MeshWorld>, ProxyView, Resources)>; PROXIES.len()],
}

impl Walked {
    fn start(all: &[Vec<Value>]) -> Self {
        let mut inventory = Inventory::default();
        all.iter().filter_map(|versions| versions.first()).for_each(|object| {
            inventory.apply(object);
        });
        let snapshot = MeshSnapshot::build(1, Arc::default(), &inventory.model().0);
        let world = Arc::new(MeshWorld::new(snapshot, None));
        Self { inventory, settings: Arc::default(), world, seen: [const { None }; PROXIES.len()] }
    }

    fn change(&mut self, all: &[Vec<Value>], step: &Step) {
        let versions = step.object.get(all);
        let version = step.version.index(versions.len() + 1);
        let mut touched = match versions.get(version) {
            Some(object) => self.inventory.apply(object),
            None => self.inventory.remove(&versions[0]),
        };
        if step.settings {
            let auto_mtls = !self.settings.auto_mtls;
            self.settings = Arc::new(MeshSettings { auto_mtls, ..(*self.settings).clone() });
            touched = Touched::Config;
        }
        let (model, _) = self.inventory.model();
        let before = self.world.snapshot();
        let snapshot = match touched {
            Touched::Nothing => return,
            Touched::Endpoints => before.with_endpoints(2, &model),
            Touched::Config => before.next(2, Arc::clone(&self.settings), &model),
        };
        self.world = Arc::new(MeshWorld::new(snapshot, Some(&self.world)));
    }

    /// As the push server asks.
    fn look(&mut self, at: usize) -> (ProxyView, Resources) {
        let proxy = proxy(PROXIES[at]);
        let before = self.seen[at].take().filter(|(old, ..)| self.world.same_view(old, &proxy));
        let (view, resources) = match before {
            Some((old, view, had)) => {
                let resources = self.world.resources_after(&view, &old, &had);
                (view, resources)
            }
            None => {
                let view = self.world.view(&proxy);
                let resources = self.world.resources(&view);
                (view, resources)
            }
        };
        self.seen[at] = Some((Arc::clone(&self.world), view.clone(), resources.clone()));
        (view, resources)
    }

    /// What a proxy that is left asleep has, when nothing but `changed` is said to be other since it looked.
    fn asleep(&self, at: usize) -> Option<(Resources, Arc<Changes>)> {
        let (old, _, had) = self.seen[at].as_ref()?;
        let stays = old.shares_endpoints(had) && self.world.same_pod(old, &proxy(PROXIES[at]));
        let changed = self.world.changed_endpoints(old).filter(|_| stays)?;
        Some((had.clone(), changed))
    }

    fn fresh(&self, at: usize) -> (ProxyView, Resources) {
        let (model, _) = self.inventory.model();
        let world =
            MeshWorld::new(MeshSnapshot::build(2, Arc::clone(&self.settings), &model), None);
        let view = world.view(&proxy(PROXIES[at]));
        let resources = world.resources(&view);
        (view, resources)
    }
}

/// Versions, which follow from the bytes, by type and name.
fn told(resources: &Resources) -> BTreeMap<(&'static str, String), String> {
    let all = resources.iter().flat_map(|(kind, set)| set.iter().map(move |one| (*kind, one)));
    all.map(|(kind, (name, one))| ((kind, name.to_string()), one.version.to_string())).collect()
}

#[test]
fn everything_that_is_written_is_valid() {
    for object in written().iter().flatten() {
        let (checked, problems) = validate_object(object);
        assert!(checked.is_some(), "{object}: {problems:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn what_is_taken_over_is_what_a_translation_from_nothing_gives(
        steps in prop::collection::vec(step(), 1..24),
    ) {
        let all = written();
        let mut walked = Walked::start(&all);
        for step in &steps {
            walked.change(&all, step);
            for (at, proxy) in PROXIES.iter().enumerate() {
                if let Some((had, changed)) = walked.asleep(at) {
                    let (mut had, mut fresh) = (told(&had), told(&walked.fresh(at).1));
                    let other = |kind: &str, name: &str| {
                        kind != type_url::ENDPOINTS || !changed.contains(name)
                    };
                    had.retain(|(kind, name), _| other(kind, name));
                    fresh.retain(|(kind, name), _| other(kind, name));
                    prop_assert_eq!(had, fresh, "{} asleep", proxy);
                }
            }
            for at in (0..PROXIES.len()).filter(|at| step.look[*at]) {
                let ((view, taken), (known, fresh)) = (walked.look(at), walked.fresh(at));
                prop_assert_eq!(&view, &known, "{}", PROXIES[at]);
                prop_assert_eq!(told(&taken), told(&fresh), "{}", PROXIES[at]);
            }
        }
    }
}
