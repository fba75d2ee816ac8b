//! Service-account tokens: signed here, verified here.
//!
//! In: who, for which audience, for how long; or a token. Out: a JWT (ES256); or its claims.
//! Holds: the key never leaves the state folder; a token counts only while its account and pod exist (see
//! [`crate::Registry::verify_token`]).
//! Never: anybody else's tokens; the algorithm is fixed, so a token cannot choose a weaker one.

use std::path::Path;
use std::time::SystemTime;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
    UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

use crate::pki::{self, PkiError};
use crate::{fault::Fault, moment};

/// Audience of tokens that name none: this API server.
pub const DEFAULT_AUDIENCE: &str = "https://kubernetes.default.svc.cluster.local";
const SHORTEST: i64 = 600;
const LONGEST: i64 = 365 * 24 * 3600;

/// Why a token proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token of ours.
    #[error("not a token of this API server: {0}")]
    Unreadable(&'static str),
    /// Too old.
    #[error("the token has expired")]
    Expired,
    /// Made for somebody else.
    #[error("the token is for audience {0}")]
    Audience(String),
    /// What it was made for was deleted.
    #[error("{0} does not exist any more")]
    Gone(String),
}

/// The pod that a token is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundPod {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// Who a token belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Namespace of the service account.
    pub namespace: String,
    /// Name of the service account.
    pub service_account: String,
    /// Uid of the service account.
    pub service_account_uid: String,
    /// The pod that the token is bound to, when it is bound.
    pub pod: Option<BoundPod>,
    /// Who may accept it.
    pub audiences: Vec<String>,
}

/// The key that signs tokens.
pub struct TokenKey {
    pair: EcdsaKeyPair,
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKey")
    }
}

impl TokenKey {
    /// Opens `<state>/apiserver/sa.key`, or makes it.
    ///
    /// # Errors
    /// When the file cannot be read, written or understood.
    pub fn open(state: &Path) -> Result<Self, PkiError> {
        let path = state.join("apiserver").join("sa.key");
        let text = pki::read_or_make(&path, || Ok(pki::new_key()?.serialize_pem()))?;
        let unusable = |why: String| PkiError::unusable(&path, why);
        let key = rcgen::KeyPair::from_pem(&text).map_err(|e| unusable(e.to_string()))?;
        let der = key.serialize_der();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der)
            .map_err(|e| unusable(e.to_string()))?;
        Ok(Self { pair })
    }

    fn sign(&self, payload: &Value) -> Result<String, Fault> {
        let header = json!({ "alg": "ES256", "typ": "JWT" });
        let body =
            format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(payload.to_string()));
        let signature = self
            .pair
            .sign(&SystemRandom::new(), body.as_bytes())
            .map_err(|e| Fault::internal(format!("cannot sign a token: {e}")))?;
        Ok(format!("{body}.{}", BASE64.encode(signature.as_ref())))
    }

    /// Checks signature, time and audience; not whether account and pod still exist.
    ///
    /// # Errors
    /// Why the token proves nothing.
    pub fn verify(
        &self,
        token: &str,
        audience: &str,
        now: SystemTime,
    ) -> Result<Claims, TokenError> {
        let payload = self.open_signed(token)?;
        let seconds = |field: &str| payload[field].as_u64();
        let now = moment::unix(now);
        if seconds("exp").is_none_or(|exp| exp <= now) {
            return Err(TokenError::Expired);
        }
        let claims = claims(&payload).ok_or(TokenError::Unreadable("claims are missing"))?;
        if !claims.audiences.iter().any(|a| a == audience) {
            return Err(TokenError::Audience(claims.audiences.join(", ")));
        }
        Ok(claims)
    }

    fn open_signed(&self, token: &str) -> Result<Value, TokenError> {
        let bad = TokenError::Unreadable;
        let (body, signature) = token.rsplit_once('.').ok_or(bad("not a JWT"))?;
        let (header, payload) = body.split_once('.').ok_or(bad("not a JWT"))?;
        let decode = |part: &str| BASE64.decode(part).map_err(|_not_base64| bad("not base64"));
        let header: Value = serde_json::from_slice(&decode(header)?)
            .map_err(|_not_json| bad("the header is not JSON"))?;
        if header["alg"] != "ES256" {
            return Err(bad("the algorithm is not ES256"));
        }
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key());
        key.verify(body.as_bytes(), &decode(signature)?)
            .map_err(|_unspecified| bad("the signature is wrong"))?;
        serde_json::from_slice(&decode(payload)?).map_err(|_not_json| bad("the body is not JSON"))
    }
}

