//! The other home: `tenantry serve` on a folder of its own.

use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;
use tenantry_scenarios::{ControlPlane, until};
use tokio::process::{Child, Command};

/// A served folder. The server ends when this is dropped.
#[derive(Debug)]
pub struct Served {
    folder: TempDir,
    _child: Child,
}

impl Served {
    /// Serves an empty folder on any free port.
    ///
    /// # Panics
    /// Where the binary does not start.
    pub fn start(binary: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("tenantry-serve-").tempdir().expect("a folder");
        let child = Command::new(binary)
            .arg("serve")
            .arg("--data-dir")
            .arg(folder.path())
            .args(["--listen", "127.0.0.1:0", "--allow-private-webhooks"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        Self { folder, _child: child }
    }

    /// The control plane, once it has written where it is and how to be let in.
    pub async fn control_plane(&self, binary: &Path) -> ControlPlane {
        let read = |name: &str| std::fs::read_to_string(self.folder.path().join(name)).ok();
        let (address, token) = until("tenantry serve to serve", || async {
            Some((read("server.address")?, read("admin.token")?))
        })
        .await;
        ControlPlane::new(&format!("http://{}", address.trim()), token.trim(), binary)
    }
}
