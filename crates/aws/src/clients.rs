//! The SDK clients: each made at its first use, once per process.

use crate::deployment::MissingVariable;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

/// The longest that one attempt of a call may take. Shorter than the time within which [`crate::call`] begins another
/// one, so that a connection that went dead while Lambda had frozen the process costs one attempt, and not the call.
const ATTEMPT: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(3);

/// One set of clients per process. Connections are kept and shared.
pub struct Clients {
    config: SdkConfig,
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    eventbridge: OnceLock<aws_sdk_eventbridge::Client>,
    kms: OnceLock<aws_sdk_kms::Client>,
    s3: OnceLock<aws_sdk_s3::Client>,
    secrets: OnceLock<aws_sdk_secretsmanager::Client>,
    sfn: OnceLock<aws_sdk_sfn::Client>,
    sqs: OnceLock<aws_sdk_sqs::Client>,
}

/// Region, endpoint and credentials of a process's variables, as Lambda gives them to each function: `AWS_REGION` (or
/// `AWS_DEFAULT_REGION`), `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
///
/// Nothing else is looked at: no profile, no instance role. A function has its role's credentials in its variables for
/// as long as it lives, and what else the AWS SDK can ask for would only make it larger and slower to start.
///
/// # Errors
/// [`MissingVariable`] names the variable.
pub fn sdk_config(
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<SdkConfig, MissingVariable> {
    let variables: BTreeMap<String, String> =
        variables.into_iter().filter(|(name, value)| name.starts_with("AWS_") && !value.is_empty()).collect();
    let get = |name: &str| variables.get(name).cloned().ok_or_else(|| MissingVariable(name.to_owned()));
    let region = get("AWS_REGION").or_else(|_| get("AWS_DEFAULT_REGION"))?;
    let credentials = Credentials::new(
        get("AWS_ACCESS_KEY_ID")?,
        get("AWS_SECRET_ACCESS_KEY")?,
        get("AWS_SESSION_TOKEN").ok(),
        None,
        "environment",
    );
    let mut config = SdkConfig::builder()
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(credentials));
    config.set_endpoint_url(get("AWS_ENDPOINT_URL").ok());
    Ok(config.build())
}

impl Clients {
    /// Clients with that region, endpoint and credentials ([`sdk_config`]); everything else of it is replaced. The
    /// SDK's own retries are off: [`crate::call`] retries, within a deadline.
    pub fn new(config: SdkConfig) -> Self {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let timeouts =
            TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).build();
        let config = config
            .into_builder()
            .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
            .http_client(http)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .build();
        Self {
            config,
            dynamodb: OnceLock::new(),
            eventbridge: OnceLock::new(),
            kms: OnceLock::new(),
            s3: OnceLock::new(),
            secrets: OnceLock::new(),
            sfn: OnceLock::new(),
            sqs: OnceLock::new(),
        }
    }

    /// Says in the log that a client is made: more than once per service and process would be a fault.
    fn made<T>(service: &str, client: T) -> T {
        tracing::debug!(service, "an SDK client is made");
        client
    }

    /// DynamoDB.
    pub fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        self.dynamodb.get_or_init(|| Self::made("dynamodb", aws_sdk_dynamodb::Client::new(&self.config)))
    }

    /// EventBridge.
    pub fn eventbridge(&self) -> &aws_sdk_eventbridge::Client {
        self.eventbridge.get_or_init(|| Self::made("events", aws_sdk_eventbridge::Client::new(&self.config)))
    }

    /// KMS.
    pub fn kms(&self) -> &aws_sdk_kms::Client {
        self.kms.get_or_init(|| Self::made("kms", aws_sdk_kms::Client::new(&self.config)))
    }

    /// S3, with the bucket in the path: the endpoint of an emulator has no host per bucket.
    pub fn s3(&self) -> &aws_sdk_s3::Client {
        self.s3.get_or_init(|| {
            let config = aws_sdk_s3::config::Builder::from(&self.config)
                .force_path_style(self.config.endpoint_url().is_some())
                .build();
            Self::made("s3", aws_sdk_s3::Client::from_conf(config))
        })
    }

    /// Secrets Manager.
    pub fn secrets(&self) -> &aws_sdk_secretsmanager::Client {
        self.secrets
            .get_or_init(|| Self::made("secretsmanager", aws_sdk_secretsmanager::Client::new(&self.config)))
    }

    /// Step Functions.
    pub fn sfn(&self) -> &aws_sdk_sfn::Client {
        self.sfn.get_or_init(|| Self::made("states", aws_sdk_sfn::Client::new(&self.config)))
    }

    /// SQS.
    pub fn sqs(&self) -> &aws_sdk_sqs::Client {
        self.sqs.get_or_init(|| Self::made("sqs", aws_sdk_sqs::Client::new(&self.config)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(names: &[&str]) -> Vec<(String, String)> {
        names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect()
    }

    const ALL: [&str; 3] = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];

    #[test]
    fn a_missing_variable_is_named() {
        for missing in ALL {
            let given: Vec<&str> = ALL.into_iter().filter(|name| *name != missing).collect();
            let error = sdk_config(variables(&given)).unwrap_err();
            let named = if missing == "AWS_REGION" { "AWS_DEFAULT_REGION" } else { missing };
            assert_eq!(error.0, named);
        }
    }

    #[test]
    fn a_client_is_made_once() {
        let clients = Clients::new(sdk_config(variables(&ALL)).unwrap());
        assert!(std::ptr::eq(clients.dynamodb(), clients.dynamodb()));
        assert!(std::ptr::eq(clients.s3(), clients.s3()));
    }
}
