//! Calls that meet the rules of policies.
//! In: an AuthorizationPolicy or PeerAuthentication. Out: calls into one pod of each sort that it selects: for each rule its
//! callers with its operations, strangers with its operations, its callers with other operations, and plain text.

use serde_json::Value;
use weft_explain::{Call, Origin, Security};

use super::{Shapes, list, named, texts};
use crate::pods::Group;

/// Most callers or operations of one rule.
const MOST: usize = 8;
/// Somebody of the mesh that no policy knows.
const STRANGER: &str = "weft-plan/stranger";

/// What a caller shows.
#[derive(Clone, PartialEq)]
enum Who {
    Principal(String),
    Address(std::net::IpAddr),
    Plain,
}

/// Method and path.
type Operation = (String, String);

pub(super) fn add(shapes: &mut Shapes, object: &Value, groups: &[Group]) {
    let (_, namespace) = named(object);
    let spec = &object["spec"];
    let wanted = [&spec["selector"]["matchLabels"]];
    let selects = |group: &&Group| {
        let labels = &group.pod["metadata"]["labels"];
        let mut all = wanted.iter().filter_map(|wanted| wanted.as_object()).flatten();
        (group.namespace() == namespace || namespace == "istio-system")
            && !group.pod.is_null()
            && all.all(|(key, value)| labels.get(key) == Some(value))
    };
    let other = ("DELETE".to_owned(), "/weft-plan".to_owned());
    let usual = ("GET".to_owned(), "/".to_owned());
    for group in groups.iter().filter(selects) {
        let Origin::From(name, space) = &group.origin else { continue };
        let origin = Origin::Inbound(name.clone(), space.clone());
        let mut ask = |who: &Who, operation: &Operation| {
            if let Ok(call) = call(&origin, port(&group.pod), who, operation) {
                shapes.add(call);
            }
        };
        ask(&Who::Plain, &usual);
        ask(&Who::Principal(STRANGER.to_owned()), &usual);
        for rule in list(spec, "rules") {
            let (callers, operations) = (callers(rule), operations(rule));
            for who in &callers {
                operations.iter().chain([&other, &usual]).for_each(|operation| ask(who, operation));
            }
            for operation in &operations {
                ask(&Who::Principal(STRANGER.to_owned()), operation);
                ask(&Who::Plain, operation);
            }
        }
    }
}

fn port(pod: &Value) -> u64 {
    let ports = list(&pod["spec"], "containers").iter().flat_map(|one| list(one, "ports"));
    ports.filter_map(|port| port["containerPort"].as_u64()).next().unwrap_or(8080)
}

fn call(
    origin: &Origin,
    port: u64,
    who: &Who,
    operation: &Operation,
) -> Result<Call, weft_explain::Unclear> {
    let mut call = Call::new(origin.clone(), &format!("localhost:{port}"))?;
    (call.method, call.path) = operation.clone();
    if *who != Who::Plain {
        call.security = Security::Mtls;
    }
    match who {
        Who::Principal(principal) => call.principal = Some(principal.clone()),
        Who::Address(address) => {
            call.source_ip = Some(*address);
            call.principal = Some(STRANGER.to_owned());
        }
        Who::Plain => {}
    }
    Ok(call)
}

/// A text that a pattern with one `*` takes.
fn example(written: &str) -> String {
    written.replace('*', "any").replace("{any}", "any").replace("{anyany}", "any/any")
}

fn callers(rule: &Value) -> Vec<Who> {
    let mut found = Vec::new();
    for source in list(rule, "from").iter().map(|from| &from["source"]) {
        for principal in texts(source, "principals") {
            found.push(Who::Principal(format!("spiffe://{}", example(principal))));
        }
        for namespace in texts(source, "namespaces") {
            found.push(Who::Principal(format!("{}/default", example(namespace))));
        }
        for account in texts(source, "serviceAccounts") {
            found.push(Who::Principal(example(account)));
        }
        for block in texts(source, "ipBlocks") {
            let address = block.split('/').next().unwrap_or_default();
            found.extend(address.parse().ok().map(Who::Address));
        }
    }
    found.truncate(MOST);
    found
}

fn operations(rule: &Value) -> Vec<Operation> {
    let mut found = Vec::new();
    for operation in list(rule, "to").iter().map(|to| &to["operation"]) {
        let or = |field: &str, usual: &'static str| {
            let all: Vec<String> = texts(operation, field).into_iter().map(example).collect();
            if all.is_empty() { vec![usual.to_owned()] } else { all }
        };
        for method in or("methods", "GET") {
            for path in or("paths", "/") {
                let path = if path.starts_with('/') { path } else { format!("/{path}") };
                found.push((method.clone(), path));
            }
        }
    }
    found.truncate(MOST);
    found
}
