//! `tenantry aws-credentials`: the access key of the server's Step Functions endpoint.

use super::{CliError, Exit, Format, output};
use crate::node::ADDRESS_FILE;
use crate::stepfunctions::{CREDENTIALS_FILE, REGION};
use std::path::Path;

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials {
    access_key_id: String,
    secret_access_key: String,
}

/// As a profile of the AWS CLI's configuration; as JSON what its `credential_process` reads.
pub(super) fn run(data_dir: &Path, format: Format) -> Result<Exit, CliError> {
    let path = data_dir.join(CREDENTIALS_FILE);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        CliError::not_found(format!(
            "{} cannot be read: {error}. The access key is made when a server first starts: run `tenantry serve`, and \
             name its folder with --data-dir.",
            path.display()
        ))
    })?;
    if format != Format::Table {
        output::line(text.trim());
        return Ok(Exit::Success);
    }
    let Credentials { access_key_id, secret_access_key } = serde_json::from_str(&text).map_err(|error| {
        CliError::failure(format!(
            "{} is damaged: {error}. Remove it; the next start of the server writes it again.",
            path.display()
        ))
    })?;
    output::line("[profile tenantry]");
    output::line(&format!("region = {REGION}"));
    output::line(&format!("aws_access_key_id = {access_key_id}"));
    output::line(&format!("aws_secret_access_key = {secret_access_key}"));
    if let Ok(address) = std::fs::read_to_string(data_dir.join(ADDRESS_FILE)) {
        output::line(&format!("endpoint_url = http://{}", address.trim()));
        // Else StartSyncExecution and TestState go to `sync-<host>`, a name that only AWS's own DNS knows.
        // <https://docs.aws.amazon.com/sdkref/latest/guide/feature-host-prefix.html>
        output::line("disable_host_prefix_injection = true");
    }
    eprintln!(
        "Put this into ~/.aws/config, and then: aws stepfunctions list-state-machines --profile tenantry"
    );
    Ok(Exit::Success)
}
