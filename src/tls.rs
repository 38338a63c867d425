//! TLS for outgoing calls: ring, and the roots that browsers trust, built in. The system's store is not asked, so that
//! a container without one behaves as any other machine.

/// The client's settings.
///
/// # Panics
/// Never: ring offers the default protocol versions.
pub fn client_config() -> rustls::ClientConfig {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("ring offers the default protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
