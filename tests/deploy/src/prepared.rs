//! The stack, applied once: the state of an emulator that it was applied to, kept below the target folder under the hash
//! of everything that it was made from.

use crate::build;
use crate::report::{Stage, say};
use crate::terraform::{Terraform, WorkingCopy};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use tenantry_emulator::{Emulator, MINISTACK, Options};

/// Where it is deployed.
pub const REGION: &str = "eu-central-1";

/// What every name of the deployment begins with.
pub const PREFIX: &str = "tenantry";

/// Where the subscriber's root module stands in a working copy.
const SUBSCRIBER: &str = "terraform/environments/subscriber";

/// The queue of the subscriber that the tests deploy beside the stack.
pub const SUBSCRIBER_QUEUE: &str = "crm-events";

const OUTPUTS: &str = "outputs.json";
const PORT: &str = "port";
const STATE: &str = "state";
const ENVIRONMENT_STATE: &str = "production.tfstate";
const SUBSCRIBER_STATE: &str = "subscriber.tfstate";

/// What is there once it was applied.
#[derive(Debug)]
pub struct Prepared {
    /// Terraform.
    pub terraform: Terraform,
    /// The `tenantry` binary.
    pub command_line: PathBuf,
    /// The zip with the bootstrap.
    pub zip: PathBuf,
    /// The environment's outputs.
    pub outputs: Value,
    /// The emulator's port, which the state is full of.
    pub port: u16,
    folder: PathBuf,
}

static PREPARED: OnceLock<Option<Prepared>> = OnceLock::new();

/// Minutes are not spent twice on what has failed.
static BEGUN: AtomicBool = AtomicBool::new(false);

impl Prepared {
    /// The one of this process; `None` after it was said loudly what was not tried, and why.
    ///
    /// # Panics
    /// Where something is there and does not do what it should; and in continuous integration (the variable `CI` is
    /// `true`), where something that it should have is not there.
    pub fn get(what: &str) -> Option<&'static Self> {
        PREPARED.get_or_init(|| Self::prepare(what)).as_ref()
    }

    fn prepare(what: &str) -> Option<Self> {
        assert!(!BEGUN.swap(true, Ordering::SeqCst), "the stack could not be applied, as another case tells");
        let terraform = match Terraform::find() {
            Ok(terraform) => terraform,
            Err(missing) => {
                missing.explain(what);
                return None;
            }
        };
        // Before the long build: without an emulator there is nothing to deploy to.
        drop(Emulator::start_or_explain(what, options(None, None))?);
        let stage = Stage::begin("build the command line");
        let command_line = build::command_line();
        stage.end();
        let stage = Stage::begin("build and zip the release bootstrap");
        let (zip, said) = build::bootstrap();
        stage.end_with(said);

        let copy = terraform.working_copy().expect("a copy of terraform/");
        write_subscriber(copy.root()).expect("a root module");
        let hash = hash(&zip, copy.root()).expect("readable files");
        let folder = build::target().join("deploy").join(hash);
        let kept = folder.join(OUTPUTS).is_file() && !in_integration();
        let port = fs::read_to_string(folder.join(PORT)).ok().and_then(|text| text.trim().parse().ok());
        match port.filter(|port| kept && TcpListener::bind(("127.0.0.1", *port)).is_ok()) {
            Some(_) => say("nothing has changed since it was applied last: the state of then is taken"),
            None => apply(&terraform, &copy, &zip, &folder),
        }
        let read = |name: &str| fs::read_to_string(folder.join(name)).expect("what was kept");
        let outputs = serde_json::from_str(&read(OUTPUTS)).expect("JSON");
        let port = read(PORT).trim().parse().expect("a port");
        Some(Self { terraform, command_line, zip, outputs, port, folder })
    }

    /// An emulator that continues from a copy of the applied state; the folder holds it.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn emulator(&self, auth: bool, folder: &Path) -> Emulator {
        let state = folder.join(STATE);
        copy_tree(&self.folder.join(STATE), &state).expect("a copy of the state");
        let options = Options { auth, ..options(Some(state), Some(self.port)) };
        Emulator::start(options)
            .unwrap_or_else(|missing| panic!("the emulator does not start again\n{missing}"))
    }

    /// A working copy with the state of what was applied, ready for more.
    ///
    /// # Panics
    /// Where Terraform refuses it.
    pub fn working_copy(&self) -> WorkingCopy {
        let copy = self.terraform.working_copy().expect("a copy of terraform/");
        write_subscriber(copy.root()).expect("a root module");
        for (state, dir) in [(ENVIRONMENT_STATE, copy.environment()), (SUBSCRIBER_STATE, subscriber(&copy))] {
            fs::copy(self.folder.join(state), dir.join("terraform.tfstate")).expect("the state");
            self.terraform.init(&dir).unwrap_or_else(|failed| panic!("{failed}"));
        }
        copy
    }

    /// The variables that the environment was applied with.
    pub fn variables(&self) -> Value {
        variables(&format!("http://127.0.0.1:{}", self.port), &self.zip)
    }

    /// The variables that the subscriber was applied with.
    pub fn subscriber_variables(&self) -> Value {
        json!({
            "endpoint": format!("http://127.0.0.1:{}", self.port), "region": REGION,
            "bus_name": self.outputs["bus"], "queue_name": SUBSCRIBER_QUEUE,
        })
    }
}

