use crate::{Fault, Reason, Schema};
use serde_json::{Value, json};

fn schema(properties: Value, rules: Value) -> Schema {
    Schema::parse_part(
        &json!({ "type": "object", "properties": properties, "x-kubernetes-validations": rules }),
    )
    .unwrap()
}

#[track_caller]
fn holds(properties: &Value, rule: &str, value: Value) {
    let faults = schema(properties.clone(), json!([{ "rule": rule }])).check(&value);
    assert!(faults.is_empty(), "{rule} {value}: {faults:?}");
}

#[track_caller]
fn breaks(properties: &Value, rule: &str, value: Value) {
    let faults =
        schema(properties.clone(), json!([{ "rule": rule, "message": "no" }])).check(&value);
    assert_eq!(
        faults.iter().map(|f| f.what.as_str()).collect::<Vec<_>>(),
        ["no"],
        "{rule} {value}"
    );
}

fn words() -> Value {
    json!({ "text": { "type": "string" }, "when": { "type": "string", "format": "duration" },
        "count": { "type": "integer" }, "part": { "type": "number" }, "list": { "type": "array", "items": { "type": "string" } },
        "map": { "type": "object", "additionalProperties": { "type": "string" } }, "a-b": { "type": "string" },
        "either": { "x-kubernetes-int-or-string": true }, "in": { "type": "boolean" } })
}

#[test]
fn the_rules_of_meshes_are_understood() {
    let words = words();
    holds(&words, "duration(self.text) >= duration('1ms')", json!({ "text": "1s" }));
    breaks(&words, "duration(self.text) >= duration('1ms')", json!({ "text": "1us" }));
    holds(
        &words,
        "(has(self.text) ? 1 : 0) + (has(self.count) ? 1 : 0) <= 1",
        json!({ "text": "" }),
    );
    breaks(
        &words,
        "(has(self.text) ? 1 : 0) + (has(self.count) ? 1 : 0) <= 1",
        json!({ "text": "", "count": 1 }),
    );
    holds(
        &words,
        "url(self.text).getScheme() in ['http', 'https']",
        json!({ "text": "https://a" }),
    );
    breaks(&words, "url(self.text).getScheme() in ['http', 'https']", json!({ "text": "ftp://a" }));
    holds(
        &words,
        "isURL(self.text) ? false : isURL('http://' + self.text)",
        json!({ "text": "1.2.3.4:1/x" }),
    );
    breaks(
        &words,
        "self.map.all(k, 0 < int(k) && int(k) <= 65535)",
        json!({ "map": { "0": "a" } }),
    );
    holds(
        &words,
        "self.list.all(a, self.list.exists_one(b, a == b))",
        json!({ "list": ["a", "b"] }),
    );
    holds(&words, "self.text.substring(7, 8) == '/'", json!({ "text": "unix:///x" }));
    holds(
        &words,
        "self.map.size() == 1 && self.map['a/b'] == 'c'",
        json!({ "map": { "a/b": "c" } }),
    );
    holds(&words, "self.a__dash__b == 'x' && self.__in__", json!({ "a-b": "x", "in": true }));
    holds(
        &words,
        "self.when > duration('1s') && self.part == 1.0",
        json!({ "when": "2s", "part": 1 }),
    );
    holds(&words, "type(self.either) == string ? true : self.either > 5", json!({ "either": 6 }));
    holds(
        &words,
        "self.text.matches('^a+$') && self.text.find('a') == 'a'",
        json!({ "text": "aa" }),
    );
    holds(
        &words,
        "self.list.isSorted() && self.list.max() == 'b' && self.list.indexOf('b') == 1",
        json!({ "list": ["a", "b"] }),
    );
    holds(&words, "quantity(self.text).isGreaterThan(quantity('999Mi'))", json!({ "text": "1Gi" }));
    holds(
        &words,
        "cidr('10.0.0.0/8').containsIP(ip(self.text)) && ip(self.text).family() == 4",
        json!({ "text": "10.1.2.3" }),
    );
    holds(&words, "sets.contains(['a', 'b'], self.list)", json!({ "list": ["b"] }));
    holds(
        &words,
        "self.list.map(x, x + '!').filter(x, x.startsWith('a')).size() == 1",
        json!({ "list": ["a", "b"] }),
    );
}

#[test]
fn newer_forms_of_the_language_are_understood() {
    let words = words();
    holds(&words, "self.?text.orValue('none') == 'none'", json!({}));
    holds(
        &words,
        "self.?map['a'].hasValue() ? self.map['a'] == 'b' : true",
        json!({ "map": { "a": "b" } }),
    );
    holds(
        &words,
        "'%s has %d'.format([self.text, self.count]) == 'x has 2'",
        json!({ "text": "x", "count": 2 }),
    );
    holds(
        &words,
        "self.text.split(',').map(x, x.trim()).filter(x, x != '').size() == 2",
        json!({ "text": "a, b,," }),
    );
    holds(
        &words,
        "timestamp('2026-01-01T00:00:00Z').getFullYear() == 2026 && dyn(self.count) == 2",
        json!({ "count": 2 }),
    );
    holds(
        &words,
        "self.text.lowerAscii().replace('a', 'b') == 'b' && self.text.indexOf('A') == 0",
        json!({ "text": "A" }),
    );
    holds(
        &words,
        "[1, 2, 3].sum() == 6 && {'a': 1}.map(k, k) == ['a'] && 'a' in {'a': 1}",
        json!({}),
    );
    holds(&words, "self.map.all(k, v, k != v)", json!({ "map": { "a": "b" } }));
    breaks(&words, "self.map.all(k, v, k != v)", json!({ "map": { "a": "a" } }));
    holds(&words, "self.list.exists(i, v, i == 1 && v == 'b')", json!({ "list": ["a", "b"] }));
    breaks(&words, "self.list.exists(i, v, i == 2)", json!({ "list": ["a", "b"] }));
    holds(&words, "self.list.existsOne(i, v, v == 'b')", json!({ "list": ["a", "b"] }));
    holds(&words, "ip.isCanonical(self.text) && isIP(self.text)", json!({ "text": "::1" }));
    holds(
        &words,
        "self.list == ['a'] && self.list + ['b'] == ['a', 'b'] && self.list[0] == 'a'",
        json!({ "list": ["a"] }),
    );
}

