//! What the authority finds of itself when it starts.
//!
//! In: the folder. Out: the state that serves, with its signer.
//! Holds: what was written down comes before what is in the four files, which are only what is wanted; files that somebody
//! else wrote are never changed.

use std::path::Path;
use std::time::SystemTime;

use serde_json::json;

use crate::authority::unix;
use crate::material::Signer;
use crate::phase::State;
use crate::{CaError, files};

/// What serves, with its phase.
const STATE: &str = "serving.json";

/// Writes it down; what was written before stays when that fails.
pub(crate) fn save(folder: &Path, state: &State) -> Result<(), CaError> {
    let text = zeroize::Zeroizing::new(json!(state).to_string());
    files::replace(&folder.join(STATE), &text)
}

/// What was written down, if it can sign.
pub(crate) fn kept(folder: &Path, now: SystemTime) -> Result<Option<(State, Signer)>, CaError> {
    let path = folder.join(STATE);
    let Some(text) = files::text(&path)? else { return Ok(None) };
    let place = path.display().to_string();
    let state: State = serde_json::from_str(&text)
        .map_err(|error| CaError::Unusable { path: place.clone(), why: error.to_string() })?;
    let signer = match Signer::try_new(&state.signer, &place, now) {
        Ok(signer) => signer,
        Err(error) => {
            tracing::error!(%error, "what signed before cannot sign any more; looking into the folder");
            return Ok(None);
        }
    };
    mend(folder, &state)?;
    Ok(Some((state, signer)))
}

/// Writes the files of a root that was made here, when an end came between state and files. What others have written
/// stays.
fn mend(folder: &Path, state: &State) -> Result<(), CaError> {
    let Some(next) = state.next.as_ref().filter(|next| next.is_self_made()) else { return Ok(()) };
    let Ok(Some(found)) = files::read(folder) else { return Ok(()) };
    let pairs = [
        (&found.root, &state.signer.root, &next.root),
        (&found.cert, &state.signer.cert, &next.cert),
        (&found.chain, &state.signer.chain, &next.chain),
        (&found.key, &state.signer.key, &next.key),
    ];
    let ours = pairs.iter().all(|(found, before, after)| found == before || found == after);
    if ours && found != *next { files::write(folder, next) } else { Ok(()) }
}

/// What the four files hold; else a root is made.
pub(crate) fn first(folder: &Path, now: SystemTime) -> Result<(State, Signer), CaError> {
    let material = match files::read(folder)? {
        Some(found) => found,
        None => {
            let made = files::make(now)?;
            files::write(folder, &made)?;
            tracing::info!(folder = %folder.display(), "made a mesh root for ten years");
            made
        }
    };
    let signer = Signer::try_new(&material, &folder.display().to_string(), now)?;
    let state = State::new(material, unix(now));
    save(folder, &state)?;
    Ok((state, signer))
}
