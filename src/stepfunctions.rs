//! The Step Functions endpoint of one machine: the registry in the one database, the access key in the vault.

use crate::node::{StartError, write_private};
use std::path::Path;
use std::sync::Arc;
use tenantry_core::Realm;
use tenantry_definitions::workflows::Workflow;
use tenantry_embedded::EmbeddedHome;
use tenantry_stepfunctions::{AccessKey, Registry, Verifier};

/// The file in the data folder that holds the access key, for commands on this machine: what the AWS CLI's
/// `credential_process` prints. <https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sourcing-external.html>
pub const CREDENTIALS_FILE: &str = "aws-credentials.json";

/// The region that clients of this machine name; any other is taken, too.
pub const REGION: &str = "us-east-1";

/// Reads the registry; the workflows of this build are in it from the start, because executions that are taken up may
/// start others.
///
/// # Errors
/// The database does not answer, or is damaged.
pub async fn registry(home: &EmbeddedHome, workflows: &[Workflow]) -> Result<Registry, StartError> {
    let documents = Arc::new(home.documents.clone());
    let (clock, ids) = (Arc::clone(&home.clock), Arc::clone(&home.ids));
    let registry = Registry::open(documents, Realm::default(), clock, ids).await?;
    let known = workflows.iter().map(|flow| (flow.name.clone(), Arc::clone(&flow.definition)));
    registry.adopt(known.collect());
    Ok(registry)
}

/// The access key, made at the first start; and its copy for commands, readable by its owner alone.
///
/// # Errors
/// The vault does not answer, or holds no key; the file cannot be written.
pub async fn verifier(dir: &Path, home: &EmbeddedHome) -> Result<Verifier, StartError> {
    let key = AccessKey::kept(home.vault.as_ref(), home.ids.as_ref()).await?;
    let credentials = serde_json::json!({
        "Version": 1,
        "AccessKeyId": key.id(),
        "SecretAccessKey": key.secret(),
    });
    let path = dir.join(CREDENTIALS_FILE);
    // Written only where it is not there yet: a disk that is full must not keep a restart from serving.
    let text = credentials.to_string();
    if std::fs::read_to_string(&path).is_ok_and(|kept| kept.trim() == text) {
        return Ok(Verifier::new(key, Arc::clone(&home.clock)));
    }
    write_private(&path, &text)?;
    Ok(Verifier::new(key, Arc::clone(&home.clock)))
}
