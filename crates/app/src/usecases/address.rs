//! Addresses that callers register.

use super::App;
use tenantry_core::{Error, ErrorCode, Result};

impl App {
    /// Refuses an address that may not be called, as far as its text shows; what its name resolves to is checked at
    /// each call.
    pub(super) fn check_address(&self, url: &str, field: &str) -> Result<()> {
        crate::http::check_url(url, self.settings.allow_private_webhooks).map_err(|refused| {
            Error::new(ErrorCode::UrlRefused, format!("The address may not be called: {refused}."))
                .with_field(field)
        })
    }
}
