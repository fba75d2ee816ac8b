//! Envoy's JSON in few words, so that what is expected can be read beside what was written.

use serde_json::Value;

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value[field].as_array().into_iter().flatten()
}

fn string(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn matcher(found: &Value) -> String {
    let case = if found["ignore_case"] == true { " in any case" } else { "" };
    let forms = ["exact", "prefix", "suffix", "safe_regex"];
    let form = forms.into_iter().find(|form| !found[form].is_null());
    let text = match form {
        Some("exact") => format!("={}", string(&found["exact"])),
        Some("prefix") => format!("={}*", string(&found["prefix"])),
        Some("suffix") => format!("=*{}", string(&found["suffix"])),
        Some(_) => format!("~{}", string(&found["safe_regex"]["regex"])),
        None => "?".to_owned(),
    };
    format!("{text}{case}")
}

fn named(found: &Value) -> String {
    let not = if found["invert_match"] == true { "!" } else { "" };
    let missing = if found["treat_missing_header_as_empty"] == true { " or none" } else { "" };
    let name = found["name"].as_str().unwrap_or_default();
    format!("{not}{name}{}{missing}", matcher(&found["string_match"]))
}

fn condition(found: &Value) -> String {
    let path = match () {
        () if found["prefix"].is_string() => format!("{}*", string(&found["prefix"])),
        () if found["path"].is_string() => string(&found["path"]),
        () => format!("~{}", string(&found["safe_regex"]["regex"])),
    };
    let mut parts = vec![path];
    if found["case_sensitive"] == false {
        parts.push("in any case".into());
    }
    parts.extend(list(found, "headers").map(named));
    parts.extend(list(found, "query_parameters").map(|query| format!("?{}", named(query))));
    parts.join(" ")
}

fn fields(found: &Value, of: &str) -> Vec<String> {
    let add = list(found, &format!("{of}_headers_to_add")).map(|option| {
        let sign = if option["append_action"] == "OVERWRITE_IF_EXISTS_OR_ADD" { "=" } else { "+=" };
        format!(
            "{of} {}{sign}{}",
            string(&option["header"]["key"]),
            string(&option["header"]["value"])
        )
    });
    let remove = list(found, &format!("{of}_headers_to_remove"));
    add.chain(remove.map(|name| format!("{of} -{}", string(name)))).collect()
}

fn percent(fraction: &Value) -> String {
    let numerator = fraction["numerator"].as_f64().unwrap_or(0.0);
    match fraction["denominator"].as_str() {
        Some("MILLION") => format!("{}%", numerator / 10_000.0),
        _ => format!("{numerator}%"),
    }
}

fn forward(action: &Value) -> Vec<String> {
    let mut parts = Vec::new();
    match action["cluster"].as_str() {
        Some(cluster) => parts.push(format!("-> {cluster}")),
        None => parts.extend(list(&action["weighted_clusters"], "clusters").map(|cluster| {
            let mut changes = fields(cluster, "request");
            changes.extend(fields(cluster, "response"));
            let changes: String = changes.iter().map(|change| format!(" {change}")).collect();
            format!("-> {} {}{changes}", cluster["weight"], string(&cluster["name"]))
        })),
    }
    if action["timeout"] != "0s" {
        parts.push(format!("within {}", string(&action["timeout"])));
    }
    assert_eq!(action["max_grpc_timeout"], action["timeout"]);
    let rewrites = [("prefix_rewrite", "path"), ("host_rewrite_literal", "host")];
    for (field, name) in rewrites.into_iter().filter(|(field, _)| action[field].is_string()) {
        parts.push(format!("{name} {}", string(&action[field])));
    }
    if let Some(regex) = action["regex_rewrite"]["pattern"]["regex"].as_str() {
        parts.push(format!("path ~{regex} {}", string(&action["regex_rewrite"]["substitution"])));
    }
    for mirror in list(action, "request_mirror_policies") {
        let share = percent(&mirror["runtime_fraction"]["default_value"]);
        parts.push(format!("copy {share} {}", string(&mirror["cluster"])));
    }
    for hash in list(action, "hash_policy") {
        parts.push(format!("hash {hash}"));
    }
    parts.push(retry(&action["retry_policy"]));
    parts
}

fn retry(policy: &Value) -> String {
    if policy.is_null() {
        return "once".to_owned();
    }
    let mut text = format!("retry {} on {}", policy["num_retries"], string(&policy["retry_on"]));
    let codes: Vec<String> = list(policy, "retriable_status_codes").map(string).collect();
    if !codes.is_empty() {
        text += &format!(" ({})", codes.join(","));
    }
    if policy["per_try_timeout"].is_string() {
        text += &format!(" each {}", string(&policy["per_try_timeout"]));
    }
    if list(policy, "retry_host_predicate").next().is_none() {
        text += " at any host";
    }
    // What is default everywhere need not be read everywhere.
    text.replace(
        "retry 2 on connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
        "default retry",
    )
}

fn redirect(action: &Value) -> Vec<String> {
    let fields =
        ["scheme_redirect", "host_redirect", "port_redirect", "path_redirect", "prefix_rewrite"];
    let set = fields.into_iter().filter(|field| !action[field].is_null());
    let code = action["response_code"].as_str().unwrap_or("MOVED_PERMANENTLY");
    let https = (action["https_redirect"] == true).then(|| "https".to_owned());
    let parts =
        set.map(|field| format!("{} {}", field.split('_').next().unwrap(), string(&action[field])));
    [format!("redirect {code}")].into_iter().chain(https).chain(parts).collect()
}

fn filter(name: &str, config: &Value) -> String {
    let short = name.rsplit('.').next().unwrap();
    let mut parts = Vec::new();
    if let Some(delay) = config.get("delay") {
        parts.push(format!("{} {}", percent(&delay["percentage"]), string(&delay["fixed_delay"])));
    }
    if let Some(abort) = config.get("abort") {
        let status = abort.get("http_status").unwrap_or(&abort["grpc_status"]);
        parts.push(format!("{} {status}", percent(&abort["percentage"])));
    }
    parts.extend(list(config, "allow_origin_string_match").map(matcher));
    for field in ["allow_methods", "allow_headers", "expose_headers", "max_age"] {
        parts.extend(config[field].as_str().map(str::to_owned));
    }
    format!("{short} {}", parts.join(" "))
}

fn route(route: &Value) -> String {
    let mut parts = vec![condition(&route["match"])];
    if let Some(action) = route.get("route") {
        parts.extend(forward(action));
    }
    if let Some(action) = route.get("redirect") {
        parts.extend(redirect(action));
    }
    if let Some(answer) = route.get("direct_response") {
        let body = answer["body"].as_object().and_then(|body| body.values().next());
        parts.push(format!("answer {} {}", answer["status"], body.map(string).unwrap_or_default()));
    }
    parts.extend(fields(route, "request"));
    parts.extend(fields(route, "response"));
    let filters = route["typed_per_filter_config"].as_object().into_iter().flatten();
    parts.extend(filters.map(|(name, config)| filter(name, config)));
    let text = parts.join("; ");
    // Names of the mesh, short.
    text.replace(".svc.cluster.local", "")
}

/// The routes of a virtual host, one per line.
pub(crate) fn routes(host: &Value) -> Vec<String> {
    list(host, "routes").map(route).collect()
}

/// Rules of an access filter, one per line: name, who, what.
pub(crate) fn access(rules: &Value) -> Vec<String> {
    let action = rules["action"].as_str().unwrap_or("ALLOW");
    let mut found = vec![action.to_owned()];
    for (name, policy) in rules["policies"].as_object().into_iter().flatten() {
        let part = |field: &str| list(policy, field).map(term).collect::<Vec<_>>().join(" or ");
        let (who, what) = (part("principals"), part("permissions"));
        found.push(format!("{name}: {who}: {what}"));
    }
    found
}

fn term(found: &Value) -> String {
    let join = |set: &Value, field: &str, word: &str| {
        let all: Vec<String> = list(set, field).map(term).collect();
        match all.as_slice() {
            [only] => only.clone(),
            many => format!("({})", many.join(word)),
        }
    };
    let object = found.as_object().unwrap();
    let (kind, inner) = object.iter().find(|(key, _)| *key != "@type").unwrap();
    match kind.as_str() {
        "any" => "any".to_owned(),
        "and_rules" => join(inner, "rules", " and "),
        "or_rules" => join(inner, "rules", " or "),
        "and_ids" => join(inner, "ids", " and "),
        "or_ids" => join(inner, "ids", " or "),
        "not_rule" | "not_id" => format!("not {}", term(inner)),
        "header" => named(inner),
        "url_path" => format!("path{}", matcher(&inner["path"])),
        "authenticated" => format!("id{}", matcher(&inner["principal_name"])),
        "destination_port" => format!("port={inner}"),
        "direct_remote_ip" | "remote_ip" | "destination_ip" => {
            format!("{kind}={}/{}", string(&inner["address_prefix"]), inner["prefix_len"])
        }
        "metadata" => claim(inner),
        "requested_server_name" => format!("sni{}", matcher(inner)),
        other => panic!("{other} has no words yet: {found}"),
    }
}

/// A condition on a claim, by its path; `any` where it is one of a list.
fn claim(found: &Value) -> String {
    assert_eq!(found["filter"], "envoy.filters.http.jwt_authn");
    let path: Vec<String> = list(found, "path").map(|part| string(&part["key"])).collect();
    assert_eq!(path[0], "payload");
    let path = path[1..].join(".");
    match &found["value"]["list_match"] {
        Value::Null => format!("{path}{}", matcher(&found["value"]["string_match"])),
        list => format!("any {path}{}", matcher(&list["one_of"]["string_match"])),
    }
}

/// The access filters of a chain, in their order; rules that are only watched say so.
pub(crate) fn filters(chain: &Value) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for filter in list(chain, "filters") {
        found.extend(guard(filter));
        for filter in list(&filter["typed_config"], "http_filters") {
            found.extend(guard(filter));
        }
    }
    found
}