#[test]
fn a_rule_that_names_what_the_schema_does_not_have_is_refused() {
    for (rule, told) in [
        ("self.txt == ''", "did you mean text?"),
        ("other == 1", "names other"),
        ("self.text.x == 1", "has no fields"),
        ("self.text ==", "is not an expression"),
        ("self.list.all(x, y == x)", "names y"),
        ("self.text.startWith('a')", "calls startWith"),
        ("sizze(self.text) > 1", "calls sizze"),
        ("sets.contain(self.list, [])", "calls sets.contain"),
        ("self.map.all(k, v, w, k != v)", "all with 4 arguments"),
        ("self.map.all(k, v, k != w)", "names w"),
    ] {
        let schema = json!({ "type": "object", "properties": words(), "x-kubernetes-validations": [{ "rule": rule }] });
        let faults = Schema::parse_part(&schema).unwrap_err();
        assert_eq!(faults[0].pointer, "/x-kubernetes-validations/0/rule");
        assert!(faults[0].what.contains(told), "{rule}: {faults:?}");
    }
}

#[test]
fn a_fault_carries_message_reason_and_place() {
    let schema = schema(
        words(),
        json!([{ "rule": "self.count > 1", "messageExpression": "'is ' + string(self.count)", "reason": "FieldValueForbidden",
            "fieldPath": ".count" }]),
    );
    let faults = schema.check(&json!({ "count": 1 }));
    let expected = Fault {
        pointer: "/count".into(),
        unknown: false,
        reason: Reason::Forbidden,
        what: "is 1".into(),
        fix: String::new(),
    };
    assert_eq!(faults, [expected]);
    let faults = schema.check(&json!({}));
    assert!(faults[0].what.contains("cannot be evaluated"), "{faults:?}");
}

#[test]
fn rules_about_changes_see_what_was_before() {
    let properties = json!({ "list": { "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"],
        "items": { "type": "object", "required": ["n"], "properties": { "n": { "type": "string" },
            "v": { "type": "integer", "x-kubernetes-validations": [{ "rule": "self >= oldSelf", "message": "shrinks" }] } } } } });
    let schema = schema(
        properties,
        json!([{ "rule": "!oldSelf.hasValue() || oldSelf.value().list.size() <= self.list.size()",
        "optionalOldSelf": true, "message": "lost one" }]),
    );
    let old = json!({ "list": [{ "n": "a", "v": 2 }, { "n": "b", "v": 1 }] });
    assert!(schema.check(&old).is_empty());
    let new = json!({ "list": [{ "n": "b", "v": 2 }, { "n": "a", "v": 1 }, { "n": "c", "v": 0 }] });
    let told: Vec<_> =
        schema.check_change(&new, &old).into_iter().map(|f| (f.pointer, f.what)).collect();
    assert_eq!(told, [("/list/1/v".into(), "shrinks".into())]);
    let fewer = json!({ "list": [{ "n": "a", "v": 2 }] });
    assert_eq!(schema.check_change(&fewer, &old)[0].what, "lost one");
    let atomic = json!({ "type": "array", "items": { "type": "integer", "x-kubernetes-validations": [{ "rule": "self == oldSelf" }] } });
    assert!(Schema::parse_part(&atomic).unwrap_err()[0].what.contains("no identity"));
}

#[test]
fn rules_that_take_too_long_are_stopped() {
    let schema = schema(
        json!({ "list": { "type": "array", "items": { "type": "integer" } } }),
        json!([{ "rule": "self.list.all(a, self.list.all(b, self.list.all(c, a + b + c >= 0)))" }]),
    );
    let list: Vec<i32> = (0..2000).collect();
    let faults = schema.check(&json!({ "list": list }));
    assert!(faults[0].what.contains("take too long"), "{faults:?}");
}

#[test]
fn a_rule_deeper_than_the_stack_is_refused_before_it_is_parsed() {
    let mut rules =
        vec!["(".repeat(5000), format!("{}true", "!".repeat(9000)), "self.".repeat(1500) + "a"];
    for op in ["+", "||", "-", "? 1 : "] {
        for count in [60, 100, 320] {
            rules.push(vec!["1"; count].join(op));
        }
    }
    rules.extend([30, 60, 100, 300].map(|n| format!("{}1{}", "[".repeat(n), "]".repeat(n))));
    for rule in rules {
        let schema = json!({ "type": "object", "x-kubernetes-validations": [{ "rule": rule }] });
        // Any verdict will do, as long as there is one.
        let verdict = Schema::parse_part(&schema).map(|schema| schema.check(&json!({})));
        assert!(verdict.is_err() || verdict.is_ok());
    }
}

#[test]
fn the_names_of_a_whole_object_are_seen_by_its_rules() {
    let schema = Schema::parse(&json!({ "type": "object", "x-kubernetes-validations": [
        { "rule": "self.metadata.name.startsWith('x') && self.kind == 'K'", "message": "name" }] }))
    .unwrap();
    assert!(schema.check(&json!({ "kind": "K", "metadata": { "name": "xy" } })).is_empty());
    assert_eq!(schema.check(&json!({ "kind": "K", "metadata": { "name": "y" } }))[0].what, "name");
}
