//! A deployed stack that a case has to itself.

use crate::aws::Aws;
use crate::prepared::Prepared;
use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;
use tenantry_emulator::Emulator;
use tenantry_scenarios::{ControlPlane, until};

/// The state is full of its port, so that one stack runs at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A stack, applied and running. It ends when this is dropped.
pub struct Stack {
    /// What it was started from.
    pub prepared: &'static Prepared,
    /// AWS's client.
    pub aws: Aws,
    /// The emulator.
    pub emulator: Emulator,
    _folder: TempDir,
    _alone: MutexGuard<'static, ()>,
}

/// A process of a function, under this stack's emulator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionProcess {
    /// Its id.
    pub id: u32,
    /// The function's name, without the prefix.
    pub function: String,
    /// How much memory it holds, in KiB.
    pub resident_kib: u64,
}

/// A row of the table, as DynamoDB gives it.
pub type Row = serde_json::Map<String, Value>;

impl Stack {
    /// Starts one for a case; `None` after it was said loudly that the case was not tried, and why. With `auth`, each
    /// function's calls are held against its role.
    ///
    /// # Panics
    /// As [`Prepared::get`].
    pub fn start(case: &str, auth: bool) -> Option<Self> {
        // A case that failed leaves nothing behind that another one would see.
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let prepared = Prepared::get(case)?;
        let folder = tempfile::Builder::new().prefix("tenantry-stack-").tempdir().expect("a folder");
        let emulator = prepared.emulator(auth, folder.path());
        let aws = Aws::of(&emulator);
        Some(Self { prepared, aws, emulator, _folder: folder, _alone: alone })
    }

    /// A text among the environment's outputs, by its JSON pointer.
    ///
    /// # Panics
    /// Where there is none.
    pub fn output(&self, pointer: &str) -> &str {
        let found = self.prepared.outputs.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_else(|| panic!("terraform/environments/production has no output {pointer}"))
    }

    /// The ARNs that a word of `terraform/generated/functions.json` stands for.
    ///
    /// # Panics
    /// Where Terraform does not know it.
    pub fn resources(&self, symbol: &str) -> Vec<String> {
        let found = self.prepared.outputs["resources"][symbol].as_array();
        let found = found.unwrap_or_else(|| panic!("Terraform knows no resource {symbol}"));
        found.iter().map(|arn| arn.as_str().expect("a text").to_owned()).collect()
    }

    /// The function's name, without its alias.
    pub fn function(&self, name: &str) -> String {
        let arn = self.output(&format!("/functions/{name}"));
        arn.split(':').nth(6).expect("a function's ARN").to_owned()
    }

    /// The control plane, let in with the token that it made for itself.
    ///
    /// # Panics
    /// Where it does not answer.
    pub async fn control_plane(&self) -> ControlPlane {
        let (url, binary) = (self.output("/url"), &self.prepared.command_line);
        let (status, body) = ControlPlane::new(url, "wrong", binary)
            .send("GET".parse().expect("a method"), "/v1/tenants", None, None)
            .await;
        assert!(matches!(status, 401 | 403), "a wrong token was answered with {status}: {body:#}");
        let secret = json!({"SecretId": format!("{}/system/admin-token", crate::prepared::PREFIX)});
        let token = until("the administrator's token", || async {
            let answer = self.aws.call("secretsmanager", "get_secret_value", secret.clone()).await.ok()?;
            answer["SecretString"].as_str().map(str::to_owned)
        })
        .await;
        ControlPlane::new(url, &token, binary)
    }

    /// Every row of the table.
    pub async fn rows(&self) -> Vec<Row> {
        let request = json!({"TableName": self.output("/table"), "ConsistentRead": true});
        let items = self.aws.list("dynamodb", "scan", request, "Items").await;
        items.into_iter().map(|item| item.as_object().expect("an item").clone()).collect()
    }

