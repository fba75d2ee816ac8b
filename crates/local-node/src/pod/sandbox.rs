//! A pod's network namespace: made before the first container, gone after the last.
//!
//! In: the pod's address and annotations. Out: a file that names the namespace.
//! Holds: no process stays in a namespace that is taken away.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use weft_netns::PodNet;

use crate::pod::capture;
use crate::pod::container::kill_stragglers;
use crate::pod::context::PodCtx;

const RETRY: Duration = Duration::from_secs(2);

/// Tries until the kernel agrees; each refusal is an event.
pub(crate) async fn until_wired(ctx: &PodCtx) -> PodNet {
    let pod = ctx.pod();
    let none = BTreeMap::new();
    let annotations = pod.metadata.annotations.as_ref().unwrap_or(&none);
    let mut rules = capture::rules(&ctx.node.config, annotations).0;
    if let Some(rules) = &mut rules {
        rules.names = capture::captures_names(&pod);
    }
    let net = PodNet {
        address: ctx.address,
        gateway: ctx.node.config.address,
        host_link: host_link(ctx.address),
        bridge: ctx.node.prepared.bridge,
        capture: rules,
    };
    loop {
        let (wire, file) = (net.clone(), ctx.netns.clone());
        let made = tokio::task::spawn_blocking(move || name_namespace(&wire, &file)).await;
        let error = match made {
            Ok(Ok(())) => return net,
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        let message = format!("cannot make the pod's network: {error}");
        tracing::error!(pod = ctx.name, message);
        ctx.node.events.warning(&ctx.about(), "FailedCreatePodSandBox", message);
        ctx.node.clock.sleep(RETRY).await;
    }
}

fn host_link(address: Ipv4Addr) -> String {
    let [_, b, c, d] = address.octets();
    format!("weft{b:02x}{c:02x}{d:02x}")
}

/// Gives the namespace a name in the file tree, so that it lives without a process and can be entered.
fn name_namespace(net: &PodNet, file: &Path) -> std::io::Result<()> {
    use std::os::fd::{AsFd, AsRawFd};
    let namespace = net.create().map_err(std::io::Error::other)?;
    std::fs::File::create(file)?;
    let source = format!("/proc/self/fd/{}", namespace.as_fd().as_raw_fd());
    let flags = nix::mount::MsFlags::MS_BIND;
    nix::mount::mount(Some(source.as_str()), file, None::<&str>, flags, None::<&str>)?;
    Ok(())
}

/// Ends what is left inside and takes the namespace away.
pub(crate) async fn unwire(ctx: &PodCtx, net: Option<PodNet>) {
    let file = ctx.netns.clone();
    let gone = tokio::task::spawn_blocking(move || {
        kill_stragglers(&file);
        if let Some(net) = net
            && let Err(error) = net.delete()
        {
            tracing::debug!(%error, "the pod's link is gone already");
        }
        // Never wired, or not yet: then there is nothing to take away.
        nix::mount::umount2(&file, nix::mount::MntFlags::MNT_DETACH).ok();
        std::fs::remove_file(&file).ok();
    });
    if let Err(error) = gone.await {
        tracing::error!(pod = ctx.name, %error, "cannot take the pod's network away");
    }
}
