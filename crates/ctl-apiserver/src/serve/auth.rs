//! Who is asking, and what they may do.
//!
//! In: a client certificate that TLS has verified, or a bearer token. Out: a user.
//! Holds: without either there is no user; a service account only reads, and never secrets.

use http::{HeaderMap, Method, header};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::route::Target;
use crate::fault::Fault;
use crate::tokens::DEFAULT_AUDIENCE;
pub(crate) use crate::user::User;
use crate::{Registry, tokens::Claims};

impl User {
    pub(crate) fn of_claims(claims: &Claims) -> Self {
        let Claims { namespace, service_account, .. } = claims;
        let name = format!("system:serviceaccount:{namespace}:{service_account}");
        Self::named(&name, Vec::new())
    }
}

/// The user that a verified client certificate names.
pub(crate) fn of_certificate(der: &[u8]) -> Option<User> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let subject = certificate.subject();
    let name = subject.iter_common_name().next()?.as_str().ok()?.to_owned();
    let own = subject.iter_organization().filter_map(|o| o.as_str().ok()).map(str::to_owned);
    let groups = own.chain(["system:authenticated".to_owned()]).collect();
    Some(User { name, groups })
}

/// The user of a request: of its certificate, else of its token.
pub(crate) fn user(
    registry: &Registry,
    certified: Option<User>,
    headers: &HeaderMap,
) -> Result<User, Fault> {
    if let Some(user) = certified {
        return Ok(user);
    }
    let none = "no credentials: use the kubeconfig that `weft kubeconfig` prints, or a service-account token";
    let value = headers.get(header::AUTHORIZATION).ok_or_else(|| Fault::unauthorized(none))?;
    let token = value.to_str().ok().and_then(|v| v.strip_prefix("Bearer "));
    let token = token.ok_or_else(|| Fault::unauthorized(none))?;
    let claims = registry
        .verify_token(token.trim(), DEFAULT_AUDIENCE)
        .map_err(|why| Fault::unauthorized(why.to_string()))?;
    Ok(User::of_claims(&claims))
}

/// Whom the user acts as, when it asks to (`kubectl --as`); only who may do everything can.
pub(crate) fn acting(user: User, headers: &HeaderMap) -> Result<User, Fault> {
    let text = |value: &http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let name = headers.get("impersonate-user").map(text).filter(|name| !name.is_empty());
    let groups: Vec<String> = headers.get_all("impersonate-group").iter().map(text).collect();
    match name {
        None if groups.is_empty() => Ok(user),
        None => Err(Fault::bad("Impersonate-Group needs Impersonate-User beside it")),
        Some(_) if !user.is_trusted() => {
            Err(Fault::forbidden(format!("{} may not act as somebody else", user.name)))
        }
        Some(name) => Ok(User::named(&name, groups)),
    }
}

/// May this user do this? The admin and the node may do everything.
pub(crate) fn allow(user: &User, method: &Method, target: &Target) -> Result<(), Fault> {
    if user.is_trusted() {
        return Ok(());
    }
    let harmless = target.subresource.as_deref().is_none_or(|s| matches!(s, "status" | "scale"));
    if method == Method::GET && harmless && target.kind.kind != "Secret" {
        return Ok(());
    }
    let what = format!("{method} on {}", target.kind.plural);
    Err(Fault::forbidden(format!("{} may only read, and no secrets: {what} is refused", user.name)))
}

/// What only people with the admin's credentials may see.
pub(crate) fn admin_only(user: &User) -> Result<(), Fault> {
    if !user.is_trusted() {
        return Err(Fault::forbidden(format!(
            "{} may not read this; use the admin's kubeconfig",
            user.name
        )));
    }
    Ok(())
}
