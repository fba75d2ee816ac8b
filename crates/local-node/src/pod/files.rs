//! The files that the node writes for a pod: name resolution and volumes.
//!
//! In: the pod and the objects it names. Out: folders that containers mount.
//! Holds: no container starts before every volume has its content.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::pod::context::PodCtx;
use crate::pod::volumes::{self, Tokens};

const REFRESH: Duration = Duration::from_secs(20);
/// Leads to the node's DNS.
pub(crate) const RESOLVER: &str = "resolv.conf";
/// Leads to the pod's own proxy, which answers name questions.
pub(crate) const RESOLVER_OF_APPLICATION: &str = "resolv.captured.conf";
const RETRY: Duration = Duration::from_millis(400);

/// Writes all; what is missing is an event, and is tried again.
pub(crate) async fn until_written(ctx: &PodCtx, tokens: &mut Tokens) {
    if let Err(error) = write_etc(ctx) {
        tracing::error!(pod = ctx.name, %error, "cannot write the pod's name resolution");
    }
    let mut said = String::new();
    while let Err(why) = volumes::write_all(ctx, tokens).await {
        if why != said {
            ctx.node.events.warning(&ctx.about(), "FailedMount", why.clone());
            said = why;
        }
        ctx.node.clock.sleep(RETRY).await;
    }
}

fn write_etc(ctx: &PodCtx) -> std::io::Result<()> {
    let folder = ctx.folder.join("etc");
    std::fs::create_dir_all(&folder)?;
    let (domain, namespace) = (&ctx.node.config.cluster_domain, &ctx.namespace);
    let resolv = |server: Ipv4Addr| {
        format!(
            "search {namespace}.svc.{domain} svc.{domain} {domain}\nnameserver {server}\noptions ndots:5\n"
        )
    };
    std::fs::write(folder.join(RESOLVER), resolv(ctx.node.config.dns))?;
    std::fs::write(folder.join(RESOLVER_OF_APPLICATION), resolv(Ipv4Addr::LOCALHOST))?;
    let host = ctx.hostname();
    let pod = ctx.pod();
    let subdomain =
        pod.spec.as_ref().and_then(|s| s.subdomain.as_deref()).filter(|s| !s.is_empty());
    let full =
        subdomain.map(|s| format!("{host}.{s}.{namespace}.svc.{domain}\t")).unwrap_or_default();
    let mut hosts = format!(
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n{}\t{full}{host}\n",
        ctx.address
    );
    for alias in pod.spec.iter().flat_map(|s| s.host_aliases.iter().flatten()) {
        let names = alias.hostnames.clone().unwrap_or_default().join("\t");
        hosts.push_str(&format!("{}\t{names}\n", alias.ip));
    }
    std::fs::write(folder.join("hosts"), hosts)?;
    std::fs::write(folder.join("hostname"), format!("{host}\n"))
}

/// Renews tokens and follows changed objects until it is dropped.
pub(crate) async fn keep_fresh(ctx: &PodCtx, mut tokens: Tokens) -> std::convert::Infallible {
    loop {
        ctx.node.clock.sleep(REFRESH).await;
        if let Err(error) = volumes::write_all(ctx, &mut tokens).await {
            tracing::warn!(pod = ctx.name, error, "cannot refresh the pod's volumes");
        }
    }
}
