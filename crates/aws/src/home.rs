//! Every port of a deployment, put together.

/// The ports on AWS.
pub struct AwsHome;
