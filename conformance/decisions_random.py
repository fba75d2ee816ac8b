"""Rules and requests by chance, from few words, so that they meet often: what test_decisions.py sends through running meshes.

A crowded server has many cells: paths that begin with /cN, and a few rules that speak of those only, so that hundreds of rules are
in force at once and each request is about few. The other servers have a few policies about everything, and take bytes as well.
"""

import random

CROWDED, CELLS = 6, 25
# Cells whose rules are in one object: the API takes longer over objects than a mesh over rules.
TOGETHER = 4
PRINCIPALS = ["cluster.local/ns/shop/sa/client", "cluster.local/ns/far/sa/other", "cluster.local/ns/shop/*", "*/sa/other", "*",
              "cluster.local/ns/shop/sa/clien", "elsewhere/ns/shop/sa/client"]
USERS = ["https://one.example/ann", "https://one.example/*", "*/ann", "*/bob", "https://two.example/*", "*"]
NAMESPACES = ["shop", "far", "sh*", "*ar", "*"]
RANGES = ["{client}", "{other}/32", "10.244.0.0/16", "203.0.113.0/24", "0.0.0.0/0", "192.0.2.7"]
FIELDS = ["1", "1*", "*2", "*", "12"]
METHODS = ["GET", "POST", "P*", "*T", "*"]
ENDS = ["", "/a", "/a/*", "/{*}", "/{**}", "/a/{*}", "*"]
HOSTS = ["{name}.shop:8080", "{name}.*", "*.example", "*", "A.example:8080"]
CONDITIONS = {
    "request.headers[x-a]": FIELDS, "request.headers[x-b]": FIELDS, "source.ip": RANGES, "remote.ip": RANGES,
    "source.namespace": NAMESPACES, "source.principal": PRINCIPALS, "destination.port": ["8080", "9000", "1"],
    "destination.ip": ["{server}", "10.244.0.0/16", "10.96.0.0/12"], "connection.sni": ["outbound_.8080*", "*.cluster.local", "*"],
}
CLAIMS = {
    "request.auth.claims[groups]": ["staff", "sta*", "*ers", "blocked", "*"], "request.auth.claims[realm][role]": ["admin", "ad*", "user"],
    "request.auth.principal": USERS, "request.auth.audiences": ["api", "web", "a*"], "request.auth.presenter": ["client-1", "client*"],
    "request.auth.claims[scope]": ["write", "*ad"],
}
TOKENS = ["ann", "bob", "two", "web", "many", "nobody", "staff", "admin", "users", "blocked", "empty", "deep", "roles", "low", "flat",
          "presented", "presented2", "scope", "late", "tampered", "forged", "none", "other"]
KNOWN = {"jwtRules": [{"issuer": f"https://{name}.example", "jwks": f"{{keys-{name}}}"} for name in ("one", "two")]}


class Chance(random.Random):
    """Chance from a seed; `users` says whether rules speak of tokens too."""

    users = False

    def some(self, values):
        return self.sample(values, self.randint(1, 2))

    def fields(self, of):
        """One or two fields, of which some must hold and some must not."""
        found = {}
        for name in self.sample(sorted(of), self.randint(1, min(2, len(of)))):
            wanted = name if self.random() < 0.67 else f"not{name[0].upper()}{name[1:]}"
            found[wanted] = self.some(of[name])
        return found

    def source(self):
        if self.random() < 0.15:
            return self.fields({"serviceAccounts": ["client", "far/other", "other", "shop/client"]})
        users = {"requestPrincipals": USERS} if self.users else {}
        return self.fields({"principals": PRINCIPALS, "namespaces": NAMESPACES, "ipBlocks": RANGES, "remoteIpBlocks": RANGES, **users})

    def operation(self, cell):
        paths = [f"{cell}{end}" for end in ENDS if cell or end]
        of = {"methods": METHODS, "hosts": HOSTS, "paths": paths, "ports": ["8080", "9000", "1"]}
        found = self.fields(of)
        if cell:
            found["paths"] = found.get("paths") or self.some([f"{cell}*", f"{cell}/{{**}}", cell, f"{cell}/a*"])
        return found

    def condition(self):
        of = CONDITIONS | (CLAIMS if self.users else {})
        key = self.choice(sorted(of))
        found = {"key": key}
        kind = self.randrange(4)
        if kind:
            found["values"] = self.some(of[key])
        if kind < 2:
            found["notValues"] = self.some(of[key])
        return found

    def rule(self, cell):
        rule = {}
        if self.random() < 0.5:
            rule["from"] = [{"source": self.source()} for _ in range(self.randint(1, 2))]
        if cell or self.random() < 0.5:
            rule["to"] = [{"operation": self.operation(cell)} for _ in range(self.randint(1, 2))]
        if self.random() < 0.33:
            rule["when"] = [self.condition() for _ in range(self.randint(1, 2))]
        return rule

    def policies(self, name, cells):
        """One of each action where there is a rule of it: what a few policies of each cell say, together."""
        rules = {"ALLOW": [], "DENY": []}
        for cell in cells:
            for _ in range(self.randint(1, 3)):
                rules[self.choice(["ALLOW", "ALLOW", "DENY"])] += [self.rule(cell) for _ in range(self.randint(1, 2))]
        return {f"{action.lower()}{name}": {"action": action, "rules": own} for action, own in rules.items() if own}

    def requests(self, cells, count):
        """Rows without a verdict, in the words of the decision table."""
        for _ in range(count):
            caller = self.choice(["client", "client", "other", "plain"])
            path = (self.choice(cells) if cells else "") + self.choice(["", "/a", "/a/b", "/b", "/x?y=/a", "/a/"])
            words = [caller, self.choice(["GET", "POST", "PUT", "DELETE"]), path or "/"]
            words += [f"{name}={self.choice(['1', '12', '2', '3'])}" for name in ("x-a", "x-b") if self.random() < 0.5]
            if self.random() < 0.33:
                words.append("x-forwarded-for=" + self.choice(["203.0.113.9", "{client}", "203.0.113.9,198.51.100.1", "nobody"]))
            if caller == "plain" and self.random() < 0.3:
                words.append("host=" + self.choice(["a.example", "A.Example:8080", "{name}.shop"]))
            if self.users and self.random() < 0.8:
                words.append(f"bearer={{{self.choice(TOKENS)}}}")
            yield " ".join(words)


def sets(seed, servers, count):
    """A set of rules for each server, with `count` rows in all."""
    chance, each = Chance(seed), count // servers
    for number in range(servers):
        chance.users = number % 2 == 0
        cells = [f"/c{cell}" for cell in range(CELLS)] if number < CROWDED else []
        policies = {}
        for first in range(0, len(cells) or 1, TOGETHER):
            policies |= chance.policies(f"-{first}", cells[first:first + TOGETHER] or [""])
        rows = list(chance.requests(cells, each))
        rows += [] if cells else [f"{caller} tcp" for caller in ("client", "other", "plain")]
        yield {"policies": policies, "tokens": {"known": KNOWN} if chance.users else {}, "rows": rows}
