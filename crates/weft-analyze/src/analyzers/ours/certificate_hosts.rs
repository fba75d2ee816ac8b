//! Hosts of gateways that the certificate which is shown for them does not name: clients refuse it.
//! Why `*` is passed over: nobody can hold a certificate for every host, so such a server means those that it has one for.

use weft_certificate::Name;

use crate::analyzers::Analyzer;
use crate::code;
use crate::credential;
use crate::mesh::Mesh;
use crate::report::{Report, join};
use crate::view::{Json, Labels, Object, kind, servers};

pub(in crate::analyzers) const ANALYZER: Analyzer = Analyzer::new(
    "weft.HostNotInCertificate",
    "Hosts of gateways that the certificate which is shown for them does not name.",
    &[code::WEFT0122],
    look,
);

/// A host with the field that it stands in.
type Host<'a> = (&'a str, String);
/// A Secret by namespace and name.
type Secret<'a> = (&'a str, &'a str);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    for gateway in mesh.all(kind::GATEWAY) {
        let selector = Labels::at(gateway.raw, "spec.selector");
        let pods = mesh.selected(None, selector);
        let Some(pod) = pods.first() else { continue };
        for server in servers(gateway) {
            let one = server.credential().map(|(name, _)| name);
            let many = server.credentials().map(|(name, _)| name);
            let secrets: Vec<Secret<'_>> = many
                .chain(one)
                .map(|name| name.split_once('/').unwrap_or((pod.object.namespace, name)))
                .collect();
            let bare = |host: &'_ str| host.find('/').map_or(0, |at| at + 1);
            let hosts = server.hosts().enumerate().filter_map(|(at, host)| {
                let field = format!("/spec/servers/{}/hosts/{at}", server.index);
                Some((host.get(bare(host)..)?, field))
            });
            judge(mesh, gateway, &secrets, hosts, report);
        }
    }
    for gateway in mesh.all(kind::KUBERNETES_GATEWAY) {
        for (at, listener) in gateway.spec().list("listeners").iter().enumerate() {
            let refs = listener.list("tls.certificateRefs").iter();
            let secrets: Vec<Secret<'_>> = refs
                .map(|secret| match secret.text("namespace") {
                    "" => (gateway.namespace, secret.text("name")),
                    namespace => (namespace, secret.text("name")),
                })
                .collect();
            let field = format!("/spec/listeners/{at}/hostname");
            let host = Some(listener.text("hostname")).filter(|host| !host.is_empty());
            judge(mesh, gateway, &secrets, host.map(|host| (host, field)).into_iter(), report);
        }
    }
}

fn judge<'a>(
    mesh: &Mesh<'_>,
    gateway: &Object<'_>,
    secrets: &[Secret<'_>],
    hosts: impl Iterator<Item = Host<'a>>,
    report: &mut Report,
) {
    let found = secrets.iter().filter_map(|(namespace, name)| {
        let secret = mesh.find(kind::SECRET, namespace, name)?;
        Some(credential::read(secret).ok()?.leaf()?.names)
    });
    let known: Vec<Vec<Name>> = found.collect();
    // One that cannot be read is told of elsewhere, and may be for any host.
    if known.is_empty() || known.len() < secrets.len() {
        return;
    }
    let names: Vec<Name> = known.into_iter().flatten().collect();
    for (host, field) in hosts.filter(|(host, _)| *host != "*") {
        if !weft_certificate::covers(&names, host) {
            tell(gateway, secrets, &names, (host, field), report);
        }
    }
}

fn tell(
    gateway: &Object<'_>,
    secrets: &[Secret<'_>],
    names: &[Name],
    (host, field): Host<'_>,
    report: &mut Report,
) {
    const SHOWN: usize = 5;
    let secrets: Vec<&str> = secrets.iter().map(|(_, name)| *name).collect();
    let all: Vec<String> = names.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    let is_for = match all.as_slice() {
        [] => "names no host (no subject alternative name)".to_owned(),
        all => format!("is for {}{more}", join(all)),
    };
    let what = format!(
        "clients that call {host} refuse the certificate of {}: it {is_for}",
        join(&secrets)
    );
    let fix = "store a certificate that names this host, or take the host away";
    report.add(code::WEFT0122, gateway, field, what, fix);
}
