//! An AWS emulator on loopback, for the tests of the home on AWS.
//!
//! **Invariants.** It is of one fixed release, in a virtual environment of its own that is made once below the target
//! folder. It sees nothing of the machine's configuration: no credentials, no profiles, no proxies. It listens on
//! 127.0.0.1 alone. It and the functions that it runs end with the process that started them, however that ends. Where
//! it cannot be had, a test says so loudly ([`Emulator::start_or_explain`]), and fails where the machine is a
//! continuous integration's.

mod environment;
mod facts;
mod health;
mod missing;
mod process;

pub use facts::Facts;
pub use missing::Missing;
pub use process::{Emulator, Options};

use std::sync::OnceLock;

/// The emulator's release.
pub const MINISTACK: &str = "1.5.33";

static SHARED: OnceLock<Result<Emulator, Missing>> = OnceLock::new();

/// The one emulator of this process, started at the first call; `None` after `what` was said not to have been tried.
///
/// Each case makes tables, queues and buckets under names of its own: nobody has it to himself.
///
/// # Panics
/// As [`Emulator::start_or_explain`].
pub fn shared(what: &str) -> Option<&'static Emulator> {
    match SHARED.get_or_init(|| Emulator::start(Options::default())) {
        Ok(emulator) => Some(emulator),
        Err(missing) => {
            missing.explain(what);
            None
        }
    }
}
