//! Users of calls: what their tokens claim.
//! In: rules of policies, conditions of routes, and who issues tokens. Out: claims as `name=value`, as a call takes them.
//! Holds: a token is one of an issuer that some object names, since no other is believed; where none does, nobody has one.

use serde_json::Value;
use weft_explain::{Call, Mesh};

use super::{example, list, named, texts};

/// Most issuers whose users call.
const MOST: usize = 4;
/// A user of whom nothing is asked.
pub(super) const SOMEBODY: &str = "weft-plan";
/// What a field of a VirtualService that stands for a claim begins with.
const FIELD: &str = "@request.auth.claims";

/// What the token of a user claims; nothing of one who has no token.
pub(super) type User = Vec<String>;

/// Who issues tokens.
pub(super) fn issuers(mesh: &Mesh) -> Vec<String> {
    let objects = mesh.objects().iter().filter(|one| one["kind"] == "RequestAuthentication");
    let rules = objects.flat_map(|object| list(&object["spec"], "jwtRules"));
    let mut found: Vec<String> =
        rules.filter_map(|rule| rule["issuer"].as_str()).map(str::to_owned).collect();
    found.sort();
    found.dedup();
    found.truncate(MOST);
    found
}

/// A user of an issuer.
pub(super) fn user(issuer: &str, subject: &str) -> User {
    vec![format!("iss={issuer}"), format!("sub={subject}")]
}

/// The users that a rule of a policy asks for; none where it asks for no token.
pub(super) fn of_rule(rule: &Value, issuers: &[String]) -> Vec<User> {
    if issuers.is_empty() {
        return Vec::new();
    }
    let sources = list(rule, "from").iter().map(|from| &from["source"]);
    let mut principals: Vec<&str> =
        sources.flat_map(|source| texts(source, "requestPrincipals")).collect();
    let mut more = User::new();
    for condition in list(rule, "when") {
        let values = texts(condition, "values");
        let key = condition["key"].as_str().unwrap_or_default();
        let claim = match key {
            "request.auth.principal" => {
                principals.extend(values);
                continue;
            }
            "request.auth.audiences" => "aud".to_owned(),
            "request.auth.presenter" => "azp".to_owned(),
            // `[a][b]` is `a[b]` in a call.
            _ => match key.strip_prefix("request.auth.claims[") {
                Some(path) => path.replacen(']', "", 1),
                None => continue,
            },
        };
        more.extend(values.first().map(|value| format!("{claim}={}", example(value))));
    }
    let mut users: Vec<User> =
        principals.into_iter().flat_map(|one| of_principal(one, issuers)).collect();
    if users.is_empty() && !more.is_empty() {
        users = issuers.iter().map(|issuer| user(issuer, SOMEBODY)).collect();
    }
    users.into_iter().map(|user| with(user, &more)).collect()
}

/// `issuer/subject`, each of which may be a pattern.
fn of_principal(principal: &str, issuers: &[String]) -> Vec<User> {
    match principal.rsplit_once('/') {
        Some((issuer, subject)) if !issuer.contains('*') => vec![user(issuer, &example(subject))],
        Some((_, subject)) => issuers.iter().map(|one| user(one, &example(subject))).collect(),
        None => issuers.iter().map(|one| user(one, SOMEBODY)).collect(),
    }
}

/// The same user with these claims in place of others of their names.
pub(super) fn with(mut user: User, more: &[String]) -> User {
    let name = |claim: &str| claim.split('=').next().map(str::to_owned);
    user.retain(|own| more.iter().all(|other| name(other) != name(own)));
    user.extend_from_slice(more);
    user
}

/// The claim that a field of a VirtualService stands for, as a call names it: `@request.auth.claims.a.b` is `a[b]`.
pub(super) fn of_field(name: &str) -> Option<String> {
    let (start, rest) = name.split_at_checked(FIELD.len())?;
    if !start.eq_ignore_ascii_case(FIELD) {
        return None;
    }
    match rest.strip_prefix('.') {
        Some(dotted) => {
            let (first, rest) = dotted.split_once('.').unwrap_or((dotted, ""));
            let below = rest.split('.').filter(|part| !part.is_empty());
            Some(below.fold(first.to_owned(), |path, part| format!("{path}[{part}]")))
        }
        None => rest.strip_prefix('[').map(|path| path.replacen(']', "", 1)),
    }
}

/// The call with the token of a user.
pub(super) fn asked_by(mut call: Call, user: &User) -> Call {
    for claim in user {
        // A name that no claim can have is one that no rule meets either.
        call.add_claim(claim).ok();
    }
    call
}

/// Namespace and selector decide whom it is about.
pub(super) fn is_about(object: &Value, pod: &Value, namespace: &str) -> bool {
    let (_, own) = named(object);
    let labels = &pod["metadata"]["labels"];
    let wanted = object["spec"]["selector"]["matchLabels"].as_object();
    let mut wanted = wanted.into_iter().flatten();
    (namespace == own || own == "istio-system")
        && !pod.is_null()
        && wanted.all(|(key, value)| labels.get(key) == Some(value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn users_are_those_that_a_rule_asks_for() {
        let issuers = ["i".to_owned(), "j".to_owned()];
        let users = |rule: Value| -> Vec<String> {
            of_rule(&rule, &issuers).iter().map(|user| user.join(" ")).collect()
        };
        let from = |principal: &str| json!([{ "source": { "requestPrincipals": [principal] } }]);
        assert_eq!(users(json!({ "from": from("https://i/ann") })), ["iss=https://i sub=ann"]);
        assert_eq!(
            users(json!({ "from": from("*") })),
            ["iss=i sub=weft-plan", "iss=j sub=weft-plan"]
        );
        let when = |key: &str, value: &str| json!([{ "key": key, "values": [value] }]);
        let claim =
            json!({ "from": from("i/ann"), "when": when("request.auth.claims[a][b]", "c*") });
        assert_eq!(users(claim), ["iss=i sub=ann a[b]=cany"]);
        assert_eq!(
            users(json!({ "when": when("request.auth.claims[sub]", "x") }))[0],
            "iss=i sub=x"
        );
        assert!(users(json!({ "when": when("source.ip", "10.0.0.1") })).is_empty());
        assert!(of_rule(&json!({ "from": from("*") }), &[]).is_empty());
    }

    #[test]
    fn fields_of_routes_are_claims_of_calls() {
        let told = |name: &str| of_field(name).unwrap_or_default();
        assert_eq!(told("@request.auth.claims.a.b"), "a[b]");
        assert_eq!(told("@request.auth.claims[a][b.c]"), "a[b.c]");
        assert_eq!(told("@Request.Auth.Claims[a]"), "a");
        assert_eq!(told("x-a"), "");
    }
}