fn guard(filter: &Value) -> Vec<Vec<String>> {
    let config = &filter["typed_config"];
    let name = filter["name"].as_str().unwrap_or_default();
    if name.ends_with(".ext_authz") {
        let grpc = &config["grpc_service"]["envoy_grpc"]["cluster_name"];
        let http = &config["http_service"]["server_uri"]["cluster"];
        return vec![vec![format!("ask {}", string(if grpc.is_null() { http } else { grpc }))]];
    }
    if !name.ends_with(".rbac") {
        return Vec::new();
    }
    let watched = (!config["shadow_rules"].is_null()).then(|| {
        let mut rules = access(&config["shadow_rules"]);
        rules.insert(0, format!("watched {}", string(&config["shadow_rules_stat_prefix"])));
        rules
    });
    let enforced = (!config["rules"].is_null()).then(|| access(&config["rules"]));
    watched.into_iter().chain(enforced).collect()
}

/// The chains of a listener for a port, or of all other ports: what they take, and what they do with it.
pub(crate) fn chains(listener: &Value, port: Option<u16>) -> Vec<String> {
    let of_port = |chain: &&Value| {
        let found = &chain["filter_chain_match"]["destination_port"];
        port.map_or(found.is_null(), |port| *found == port)
    };
    let chain = |chain: &Value| {
        let matches = &chain["filter_chain_match"];
        let mut parts: Vec<String> =
            matches["transport_protocol"].as_str().map(str::to_owned).into_iter().collect();
        parts.extend(list(matches, "application_protocols").map(string));
        let taken = if parts.is_empty() { "all".to_owned() } else { parts.join(" ") };
        let tls = if chain["transport_socket"].is_null() { "" } else { "mtls " };
        let last = list(chain, "filters").last().unwrap()["name"].as_str().unwrap();
        format!("{taken}: {tls}{}", if last.ends_with("tcp_proxy") { "tcp" } else { "http" })
    };
    list(listener, "filter_chains").filter(of_port).map(chain).collect()
}
