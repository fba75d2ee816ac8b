//! Where a call goes, in the words of a suite.
//!
//! In: `HOST[:PORT][/SUBSET]`, or the whole name of a cluster; names of clusters. Out: whether one means the other.
//! Holds: what is not said is not compared, so a host alone means any of its ports and subsets.

/// A destination as a suite writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target(String);

/// A cluster of a host, by its name `outbound|PORT|SUBSET|HOST`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Named<'a> {
    pub(crate) port: &'a str,
    pub(crate) subset: &'a str,
    pub(crate) host: &'a str,
}

impl<'a> Named<'a> {
    /// `None`: a cluster that is of no host, such as `PassthroughCluster`.
    pub(crate) fn of(cluster: &'a str) -> Option<Self> {
        let mut parts = cluster.split('|').skip(1);
        let (port, subset, host) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self { port, subset, host })
    }
}

impl Target {
    pub(crate) fn new(written: &str) -> Self {
        Self(written.to_owned())
    }

    /// Whether a cluster is meant.
    pub(crate) fn means(&self, cluster: &str) -> bool {
        if self.0 == cluster {
            return true;
        }
        let Some(named) = Named::of(cluster) else { return false };
        let (rest, subset) = match self.0.split_once('/') {
            Some((rest, subset)) => (rest, Some(subset)),
            None => (self.0.as_str(), None),
        };
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        };
        let below = |rest: &str| rest.is_empty() || rest.starts_with('.');
        named.host.strip_prefix(host).is_some_and(below)
            && !host.is_empty()
            && port.is_none_or(|port| port == named.port)
            && subset.is_none_or(|subset| subset == named.subset)
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[track_caller]
    fn check(written: &str, is_meant: bool) {
        let cluster = "outbound|8080|v1|pay.shop.svc.cluster.local";
        assert_eq!(Target::new(written).means(cluster), is_meant, "{written}");
    }

    #[test]
    fn what_is_not_said_is_not_compared() {
        for written in ["pay", "pay.shop", "pay.shop:8080", "pay/v1", "pay.shop.svc:8080/v1"] {
            check(written, true);
        }
        check("outbound|8080|v1|pay.shop.svc.cluster.local", true);
        for written in ["pa", "pay.other", "pay.shop:80", "pay/v2", "pay/", "", ":8080"] {
            check(written, false);
        }
    }
}
