//! Secrets that stand in files beside the proxy, by the names that Istio gives to them.
//!
//! In: `file-cert:CERTIFICATE~KEY`, `file-root:FILE`, `file-root:system`, `file-crl:FILE`. Out: what is in them now.
//! Holds: a file that is not there gives nothing, so that whoever needs it is closed.
//! Why they are looked at again and again and not watched: mounted Secrets are exchanged by links, which no watch of the file
//! itself sees.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proxy_config::Secret;
use proxy_discovery::Follower as _;

use crate::running::Running;

/// How often they are looked at.
pub(crate) const AGAIN: Duration = Duration::from_secs(2);

/// Largest file that is read; authorities of a system are some hundred kilobytes.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Where systems keep the authorities that they trust, the most usual first.
const SYSTEM: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Puts in force what changes in the files, for as long as the proxy runs.
pub(crate) async fn follow(running: Arc<Running>) {
    loop {
        running.clock.sleep(AGAIN).await;
        if running.read_files() {
            running.publish();
        }
    }
}

/// What a secret of this name holds now.
pub(crate) fn read(name: &str) -> Option<Secret> {
    if let Some(pair) = name.strip_prefix("file-cert:") {
        let (chain, key) = pair.split_once('~')?;
        return Some(Secret::Certificate { chain: content(chain)?, key: content(key)? });
    }
    if name == "file-root:system" {
        let roots = SYSTEM.iter().find_map(content)?;
        return Some(Secret::Authorities { roots, revoked: Vec::new(), system: true });
    }
    if let Some(roots) = name.strip_prefix("file-root:") {
        let roots = content(roots)?;
        return Some(Secret::Authorities { roots, revoked: Vec::new(), system: false });
    }
    name.strip_prefix("file-crl:").and_then(content).map(Secret::Revoked)
}

fn content(path: impl AsRef<Path>) -> Option<Vec<u8>> {
    let path = path.as_ref();
    let small = fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() <= LARGEST);
    small.then(|| fs::read(path).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_which_files_hold_what() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::write(path("c"), "chain").unwrap();
        fs::write(path("k"), "key").unwrap();
        let pair = read(&format!("file-cert:{}~{}", path("c"), path("k")));
        assert!(pair == Some(Secret::Certificate { chain: b"chain".into(), key: b"key".into() }));
        let lists = read(&format!("file-crl:{}", path("c")));
        assert!(lists == Some(Secret::Revoked(b"chain".into())));
        assert!(read(&format!("file-root:{}", path("missing"))).is_none());
        assert!(read(&format!("file-root:{}", folder.path().display())).is_none(), "a folder");
        assert!(read("kubernetes://a").is_none());
    }
}