/// Where the subscriber's root module lies.
pub fn subscriber(copy: &WorkingCopy) -> PathBuf {
    copy.root().join(SUBSCRIBER)
}

fn options(state_dir: Option<PathBuf>, port: Option<u16>) -> Options {
    Options { auth: false, state_dir, port, region: REGION.to_owned() }
}

fn in_integration() -> bool {
    #[expect(clippy::disallowed_methods, reason = "tests ask where they run; this crate is theirs alone")]
    std::env::var("CI").is_ok_and(|value| value == "true")
}

/// The environment's variables. Under the emulator everything can be taken away at once.
fn variables(endpoint: &str, zip: &Path) -> Value {
    json!({
        "emulator_endpoint": endpoint,
        "region": REGION,
        "prefix": PREFIX,
        "zip_path": zip,
        "deletion_protection": false,
        "secret_recovery_days": 0,
        "key_recovery_days": 7,
    })
}

/// Applies to an empty emulator, plans again, keeps what is there.
fn apply(terraform: &Terraform, copy: &WorkingCopy, zip: &Path, folder: &Path) {
    let growing = folder.with_extension("growing");
    let _ = fs::remove_dir_all(&growing);
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(&growing).expect("a folder below the target folder");
    let emulator = Emulator::start(options(Some(growing.join(STATE)), None))
        .unwrap_or_else(|missing| panic!("the emulator does not start\n{missing}"));
    let (endpoint, port) = (emulator.endpoint(), emulator.port());
    let variables = variables(&endpoint, zip);
    let environment = copy.environment();
    let done =
        |result: Result<(), crate::terraform::Failed>| result.unwrap_or_else(|failed| panic!("{failed}"));
    let outputs = |dir: &Path| terraform.output(dir).unwrap_or_else(|failed| panic!("{failed}"));

    let stage = Stage::begin("terraform init");
    done(terraform.init(&environment));
    done(terraform.init(&subscriber(copy)));
    stage.end();
    let stage = Stage::begin("terraform apply");
    done(terraform.apply(&environment, &variables));
    let made = resources(terraform, &environment);
    stage.end_with(format_args!("{made} resources"));
    let stage = Stage::begin("terraform plan, again");
    done(terraform.plan_has_no_changes(&environment, &variables));
    stage.end_with("no changes");
    let told = outputs(&environment);
    let stage = Stage::begin("terraform apply of a subscriber");
    let subscribed = json!({
        "endpoint": endpoint, "region": REGION, "bus_name": told["bus"], "queue_name": SUBSCRIBER_QUEUE
    });
    done(terraform.apply(&subscriber(copy), &subscribed));
    stage.end();

    emulator.stop().unwrap_or_else(|log| panic!("the emulator does not end by itself:\n{log}"));
    let keep = |from: PathBuf, name: &str| fs::copy(from, growing.join(name)).map(drop).expect("a kept file");
    keep(environment.join("terraform.tfstate"), ENVIRONMENT_STATE);
    keep(subscriber(copy).join("terraform.tfstate"), SUBSCRIBER_STATE);
    fs::write(growing.join(PORT), port.to_string()).expect("a kept file");
    fs::write(growing.join(OUTPUTS), told.to_string()).expect("a kept file");
    fs::rename(&growing, folder).expect("its place");
}

fn resources(terraform: &Terraform, dir: &Path) -> usize {
    terraform.run(dir, ["state", "list", "-no-color"]).map(|text| text.lines().count()).unwrap_or_default()
}

/// A root module, as another team would write one: its queue, and our module that brings events there.
fn write_subscriber(root: &Path) -> io::Result<()> {
    let dir = root.join(SUBSCRIBER);
    fs::create_dir_all(&dir)?;
    fs::write(dir.join("main.tf"), include_str!("subscriber.tf"))
}

/// A hash of everything that the applied state follows from.
fn hash(zip: &Path, root: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    hash.update(MINISTACK);
    hash.update(fs::read(zip)?);
    let mut files = Vec::new();
    list(root, &mut files)?;
    files.sort();
    for file in files {
        hash.update(file.strip_prefix(root).unwrap_or(&file).to_string_lossy().as_bytes());
        hash.update(fs::read(&file)?);
    }
    Ok(hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { list(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if path.is_dir() {
            copy_tree(&path, &to.join(name))?;
        } else {
            fs::copy(&path, to.join(name)).map(drop)?;
        }
    }
    Ok(())
}
