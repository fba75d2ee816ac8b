//! Policies and calls by chance, from few words, so that they meet often.

use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};

use super::reference::Asked;

/// Chance from a seed (splitmix64).
pub(crate) struct Dice(u64);

const PRINCIPALS: [&str; 7] = [
    "cluster.local/ns/shop/sa/client",
    "cluster.local/ns/far/sa/other",
    "cluster.local/ns/shop/*",
    "*/sa/other",
    "*",
    "cluster.local/ns/shop/sa/clien",
    "elsewhere/ns/shop/sa/client",
];
const NAMESPACES: [&str; 5] = ["shop", "far", "sh*", "*ar", "*"];
const ACCOUNTS: [&str; 4] = ["client", "far/other", "other", "shop/client"];
const RANGES: [&str; 6] =
    ["10.244.0.11", "10.244.0.12/32", "10.244.0.8/29", "203.0.113.0/24", "0.0.0.0/0", "192.0.2.7"];
const METHODS: [&str; 5] = ["GET", "POST", "P*", "*T", "*"];
const PATHS: [&str; 9] =
    ["/a", "/a/*", "*/b", "/a/{*}", "/a/{**}", "/{*}/b", "*", "/admin*", "/a/{*}/c"];
const HOSTS: [&str; 6] = ["web.shop", "WEB.shop", "web.*", "*.example", "*", "a.example:8080"];
const PORTS: [&str; 3] = ["8080", "9000", "1"];
const FIELDS: [&str; 5] = ["1", "1*", "*2", "*", "12"];
const NAMES: [&str; 4] = ["outbound_.8080_._.web", "*web", "outbound*", "*"];

/// Key of `when`, and its values.
const CONDITIONS: [(&str, &[&str]); 9] = [
    ("request.headers[x-a]", &FIELDS),
    ("request.headers[x-b]", &FIELDS),
    ("source.ip", &RANGES),
    ("remote.ip", &RANGES),
    ("source.namespace", &NAMESPACES),
    ("source.principal", &PRINCIPALS),
    ("destination.ip", &["10.244.0.10", "10.244.0.0/16", "10.96.0.0/12"]),
    ("destination.port", &PORTS),
    ("connection.sni", &NAMES),
];

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Below a bound.
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bound = u64::try_from(bound).unwrap();
        usize::try_from((mixed ^ (mixed >> 31)) % bound).unwrap()
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn some(&mut self, of: &[&str]) -> Value {
        let count = 1 + self.below(2);
        json!((0..count).map(|_| self.one(of)).collect::<Vec<_>>())
    }

    /// Zero to three policies of the server.
    pub(crate) fn policies(&mut self) -> Vec<Value> {
        (0..self.below(4)).map(|number| self.policy(number)).collect()
    }

    fn policy(&mut self, number: usize) -> Value {
        let action = self.one(&["ALLOW", "ALLOW", "DENY"]);
        let fewest = usize::from(action == "DENY");
        let rules: Vec<Value> = (0..fewest + self.below(3)).map(|_| self.rule()).collect();
        json!({"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
            "metadata": {"name": format!("p{number}"), "namespace": "shop"},
            "spec": {"action": action, "rules": rules}})
    }

    fn rule(&mut self) -> Value {
        let mut rule = Map::new();
        if self.below(2) == 0 {
            let all: Vec<Value> =
                (0..1 + self.below(2)).map(|_| json!({"source": self.source()})).collect();
            rule.insert("from".to_owned(), json!(all));
        }
        if self.below(2) == 0 {
            let all: Vec<Value> =
                (0..1 + self.below(2)).map(|_| json!({"operation": self.operation()})).collect();
            rule.insert("to".to_owned(), json!(all));
        }
        if self.below(3) == 0 {
            let all: Vec<Value> = (0..1 + self.below(2)).map(|_| self.condition()).collect();
            rule.insert("when".to_owned(), json!(all));
        }
        Value::Object(rule)
    }

    /// One or two fields, of which some must hold and some must not.
    fn fields(&mut self, of: &[(&str, &str, &[&str])]) -> Value {
        let mut found = Map::new();
        for _ in 0..1 + self.below(2) {
            let (yes, no, values) = of[self.below(of.len())];
            let name = if self.below(3) == 0 { no } else { yes };
            found.insert(name.to_owned(), self.some(values));
        }
        Value::Object(found)
    }

    fn source(&mut self) -> Value {
        if self.below(6) == 0 {
            return self.fields(&[("serviceAccounts", "notServiceAccounts", &ACCOUNTS)]);
        }
        self.fields(&[
            ("principals", "notPrincipals", &PRINCIPALS),
            ("namespaces", "notNamespaces", &NAMESPACES),
            ("ipBlocks", "notIpBlocks", &RANGES),
            ("remoteIpBlocks", "notRemoteIpBlocks", &RANGES),
        ])
    }

    fn operation(&mut self) -> Value {
        self.fields(&[
            ("hosts", "notHosts", &HOSTS),
            ("methods", "notMethods", &METHODS),
            ("paths", "notPaths", &PATHS),
            ("ports", "notPorts", &PORTS),
        ])
    }

    fn condition(&mut self) -> Value {
        let (key, values) = CONDITIONS[self.below(CONDITIONS.len())];
        let mut found = json!({"key": key});
        let kind = self.below(4);
        if kind != 0 {
            found["values"] = self.some(values);
        }
        if kind < 2 {
            found["notValues"] = self.some(values);
        }
        found
    }

    pub(crate) fn asked(&mut self) -> Asked {
        let mut fields = Vec::new();
        for name in ["x-a", "x-b"] {
            if self.below(2) == 0 {
                fields.push((name, self.one(&["1", "12", "2", "3"])));
            }
        }
        if self.below(3) == 0 {
            let chains = ["203.0.113.9", "10.244.0.12", "203.0.113.9,198.51.100.1", "nobody"];
            fields.push(("x-forwarded-for", self.one(&chains)));
        }
        let peers =
            [None, Some(("shop", "client")), Some(("far", "other")), Some(("far", "client"))];
        Asked {
            tcp: self.below(4) == 0,
            from: Ipv4Addr::new(10, 244, 0, self.one(&[11, 12, 13])),
            peer: self.one(&peers),
            sni: self.one(&["outbound_.8080_._.web", "web", "inbound"]),
            method: self.one(&["GET", "POST", "PUT", "DELETE"]),
            path: self.one(&[
                "/",
                "/a",
                "/a/b",
                "/a/b/c",
                "/x/b",
                "/admin?x=/a",
                "/a/?b",
                "/a/x?y",
            ]),
            host: self.one(&["web.shop", "a.example", "A.Example:8080", "web.shop:8080"]),
            fields,
        }
    }
}
