//! Settings that state machines and activities share: logging, tracing, encryption, tags.

use crate::ApiError;
use crate::registry::{Encryption, LogLevel, Logging, Tags};
use crate::request::{self, Ask};

/// Most tags of a resource. <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
const TAGS_MAX: usize = 50;

/// A `loggingConfiguration` as it was asked for; what was left out stays open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AskedLogging {
    level: Option<String>,
    include_execution_data: Option<bool>,
    destinations: Option<Vec<String>>,
}

impl AskedLogging {
    pub(super) fn read(ask: &mut Ask<'_>) -> Result<Option<Self>, ApiError> {
        ask.object("loggingConfiguration", |ask| {
            Ok(Self {
                level: ask.choice("level", LogLevel::WORDS)?.map(str::to_owned),
                include_execution_data: ask.flag("includeExecutionData")?,
                destinations: ask.objects(
                    "destinations",
                    (0, usize::MAX),
                    |_| String::new(),
                    |ask| {
                        let group = ask.object("cloudWatchLogsLogGroup", |ask| {
                            Ok(ask.text("logGroupArn", request::ARN)?.unwrap_or_default().to_owned())
                        })?;
                        Ok(group.unwrap_or_default())
                    },
                )?,
            })
        })
    }

    /// The whole configuration: what was left out is as the service has it.
    ///
    /// # Errors
    /// `InvalidLoggingConfiguration`: there is something to log, and not exactly one place for it.
    pub(super) fn settle(self) -> Result<Logging, ApiError> {
        let logging = Logging {
            level: self.level.as_deref().map_or(LogLevel::Off, LogLevel::parse),
            include_execution_data: self.include_execution_data.unwrap_or(false),
            destinations: self.destinations,
        };
        let groups = logging.destinations.as_deref().unwrap_or_default();
        let places = groups.len();
        if places > 1 || (logging.level != LogLevel::Off && places != 1) {
            return Err(ApiError::invalid_logging("Must specify exactly one Log Destination."));
        }
        if groups.iter().any(|arn| !is_log_group(arn)) {
            return Err(ApiError::invalid_logging("Log Destination is invalid."));
        }
        Ok(logging)
    }
}

/// `arn:<partition>:logs:<region>:<account>:log-group:<name>:*`.
fn is_log_group(arn: &str) -> bool {
    let mut parts = arn.splitn(7, ':');
    parts.next() == Some("arn")
        && parts.next().is_some_and(|partition| partition.starts_with("aws"))
        && parts.next() == Some("logs")
        && parts.next().is_some_and(|region| !region.is_empty())
        && parts.next().is_some_and(|account| !account.is_empty())
        && parts.next() == Some("log-group")
        && parts.next().is_some_and(|name| name.len() > 2 && name.ends_with(":*"))
}

/// `tracingConfiguration`: whether it is enabled.
///
/// # Errors
/// `InvalidTracingConfiguration` where it does not say.
pub(super) fn tracing(ask: &mut Ask<'_>) -> Result<Option<bool>, ApiError> {
    ask.object("tracingConfiguration", |ask| Ok(ask.flag("enabled")?.unwrap_or(false)))
}

/// `encryptionConfiguration`.
///
/// # Errors
/// `InvalidEncryptionConfiguration`: the key and the type contradict each other.
pub(super) fn encryption(ask: &mut Ask<'_>) -> Result<Option<Encryption>, ApiError> {
    let asked = ask.object("encryptionConfiguration", |ask| {
        ask.require("type");
        let kind = ask.choice("type", Encryption::WORDS)?.unwrap_or_default();
        let key = ask.text("kmsKeyId", request::KMS_KEY)?.map(str::to_owned);
        Ok((kind == "CUSTOMER_MANAGED_KMS_KEY", key, ask.integer("kmsDataKeyReusePeriodSeconds", 60, 900)?))
    })?;
    match asked {
        None => Ok(None),
        Some((false, None, None)) => Ok(Some(Encryption::default())),
        Some((true, Some(key), reuse_seconds)) => {
            Ok(Some(Encryption { kms_key_id: Some(key), reuse_seconds }))
        }
        Some((true, None, _)) => {
            Err(invalid_encryption("'kmsKeyId' is required with CUSTOMER_MANAGED_KMS_KEY"))
        }
        Some((false, _, _)) => Err(invalid_encryption(
            "'kmsKeyId' and 'kmsDataKeyReusePeriodSeconds' are not allowed with AWS_OWNED_KEY",
        )),
    }
}

fn invalid_encryption(why: &str) -> ApiError {
    ApiError::new("InvalidEncryptionConfiguration", format!("Invalid Encryption Configuration: {why}"))
}

/// `tags`, where they are there.
pub(super) fn tags(ask: &mut Ask<'_>) -> Result<Option<Tags>, ApiError> {
    ask.objects(
        "tags",
        (0, usize::MAX),
        |_| String::new(),
        |ask| {
            let key = ask.text("key", request::TAG_KEY)?.unwrap_or_default();
            let value = ask.text("value", request::TAG_VALUE)?.unwrap_or_default();
            Ok((key.to_owned(), value.to_owned()))
        },
    )
}

/// Sets `more` upon `tags`: a key that is there keeps its place.
///
/// # Errors
/// `TooManyTags`; keys that are AWS's own.
pub(super) fn add_tags(tags: &mut Tags, more: Tags, arn: &str) -> Result<(), ApiError> {
    for (key, value) in more {
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(ApiError::validation(format!(
                "Tag keys that begin with aws: are reserved. Received: [{key}]"
            )));
        }
        match tags.iter_mut().find(|(known, _)| *known == key) {
            Some((_, old)) => *old = value,
            None => tags.push((key, value)),
        }
    }
    if tags.len() > TAGS_MAX {
        return Err(ApiError::new(
            "TooManyTags",
            format!("Too many tags: '{arn}' may have at most {TAGS_MAX} tags; nothing was changed"),
        ));
    }
    Ok(())
}