fn claims(payload: &Value) -> Option<Claims> {
    let ours = payload.get("kubernetes.io")?;
    let own = |value: &Value| value.as_str().map(str::to_owned);
    let pod = ours
        .get("pod")
        .and_then(|pod| Some(BoundPod { name: own(&pod["name"])?, uid: own(&pod["uid"])? }));
    Some(Claims {
        namespace: own(&ours["namespace"])?,
        service_account: own(&ours["serviceaccount"]["name"])?,
        service_account_uid: own(&ours["serviceaccount"]["uid"])?,
        pod,
        audiences: payload["aud"].as_array()?.iter().filter_map(own).collect(),
    })
}

impl crate::Registry {
    /// Answers a TokenRequest for a service account.
    ///
    /// # Errors
    /// When the account, or the pod that the token is to be bound to, does not exist or does not fit.
    pub fn issue_token(
        &self,
        namespace: &str,
        account: &str,
        mut request: Value,
    ) -> Result<Value, Fault> {
        let kind = |name: &str| {
            self.kind("", name).ok_or_else(|| Fault::internal(format!("no kind {name}")))
        };
        let owner = self.read(&*kind("ServiceAccount")?, namespace, account)?;
        let spec = request["spec"].take();
        let lifetime = spec["expirationSeconds"].as_i64().unwrap_or(3600);
        if !(SHORTEST..=LONGEST).contains(&lifetime) {
            return Err(Fault::bad(format!(
                "spec.expirationSeconds: {lifetime} is not between {SHORTEST} and {LONGEST}"
            )));
        }
        let mut audiences = spec["audiences"].clone();
        if audiences.as_array().is_none_or(Vec::is_empty) {
            audiences = json!([DEFAULT_AUDIENCE]);
        }
        let mut bound = json!({ "namespace": namespace,
            "serviceaccount": { "name": account, "uid": owner["metadata"]["uid"] } });
        match (spec["boundObjectRef"]["kind"].as_str(), spec["boundObjectRef"]["name"].as_str()) {
            (Some("Pod"), Some(name)) => {
                let pod = self.read(&*kind("Pod")?, namespace, name)?;
                bound["pod"] = bound_pod(&pod, account, &spec["boundObjectRef"])?;
            }
            (None, None) => {}
            _ => return Err(Fault::bad("spec.boundObjectRef: tokens can be bound to a Pod only")),
        }
        let now = self.clock().wall();
        let issued = moment::unix(now);
        let expires = now + std::time::Duration::from_secs(lifetime.unsigned_abs());
        let token = self.tokens().sign(&json!({
            "iss": DEFAULT_AUDIENCE, "aud": audiences, "iat": issued, "nbf": issued, "exp": moment::unix(expires),
            "sub": format!("system:serviceaccount:{namespace}:{account}"),
            "jti": uuid::Uuid::new_v4().to_string(), "kubernetes.io": bound,
        }))?;
        Ok(json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "metadata": { "name": account, "namespace": namespace, "creationTimestamp": moment::format(now) },
            "spec": { "audiences": audiences, "expirationSeconds": lifetime, "boundObjectRef": spec["boundObjectRef"] },
            "status": { "token": token, "expirationTimestamp": moment::format(expires) } }))
    }
}

fn bound_pod(pod: &Value, account: &str, reference: &Value) -> Result<Value, Fault> {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let uid = &pod["metadata"]["uid"];
    if reference["uid"]
        .as_str()
        .is_some_and(|wanted| !wanted.is_empty() && Some(wanted) != uid.as_str())
    {
        return Err(Fault::bad(format!(
            "pod {name} is another one than the uid of spec.boundObjectRef says"
        )));
    }
    let runs_as = pod["spec"]["serviceAccountName"].as_str().unwrap_or("default");
    if runs_as != account {
        return Err(Fault::bad(format!(
            "pod {name} runs as service account {runs_as}, not {account}"
        )));
    }
    Ok(json!({ "name": name, "uid": uid }))
}
