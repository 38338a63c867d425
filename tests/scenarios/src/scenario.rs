//! The files.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// A scenario: what is done, in order, and the events that are told of each tenant.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scenario {
    /// The file's name without `.json`.
    #[serde(skip)]
    pub name: String,
    /// What it is to show.
    pub comment: String,
    /// What is done, in order.
    pub acts: Vec<Act>,
    /// The types of each tenant's events, in order of their sequence, once everything has been told.
    pub events: BTreeMap<String, Vec<String>>,
}

/// How a service or a webhook answers a request. The last of a list answers all that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Takes the request, and confirms.
    Confirm,
    /// Takes the request, and confirms after a while.
    ConfirmSlowly,
    /// Takes the request, and answers its token with a failure.
    Refuse,
    /// Answers 500.
    Fail,
    /// Answers 400.
    Reject,
}

/// How an act is done: most can be done either way, and the command line is the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// `tenantry --url … --token …`.
    #[default]
    Command,
    /// The HTTP API.
    Http,
}

fn yes() -> bool {
    true
}

fn confirm() -> Vec<Answer> {
    vec![Answer::Confirm]
}

/// A sign-up.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignUp {
    /// What the scenario calls the tenant.
    pub tenant: String,
    /// The display name.
    pub name: String,
    /// The plan.
    pub plan: String,
    /// The name in addresses.
    pub slug: Option<String>,
    /// Where its data is to live.
    pub region: Option<String>,
    /// How far it is kept apart.
    pub isolation: Option<String>,
    /// The caller's own id.
    pub external_id: Option<String>,
    /// Notes.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// The `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// How it is sent.
    #[serde(default)]
    pub via: Via,
    /// The problem's code where it must be refused.
    pub refused: Option<String>,
}

/// What is done, or what must be so.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Act {
    /// A product service listens, and registers.
    AddService {
        /// Its name; what the scenario calls it, too.
        name: String,
        /// Whether a tenant needs it.
        #[serde(default = "yes")]
        required: bool,
        /// How it answers requests to provision; it always confirms an undo.
        #[serde(default = "confirm")]
        answers: Vec<Answer>,
    },
    /// A service answers differently from now on.
    ChangeService {
        /// Which.
        name: String,
        /// How.
        answers: Vec<Answer>,
    },
    /// A service is taken off the list.
    RemoveService {
        /// Which.
        name: String,
    },
    /// Tenants who have something of the service now, and nobody else of this scenario has.
    ServiceHolds {
        /// Which.
        name: String,
        /// Whose.
        tenants: Vec<String>,
    },
    /// A webhook listens, and is subscribed.
    Subscribe {
        /// Its name.
        name: String,
        /// The event pattern; all events where it is left out.
        pattern: Option<serde_json::Value>,
        /// How it answers deliveries.
        #[serde(default = "confirm")]
        answers: Vec<Answer>,
    },
    /// A webhook has acknowledged events of these types, each once, in this order, for each tenant.
    Delivered {
        /// Which.
        name: String,
        /// Types by tenant.
        types: BTreeMap<String, Vec<String>>,
    },
    /// A tenant is signed up; with the name of one that is known, the answer must be that tenant.
    SignUp(SignUp),
    /// The tenant comes to that status.
    AwaitStatus {
        /// Which.
        tenant: String,
        /// To what.
        status: String,
        /// The code of its last error.
        error: Option<String>,
        /// Its generation.
        generation: Option<u64>,
    },
    /// The operation comes to that status, and its execution, too.
    AwaitOperation {
        /// Whose.
        tenant: String,
        /// To what.
        status: String,
        /// At which attempt.
        attempt: u64,
    },
    /// A failed operation is tried again.
    Retry {
        /// Whose.
        tenant: String,
        /// The problem's code where it must be refused.
        refused: Option<String>,
    },
    /// The first administrator's activation token is minted twice; the two differ.
    Activate {
        /// Whose.
        tenant: String,
    },
    /// The kinds of what is there for a tenant, sorted.
    Resources {
        /// Whose.
        tenant: String,
        /// Their kinds.
        kinds: Vec<String>,
    },
    /// The steps of the timeline that have succeeded, each once, in any order.
    Timeline {
        /// Whose.
        tenant: String,
        /// Names of states.
        steps: Vec<String>,
    },
    /// The dead letters of a queue that are of this scenario's tenants.
    DeadLetters {
        /// Which.
        queue: String,
        /// How many.
        count: usize,
    },
}

/// The scenarios of this folder, by name.
///
/// # Panics
/// Where a file cannot be read or is not one.
pub fn all() -> Vec<Scenario> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("a readable folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    files.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Scenario {
    let text = std::fs::read_to_string(path).expect("a readable file");
    let reader = &mut serde_json::Deserializer::from_str(&text);
    let mut scenario: Scenario = serde_path_to_error::deserialize(reader)
        .unwrap_or_else(|error| panic!("{}: {}: {}", path.display(), error.path(), error.inner()));
    path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().clone_into(&mut scenario.name);
    scenario
}