    /// Every message in a queue now, taken out of it.
    pub async fn drain(&self, queue_url: &str) -> Vec<Value> {
        let mut found = Vec::new();
        loop {
            let request = json!({
                "QueueUrl": queue_url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0,
                "MessageAttributeNames": ["All"], "MessageSystemAttributeNames": ["All"],
            });
            let answer = self.aws.must("sqs", "receive_message", request).await;
            let Some(messages) = answer["Messages"].as_array().filter(|list| !list.is_empty()) else {
                return found;
            };
            for message in messages {
                let request = json!({"QueueUrl": queue_url, "ReceiptHandle": message["ReceiptHandle"]});
                self.aws.must("sqs", "delete_message", request).await;
                found.push(message.clone());
            }
        }
    }

    /// Puts other code behind the function's alias, as a deployment does: a new version, and the alias on it.
    pub async fn deploy(&self, function: &str, zip: &[u8]) {
        let name = self.function(function);
        let code = json!({"FunctionName": name, "ZipFile": {"$base64": crate::aws::base64(zip)}});
        self.aws.must("lambda", "update_function_code", code).await;
        let version = self.aws.must("lambda", "publish_version", json!({"FunctionName": name})).await;
        let alias = json!({"FunctionName": name, "Name": "live", "FunctionVersion": version["Version"]});
        self.aws.must("lambda", "update_alias", alias).await;
    }

    /// Ends the processes of a function, so that its next call is a cold one and nothing is remembered.
    ///
    /// # Panics
    /// Where a process does not go.
    pub async fn forget(&self, function: &str) {
        let running = || self.function_processes().into_iter().filter(|process| process.function == function);
        for process in running() {
            let status =
                tokio::process::Command::new("kill").args(["-KILL", &process.id.to_string()]).status();
            assert!(status.await.expect("kill runs").success(), "{process:?} cannot be ended");
        }
        until("a function's processes to be gone", || async { running().next().is_none().then_some(()) })
            .await;
    }

    /// Starts or stops what calls functions when a queue or the table's stream has something for them.
    pub async fn set_mappings(&self, active: bool) {
        let mappings =
            self.aws.list("lambda", "list_event_source_mappings", json!({}), "EventSourceMappings").await;
        for mapping in mappings {
            let change = json!({"UUID": mapping["UUID"], "Enabled": active});
            self.aws.must("lambda", "update_event_source_mapping", change).await;
        }
    }

    /// Stops what calls functions from time to time: then whatever goes on does so by itself.
    pub async fn stop_schedules(&self) {
        for schedule in self.aws.list("scheduler", "list_schedules", json!({}), "Schedules").await {
            let which = json!({"Name": schedule["Name"], "GroupName": schedule["GroupName"]});
            let whole = self.aws.must("scheduler", "get_schedule", which).await;
            let kept = ["Name", "GroupName", "ScheduleExpression", "FlexibleTimeWindow", "Target"];
            let mut change: Row =
                kept.iter().map(|field| ((*field).to_owned(), whole[*field].clone())).collect();
            change.insert("State".to_owned(), "DISABLED".into());
            self.aws.must("scheduler", "update_schedule", Value::Object(change)).await;
        }
    }

    /// The processes of functions that run now.
    pub fn function_processes(&self) -> Vec<FunctionProcess> {
        let ours = format!("GATEWAY_PORT={}", self.emulator.port());
        let mut found = Vec::new();
        for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let read = |file: &str| std::fs::read(process.path().join(file)).unwrap_or_default();
            let environment = read("environ");
            let mut variables = environment.split(|byte| *byte == 0).map(String::from_utf8_lossy);
            let is_ours = variables.clone().any(|variable| variable == ours);
            let name = variables.find_map(|variable| variable.strip_prefix("_HANDLER=").map(str::to_owned));
            let status = read("status");
            let status = String::from_utf8_lossy(&status);
            let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let kib = resident.and_then(|text| text.trim().trim_end_matches(" kB").trim().parse().ok());
            let id = process.file_name().to_string_lossy().parse();
            if let (true, Some(function), Some(resident_kib), Ok(id)) = (is_ours, name, kib, id) {
                found.push(FunctionProcess { id, function, resident_kib });
            }
        }
        found
    }
}

/// The plain value of an attribute that is a text or a number.
pub fn plain(row: &Row, attribute: &str) -> String {
    let value = row.get(attribute).and_then(Value::as_object).and_then(|typed| typed.values().next());
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}
