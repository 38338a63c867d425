//! Logs go to stderr: stdout is data.

use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// Starts logging: `TENANTRY_LOG` names levels as `RUST_LOG` does (default `info` for a server, `warn` else);
/// `TENANTRY_LOG_FORMAT=json` writes one object a line.
#[expect(clippy::disallowed_methods, reason = "a composition root reads the environment")]
pub fn start(server: bool) {
    let default = if server { "info" } else { "warn" };
    let filter = std::env::var("TENANTRY_LOG")
        .ok()
        .and_then(|text| EnvFilter::try_new(text).ok())
        .unwrap_or_else(|| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let json = std::env::var("TENANTRY_LOG_FORMAT").is_ok_and(|format| format == "json");
    // A second start (tests run several servers in one process) keeps the first one's settings.
    let _ = if json { builder.json().try_init() } else { builder.with_target(false).try_init() };
}
