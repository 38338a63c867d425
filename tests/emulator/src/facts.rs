//! What a client must know to call the emulator.

/// Address and credentials, as every AWS client takes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Such as `http://127.0.0.1:4566`.
    pub endpoint_url: String,
    /// Such as `eu-central-1`.
    pub region: String,
    /// The account that the credentials belong to: twelve digits.
    pub account: String,
    /// The caller that may do everything.
    pub access_key_id: String,
    /// Its secret, which is none.
    pub secret_access_key: String,
}

impl Facts {
    /// The variables by which AWS's own tools and clients find the emulator; a process given these and nothing else
    /// sees no other account.
    pub fn variables(&self) -> [(&'static str, &str); 6] {
        [
            ("AWS_ENDPOINT_URL", &self.endpoint_url),
            ("AWS_REGION", &self.region),
            ("AWS_DEFAULT_REGION", &self.region),
            ("AWS_ACCESS_KEY_ID", &self.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", &self.secret_access_key),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
    }
}
