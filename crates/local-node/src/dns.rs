//! (being written)
use crate::node::Shared;
use std::sync::Arc;
use tokio::task::JoinSet;
pub(crate) async fn serve(_node: Arc<Shared>, _tasks: &mut JoinSet<()>) -> std::io::Result<()> {
    Ok(())
}
