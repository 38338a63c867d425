//! What the tour with the AWS SDK for Rust stands on: the real binary as a process, and a client of it that is as the SDK
//! makes it but for the endpoint.

mod server;

pub use server::Server;

use aws_sdk_sfn::Client;
use aws_sdk_sfn::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns};
use std::net::{IpAddr, Ipv4Addr};

/// Every name is this machine: StartSyncExecution and TestState go to `sync-<host>`, a name that DNS knows of AWS alone.
#[derive(Debug, Clone)]
struct Here;

impl ResolveDns for Here {
    fn resolve_dns<'a>(&'a self, _name: &'a str) -> DnsFuture<'a> {
        DnsFuture::ready(Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]))
    }
}

/// A client that signs with this access key.
pub fn client(server: &Server, id: &str, secret: &str) -> Client {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_with_resolver(Here);
    let config = aws_sdk_sfn::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(format!("http://localhost:{}", server.port()))
        .credentials_provider(Credentials::new(id, secret, None, None, "tour"))
        .http_client(http)
        .build();
    Client::from_conf(config)
}
