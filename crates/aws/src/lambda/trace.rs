//! Traces: one X-Ray subsegment per unit of work, sent to the daemon that Lambda runs beside a traced function.
//! <https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html>
//!
//! A trace never fails the work, nor makes it wait: it is a datagram on the machine itself, sent and forgotten.

use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::net::UdpSocket;
use std::sync::Arc;
use tenantry_core::Timestamp;
use tenantry_core::ports::{Clock, Ids};

/// What goes before each document.
/// <https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html>
const PREFIX: &str = "{\"format\": \"json\", \"version\": 1}\n";
/// The longest name of a segment.
const NAME_LENGTH_MAX: usize = 200;

/// Where the subsegments of an invocation belong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TraceHeader {
    root: String,
    parent: String,
}

impl TraceHeader {
    /// Reads `Root=…;Parent=…;Sampled=1`; `None` where the invocation is not traced.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let field = |name: &str| {
            header
                .split(';')
                .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
                .map(str::to_owned)
        };
        (field("Sampled")? == "1").then_some(())?;
        Some(Self { root: field("Root")?, parent: field("Parent")? })
    }
}

/// Sends subsegments. Cheap to clone.
#[derive(Clone)]
pub(super) struct Tracer {
    daemon: Option<Arc<UdpSocket>>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

/// A unit of work that has begun.
pub(super) struct Subsegment<'a> {
    tracer: &'a Tracer,
    header: Option<&'a TraceHeader>,
    name: String,
    annotations: Map<String, Value>,
    started_at: Timestamp,
}

impl Tracer {
    /// A tracer that sends to `daemon` (`host:port`); where there is none, or it is no address, nothing is sent.
    pub(super) fn new(daemon: Option<&str>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        let connected = daemon.and_then(|address| {
            let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
            socket.connect(address).ok()?;
            socket.set_nonblocking(true).ok()?;
            Some(Arc::new(socket))
        });
        if daemon.is_some() && connected.is_none() {
            tracing::warn!("the X-Ray daemon's address cannot be used: nothing is traced");
        }
        Self { daemon: connected, clock, ids }
    }

    /// Begins a unit of work.
    pub(super) fn begin<'a>(
        &'a self,
        header: Option<&'a TraceHeader>,
        name: &str,
        annotations: Map<String, Value>,
    ) -> Subsegment<'a> {
        let started_at = self.clock.now();
        Subsegment { tracer: self, header, name: segment_name(name), annotations, started_at }
    }
}

impl Subsegment<'_> {
    /// Ends it; `failed` where the work did.
    pub(super) fn end(self, failed: bool) {
        let (Some(daemon), Some(header)) = (&self.tracer.daemon, self.header) else { return };
        let mut id = [0_u8; 8];
        self.tracer.ids.fill(&mut id);
        let document = json!({
            "name": self.name,
            "id": hex(&id),
            "trace_id": header.root,
            "parent_id": header.parent,
            "type": "subsegment",
            "start_time": seconds(self.started_at),
            "end_time": seconds(self.tracer.clock.now()),
            "fault": failed,
            "annotations": self.annotations,
        });
        let _ = daemon.send(format!("{PREFIX}{document}").as_bytes());
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.as_millis() as f64 / 1000.0
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Letters, digits, blanks and `_.:/%&#=+\-@`, 200 of them.
fn segment_name(name: &str) -> String {
    let good = |c: char| c.is_alphanumeric() || " _.:/%&#=+\\-@".contains(c);
    name.chars().map(|c| if good(c) { c } else { '_' }).take(NAME_LENGTH_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sampled_header_is_traced() {
        let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=x";
        let parsed = TraceHeader::parse(header).unwrap();
        assert_eq!(parsed.root, "1-5759e988-bd862e3fe1be46a994272793");
        assert_eq!(parsed.parent, "53995c3f42cd8ad8");
        for none in ["", "Root=1-a;Parent=b", "Root=1-a;Parent=b;Sampled=0", "Parent=b;Sampled=1", "Sampled"]
        {
            assert_eq!(TraceHeader::parse(none), None, "{none}");
        }
    }

    #[test]
    fn names_are_of_the_letters_that_are_allowed() {
        assert_eq!(segment_name("GET /v1/tenants/{id}?a"), "GET /v1/tenants/_id__a");
        assert_eq!(segment_name(&"x".repeat(300)).len(), NAME_LENGTH_MAX);
    }
}
