//! Calls that meet the rules of policies.
//! In: an AuthorizationPolicy, PeerAuthentication or RequestAuthentication. Out: calls into one pod of each sort that it selects: for
//! each rule its callers and users with its operations, strangers with its operations, its callers with other operations, and plain
//! text; for each issuer a user, and a user of an issuer that nobody names.

use serde_json::Value;
use weft_explain::{Call, Origin, Security};

use super::users::{self, User};
use super::{Shapes, example, list, texts};
use crate::pods::Group;

/// Most callers or operations of one rule.
const MOST: usize = 8;
/// Somebody of the mesh that no policy knows.
const STRANGER: &str = "weft-plan/stranger";

/// An issuer that no rule names.
const NOBODY: &str = "https://weft-plan.example";

/// What a caller shows.
#[derive(Clone, PartialEq)]
enum Who {
    Principal(String),
    Address(std::net::IpAddr),
    Plain,
}

/// Method and path.
type Operation = (String, String);

pub(super) fn add(shapes: &mut Shapes, object: &Value, groups: &[Group], issuers: &[String]) {
    let spec = &object["spec"];
    let other = ("DELETE".to_owned(), "/weft-plan".to_owned());
    let usual = ("GET".to_owned(), "/".to_owned());
    let stranger = Who::Principal(STRANGER.to_owned());
    let selects = |group: &&Group| users::is_about(object, &group.pod, group.namespace());
    for group in groups.iter().filter(selects) {
        let Origin::From(name, space) = &group.origin else { continue };
        let origin = Origin::Inbound(name.clone(), space.clone());
        let mut ask = |who: &Who, user: &User, operation: &Operation| {
            if let Ok(call) = call(&origin, port(&group.pod), who, operation) {
                shapes.add(users::asked_by(call, user));
            }
        };
        ask(&Who::Plain, &User::new(), &usual);
        ask(&stranger, &User::new(), &usual);
        for rule in list(spec, "jwtRules") {
            let issuer = rule["issuer"].as_str().unwrap_or_default();
            for issuer in [issuer, NOBODY] {
                ask(&stranger, &users::user(issuer, users::SOMEBODY), &usual);
            }
        }
        for rule in list(spec, "rules") {
            let (callers, operations) = (callers(rule, issuers), operations(rule));
            for (who, user) in &callers {
                let all = operations.iter().chain([&other, &usual]);
                all.for_each(|operation| ask(who, user, operation));
            }
            for operation in &operations {
                ask(&stranger, &User::new(), operation);
                ask(&Who::Plain, &User::new(), operation);
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

/// Who a rule is about, with and without the tokens that it asks for.
fn callers(rule: &Value, issuers: &[String]) -> Vec<(Who, User)> {
    let users = users::of_rule(rule, issuers);
    let mut callers = peers(rule);
    if callers.is_empty() && !users.is_empty() {
        callers.push(Who::Principal(STRANGER.to_owned()));
    }
    let pairs = |who: &Who| {
        let of = |user: &User| (who.clone(), user.clone());
        users.iter().chain([&User::new()]).map(of).collect::<Vec<_>>()
    };
    let mut found: Vec<(Who, User)> = callers.iter().flat_map(pairs).collect();
    found.truncate(MOST);
    found
}

fn peers(rule: &Value) -> Vec<Who> {
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
