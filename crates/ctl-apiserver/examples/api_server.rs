//! The API server alone, for tests of clients in other languages: `api_server STATE_FOLDER`.
//!
//! Writes `STATE_FOLDER/kubeconfig`, says `ready` on standard output, and ends when standard input ends.

use std::path::PathBuf;

use ctl_apiserver::tokens::TokenKey;
use ctl_apiserver::{AdmitAll, Registry, Server, table_definitions};
use ctl_store::Store;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use weft_rt::Clock;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let state = std::env::args().nth(1).map(PathBuf::from).ok_or("which state folder?")?;
    let store = Store::open(state.join("store.redb"))?;
    let tokens = TokenKey::open(&state)?;
    let admission = Box::new(AdmitAll);
    let registry = Registry::new(store, admission, tokens, Clock::real(), table_definitions());
    registry.bootstrap().await?;
    let stop = CancellationToken::new();
    let server = Server::new(&state, registry.clone(), state.join("node.sock"), stop.clone())?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    server.write_admin_kubeconfig(&state.join("kubeconfig"), listener.local_addr()?)?;
    let ending = stop.clone();
    let house = tokio::spawn(async move { registry.keep_house(ending).await });
    let served = tokio::spawn(async move { server.serve(vec![listener]).await });
    #[expect(clippy::print_stdout, reason = "how the caller learns that it can ask")]
    {
        println!("ready");
    }
    // Whatever is written to us is not read; its end is what counts.
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    stop.cancel();
    served.await??;
    house.await?;
    Ok(())
}
