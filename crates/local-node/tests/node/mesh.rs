//! A running node with its fake API, and the questions that scenarios ask.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ctl_source::{ObjectKey, Source, kinds};
use local_node::{NodeConfig, NodeParts, Reaper, Relay, init};
use serde_json::{Value, json};
use tokio::sync::watch;
use weft_rt::Clock;

use crate::fake::Fake;
use crate::scenarios;

/// Our own images: `weft/echo` prints its arguments and sleeps.
pub fn image(arguments: &[String]) -> ExitCode {
    println!("image {}", arguments.join(" "));
    ExitCode::SUCCESS
}

pub fn inside(state: &Path) -> ExitCode {
    let (config, prepared) = prepare(state);
    runtime().block_on(async {
        let mesh = Mesh::start(config, prepared, Vec::new()).await;
        scenarios::all(&mesh).await;
        mesh.stop().await;
    });
    ExitCode::SUCCESS
}

pub fn prepare(state: &Path) -> (NodeConfig, init::Prepared) {
    tracing_subscriber::fmt().with_env_filter("info").with_writer(std::io::stderr).init();
    let exe = std::env::current_exe().unwrap();
    let config = NodeConfig::new(state.to_owned(), exe.clone(), exe);
    let prepared = init::prepare(state, &config.mesh_net()).unwrap();
    (config, prepared)
}

pub fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

pub struct Mesh {
    pub api: Arc<Fake>,
    pub config: NodeConfig,
    pub reaper: Arc<Reaper>,
    stop: watch::Sender<bool>,
    node: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Mesh {
    pub async fn start(config: NodeConfig, prepared: init::Prepared, relays: Vec<Relay>) -> Self {
        let (api, reaper) = (Arc::new(Fake::default()), Reaper::new());
        tokio::spawn(Arc::clone(&reaper).run());
        let stop = watch::Sender::new(false);
        let source: Arc<dyn Source> = Arc::clone(&api) as Arc<dyn Source>;
        let parts = NodeParts {
            config: config.clone(),
            source,
            reaper: Arc::clone(&reaper),
            prepared,
            clock: Clock::real(),
            relays,
        };
        let node = tokio::spawn(local_node::node::run(parts, stop.subscribe()));
        Self { api, config, reaper, stop, node }
    }

    pub async fn stop(self) {
        let begun = Instant::now();
        self.stop.send_replace(true);
        self.node.await.unwrap().unwrap();
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(2), "the node took {took:?} to end");
        eprintln!("the node ended in {took:?}");
    }

    pub async fn create(&self, kind: &str, object: Value) {
        let group = if kind == "EndpointSlice" { "discovery.k8s.io" } else { "" };
        let resource = kinds::find(group, kind).unwrap().resource();
        self.api.create(&resource, object).await.unwrap();
    }

    /// A pod of one container that runs a shell script.
    pub async fn shell(&self, name: &str, script: &str) {
        self.pod(name, json!({"containers": [{"name": "main", "command": ["sh", "-c", script]}]}))
            .await;
    }

    pub async fn pod(&self, name: &str, spec: Value) {
        let meta = json!({"name": name, "namespace": "default"});
        self.create("Pod", json!({"metadata": meta, "spec": spec})).await;
    }

    pub fn key(name: &str) -> ObjectKey {
        let resource = kinds::find("", "Pod").unwrap().resource();
        ObjectKey { resource, namespace: Some("default".into()), name: name.into() }
    }

    /// Waits until the pod answers `wanted`.
    #[track_caller]
    pub fn until<'a>(
        &'a self,
        name: &'a str,
        what: &'a str,
        wanted: impl Fn(&Value) -> bool + 'a,
    ) -> impl Future<Output = Value> + 'a {
        let place = std::panic::Location::caller();
        async move {
            let deadline = Instant::now() + Duration::from_secs(15);
            loop {
                let pod = self.api.get(&Self::key(name)).await.unwrap();
                let pod = pod.map(|pod| Value::clone(&pod)).unwrap_or_default();
                if wanted(&pod) {
                    return pod;
                }
                assert!(
                    Instant::now() < deadline,
                    "{place}: pod {name} never was {what}: {pod:#}\n{:#?}",
                    self.events(name).await
                );
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }

    #[track_caller]
    pub fn until_phase<'a>(
        &'a self,
        name: &'a str,
        phase: &'a str,
    ) -> impl Future<Output = Value> + 'a {
        self.until(name, phase, move |pod| pod["status"]["phase"] == phase)
    }

    #[track_caller]
    pub fn until_ready<'a>(&'a self, name: &'a str) -> impl Future<Output = Value> + 'a {
        self.until(name, "ready", is_ready)
    }

    pub async fn events(&self, about: &str) -> Vec<String> {
        let resource = kinds::find("", "Event").unwrap().resource();
        let all = self.api.list(&resource, None).await.unwrap();
        let of = all.iter().filter(|e| e["involvedObject"]["name"] == about);
        of.map(|e| format!("{}: {}", e["reason"].as_str().unwrap(), e["message"].as_str().unwrap()))
            .collect()
    }

    /// An event about an object, which may be told after its status.
    #[track_caller]
    pub fn event<'a>(
        &'a self,
        about: &'a str,
        wanted: impl Fn(&str) -> bool + 'a,
    ) -> impl Future<Output = String> + 'a {
        let place = std::panic::Location::caller();
        async move {
            let deadline = Instant::now() + Duration::from_secs(15);
            loop {
                let events = self.events(about).await;
                if let Some(found) = events.iter().find(|event| wanted(event)) {
                    return found.clone();
                }
                assert!(Instant::now() < deadline, "{place}: of {about} only {events:#?} was told");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }

    /// The log of a container's run, without times.
    pub fn log(&self, pod: &Value, container: &str, run: u32) -> String {
        let uid = pod["metadata"]["uid"].as_str().unwrap();
        let path = self.config.state.join(format!("pods/{uid}/logs/{container}/{run}.log"));
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines()
            .map(|l| l.splitn(4, ' ').nth(3).unwrap_or_default().to_owned() + "\n")
            .collect()
    }

    /// Runs a script in a pod of its own and gives what it prints.
    pub async fn ask(&self, name: &str, script: &str) -> String {
        let containers = json!([{"name": "main", "command": ["sh", "-c", script]}]);
        self.pod(name, json!({"restartPolicy": "Never", "containers": containers})).await;
        let over =
            |pod: &Value| matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
        let pod = self.until(name, "over", over).await;
        self.log(&pod, "main", 0)
    }
}

pub fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    conditions.is_some_and(|c| c.iter().any(|c| c["type"] == "Ready" && c["status"] == "True"))
}
