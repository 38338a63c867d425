//! What is kept of state machines, versions, aliases and activities.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tenantry_asl::Definition;
use tenantry_core::Timestamp;

/// Standard or Express.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Kind {
    /// Durable, once, up to a year.
    Standard,
    /// At least once, up to five minutes.
    Express,
}

impl Kind {
    pub(crate) const WORDS: &'static [&'static str] = &["STANDARD", "EXPRESS"];

    pub(crate) fn parse(word: &str) -> Self {
        if word == "EXPRESS" { Self::Express } else { Self::Standard }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::Express => "EXPRESS",
        }
    }
}

/// How much of an execution is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LogLevel {
    /// Every event.
    All,
    /// Events of failures.
    Error,
    /// The failed end of the execution.
    Fatal,
    /// Nothing.
    Off,
}

impl LogLevel {
    pub(crate) const WORDS: &'static [&'static str] = &["ALL", "ERROR", "FATAL", "OFF"];

    pub(crate) fn parse(word: &str) -> Self {
        match word {
            "ALL" => Self::All,
            "ERROR" => Self::Error,
            "FATAL" => Self::Fatal,
            _ => Self::Off,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::All => "ALL",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
            Self::Off => "OFF",
        }
    }
}

/// `loggingConfiguration`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logging {
    /// How much.
    pub level: LogLevel,
    /// Whether inputs and outputs are in the log.
    pub include_execution_data: bool,
    /// ARNs of log groups: kept and shown, because here the log is the server's own. `None` where none were named, which
    /// is shown otherwise than an empty list.
    pub destinations: Option<Vec<String>>,
}

impl Default for Logging {
    fn default() -> Self {
        Self { level: LogLevel::Off, include_execution_data: false, destinations: None }
    }
}

impl Logging {
    pub(crate) fn to_json(&self) -> Value {
        let mut shown =
            json!({"level": self.level.as_str(), "includeExecutionData": self.include_execution_data});
        if let Some(groups) = &self.destinations {
            let groups = groups.iter();
            shown["destinations"] =
                groups.map(|arn| json!({"cloudWatchLogsLogGroup": {"logGroupArn": arn}})).collect();
        }
        shown
    }
}

/// `encryptionConfiguration`: kept and shown; everything lies sealed under keys of this home in any case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Encryption {
    /// The customer's key; an owned key of the service where there is none.
    pub(crate) kms_key_id: Option<String>,
    pub(crate) reuse_seconds: Option<i64>,
}

impl Encryption {
    pub(crate) const WORDS: &'static [&'static str] = &["AWS_OWNED_KEY", "CUSTOMER_MANAGED_KMS_KEY"];

    pub(crate) fn to_json(&self) -> Value {
        match &self.kms_key_id {
            None => json!({"type": "AWS_OWNED_KEY"}),
            Some(key) => json!({
                "type": "CUSTOMER_MANAGED_KMS_KEY",
                "kmsKeyId": key,
                "kmsDataKeyReusePeriodSeconds": self.reuse_seconds.unwrap_or(300),
            }),
        }
    }
}

/// What an update changes at once.
#[derive(Debug, Clone)]
pub(crate) struct Revision {
    /// Made by each update that changes something; the first revision has none.
    pub(crate) id: Option<String>,
    pub(crate) definition: Arc<Definition>,
    pub(crate) role_arn: String,
    pub(crate) logging: Logging,
    pub(crate) tracing: bool,
    pub(crate) encryption: Encryption,
    pub(crate) updated_at: Timestamp,
}

impl Revision {
    /// Whether running it would differ from running `other`.
    pub(crate) fn same_settings(&self, other: &Self) -> bool {
        self.definition.text() == other.definition.text()
            && self.role_arn == other.role_arn
            && self.logging == other.logging
            && self.tracing == other.tracing
            && self.encryption == other.encryption
    }
}

/// A published revision.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) number: u64,
    pub(crate) description: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) revision: Revision,
}

/// One share of an alias's traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Route {
    pub(crate) version: u64,
    /// In per cent; those of an alias sum up to 100.
    pub(crate) weight: u8,
}

/// A name for one version or for two with weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Alias {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) routes: Vec<Route>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// Labels, in the order in which they were first set.
pub(crate) type Tags = Vec<(String, String)>;

/// A revision that an update replaced: what is told of executions that began with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PastRevision {
    pub(crate) id: Option<String>,
    pub(crate) definition_hash: String,
    pub(crate) updated_at: Timestamp,
    pub(crate) logging: Logging,
    pub(crate) tracing: bool,
}

/// A state machine.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) created_at: Timestamp,
    pub(crate) deleting: bool,
    /// Comes with the server, and cannot be changed over the wire.
    pub(crate) built_in: bool,
    pub(crate) current: Revision,
    pub(crate) past: Vec<PastRevision>,
    /// The highest version number that was ever given.
    pub(crate) last_version: u64,
    pub(crate) versions: BTreeMap<u64, Arc<Version>>,
    pub(crate) aliases: BTreeMap<String, Alias>,
    pub(crate) tags: Tags,
    /// The `publish` and `versionDescription` that it was created with: a repeated creation must name them again.
    pub(crate) created_with: (bool, Option<String>),
}

impl Machine {
    /// The version that the current revision was published as.
    pub(crate) fn published(&self) -> Option<&Arc<Version>> {
        self.versions.values().rev().find(|version| {
            version.revision.id == self.current.id && version.revision.same_settings(&self.current)
        })
    }

    /// The settings that were in force when an execution with this definition began.
    pub(crate) fn in_force(&self, definition_hash: &str, at: Timestamp) -> PastRevision {
        let current = &self.current;
        let now = PastRevision {
            id: current.id.clone(),
            definition_hash: current.definition.hash().to_owned(),
            updated_at: current.updated_at,
            logging: current.logging.clone(),
            tracing: current.tracing,
        };
        // From the latest: one that began in the very millisecond of an update has the definition to tell.
        let mut revisions = std::iter::once(&now).chain(self.past.iter().rev());
        let found = revisions
            .find(|revision| revision.updated_at <= at && revision.definition_hash == definition_hash)
            .cloned();
        found.unwrap_or(now)
    }
}

/// An activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Activity {
    pub(crate) name: String,
    pub(crate) created_at: Timestamp,
    pub(crate) encryption: Encryption,
    pub(crate) tags: Tags,
}
