//! `tenantry serve`.

use super::{CliError, Exit};
use crate::listener;
use crate::node::{ADDRESS_FILE, Node, NodeOptions, write_private};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// How the server runs.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Where to listen. Anything but loopback lets others in: put TLS in front of it.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Let services and webhooks have http and private addresses. Never where strangers may register them.
    #[arg(long)]
    allow_private_webhooks: bool,
    /// A folder whose *.asl.json stand in for the built-in workflows of the same name.
    #[arg(long, value_name = "DIR")]
    workflows: Option<PathBuf>,
}

/// How long open connections may take to finish at a shutdown.
const DRAIN: Duration = Duration::from_secs(5);

/// Serves until Ctrl-C or SIGTERM.
pub(super) async fn run(options: Options, data_dir: &Path) -> Result<Exit, CliError> {
    // Bound before anything is taken up: a start that cannot serve should do nothing.
    let listener = TcpListener::bind(options.listen).await.map_err(|error| {
        CliError::failure(format!(
            "{} cannot be listened on: {error}. Choose another address with --listen.",
            options.listen
        ))
    })?;
    let address = listener
        .local_addr()
        .map_err(|error| CliError::failure(format!("The listener has no address: {error}")))?;
    let mut terminate = signal(SignalKind::terminate())
        .map_err(|error| CliError::failure(format!("SIGTERM cannot be watched for: {error}")))?;
    let node = Node::start(&NodeOptions {
        data_dir: data_dir.to_owned(),
        allow_private_webhooks: options.allow_private_webhooks,
        workflows: options.workflows,
    })
    .await
    .map_err(|error| CliError::failure(error.to_string()))?;
    // Only a help for commands on this machine: a disk that is full must not keep reads from being served.
    if let Err(error) = write_private(&data_dir.join(ADDRESS_FILE), &address.to_string()) {
        tracing::warn!(%error, "commands on this machine will need --url");
    }
    tracing::info!(%address, data_dir = %data_dir.display(), pid = std::process::id(), "serving");

    let (stop, mut stopped) = tokio::sync::watch::channel(false);
    let graceful = async move {
        let _ = stopped.changed().await;
    };
    let server = tokio::spawn(listener::serve(listener, node.router(), graceful));
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping");
    let _ = stop.send(true);
    // Event streams never end by themselves; what is cut off is taken up by its reader.
    if tokio::time::timeout(DRAIN, server).await.is_err() {
        tracing::info!("some connections were cut off");
    }
    node.stop().await;
    Ok(Exit::Success)
}
