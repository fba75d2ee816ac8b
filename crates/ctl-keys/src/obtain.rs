//! One fetch: from a place to keys that can be read.
//!
//! In: a place, and the web. Out: the text of a key set, or why there is none.
//! Holds: at most [`REDIRECTS`] redirects are followed, and none that leaves TLS; what is no readable key set never comes out.
//! Never: time; whoever calls bounds it.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;
use url::Url;
use weft_token::KeySet;

use crate::Place;

/// Redirects of one request that are followed.
const REDIRECTS: usize = 5;

/// What a server answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The content.
    Body(Bytes),
    /// Where the content is, as the server writes it.
    Moved(String),
}

/// Where URIs are asked for. An implementation bounds what it reads.
#[async_trait]
pub trait Web: Send + Sync + 'static {
    /// Asks once.
    ///
    /// # Errors
    /// Why there is no content, for a person.
    async fn get(&self, at: &Url) -> Result<Answer, String>;
}

/// Fetches the keys of a place.
pub(crate) async fn keys(web: &dyn Web, place: &Place) -> Result<Arc<str>, String> {
    let uri = match place {
        Place::Uri(uri) => uri.clone(),
        Place::Issuer(issuer) => discovered(web, issuer, &place.uri()).await?,
    };
    let body = follow(web, parsed(&uri)?).await?;
    let text = str::from_utf8(&body).map_err(|error| format!("the key set is no text: {error}"))?;
    KeySet::usable(text).map(Arc::from).map_err(|error| error.to_string())
}

/// Where an issuer says that its keys are.
async fn discovered(web: &dyn Web, issuer: &str, uri: &str) -> Result<String, String> {
    let at = parsed(uri).map_err(|_why| {
        format!("the issuer {issuer:?} is no http(s) URL, so that its keys cannot be discovered")
    })?;
    let body = follow(web, at).await?;
    let read: Result<Value, _> = serde_json::from_slice(&body);
    let document = read.map_err(|error| format!("the OpenID configuration is no JSON: {error}"))?;
    let uri = document["jwks_uri"].as_str();
    uri.map(str::to_owned).ok_or_else(|| "the OpenID configuration has no jwks_uri".to_owned())
}

fn parsed(uri: &str) -> Result<Url, String> {
    let at = Url::parse(uri).map_err(|error| format!("{uri:?} is no URL: {error}"))?;
    allowed(&at).map(|()| at)
}

fn allowed(at: &Url) -> Result<(), String> {
    if !matches!(at.scheme(), "http" | "https") || !at.has_host() {
        return Err(format!("{at} is no http or https URL with a host"));
    }
    if !at.username().is_empty() || at.password().is_some() {
        return Err("the URL has a name or password in it, which is never sent".to_owned());
    }
    Ok(())
}

async fn follow(web: &dyn Web, mut at: Url) -> Result<Bytes, String> {
    for _ in 0..=REDIRECTS {
        let to = match web.get(&at).await? {
            Answer::Body(body) => return Ok(body),
            Answer::Moved(to) => to,
        };
        let next = at.join(&to).map_err(|error| format!("redirected to {to:?}: {error}"))?;
        allowed(&next)?;
        if at.scheme() == "https" && next.scheme() != "https" {
            return Err(format!("redirected from TLS to {next}, which anybody may answer"));
        }
        at = next;
    }
    Err(format!("redirected more than {REDIRECTS} times"))
}
