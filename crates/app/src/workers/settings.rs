//! What the workers may be told. The defaults are for production; tests shorten the waits.

use super::schedule::RetrySchedule;
use crate::http::HttpSettings;
use std::time::Duration;

/// Settings of all workers.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// Whether no other process works on the same table, as on one machine. A lease that another process holds is
    /// then of a life that has ended, and is void at once.
    pub sole_process: bool,
    /// The outgoing HTTP client.
    pub http: HttpSettings,
    /// How long a received message is hidden; prolonged while it is worked on.
    pub visibility: Duration,
    /// How long one receive waits for a first message; also the longest that a shutdown waits for it.
    pub receive_wait: Duration,
    /// How often the relay looks through the whole outbox, woken or not.
    pub relay_scan_every: Duration,
    /// How often the sweeper looks for what is due.
    pub sweep_every: Duration,
    /// How often the sweeper compares every delivery cursor with what was published.
    pub cursor_scan_every: Duration,
    /// How long an operation may wait for its execution before its message is sent again; doubled by its age.
    pub operation_resend_after: Duration,
    /// Waits between the tries to reach a product service.
    pub integration_retries: RetrySchedule,
    /// Waits between the tries to deliver an event.
    pub webhook_retries: RetrySchedule,
    /// How long the delivery of a subscription's events of one tenant is reserved for one sender. Longer than a call.
    pub delivery_lease: Duration,
    /// Messages of the `operations` queue that are worked on at once.
    pub starts_max: usize,
    /// Messages of the `integrations` and of the `webhooks` queue that are held at once, calls and those that wait
    /// for their receiver's turn.
    pub calls_max: usize,
    /// Calls to one service or subscription at once.
    pub calls_per_receiver_max: usize,
    /// How long a shutdown waits for what is being worked on.
    pub shutdown_grace: Duration,
}

impl WorkerSettings {
    /// For functions whose reads are paid for one by one: every delivery cursor is compared once an hour. What is found
    /// then was lost between two durable writes, and nothing else waits for it.
    pub fn metered() -> Self {
        Self { cursor_scan_every: Duration::from_secs(3_600), ..Self::default() }
    }
}

impl Default for WorkerSettings {
    fn default() -> Self {
        let seconds = |list: &[u64]| list.iter().copied().map(Duration::from_secs).collect();
        Self {
            sole_process: false,
            http: HttpSettings::default(),
            visibility: Duration::from_secs(20),
            receive_wait: Duration::from_secs(1),
            relay_scan_every: Duration::from_secs(1),
            sweep_every: Duration::from_secs(10),
            cursor_scan_every: Duration::from_secs(300),
            operation_resend_after: Duration::from_secs(60),
            integration_retries: RetrySchedule { waits: seconds(&[1, 2, 4, 8, 16, 32, 60]), jitter: 0.25 },
            // The waits that Standard Webhooks recommends, with a first one of 5 s.
            webhook_retries: RetrySchedule {
                waits: seconds(&[5, 30, 120, 600, 1_800, 7_200, 18_000, 36_000, 36_000]),
                jitter: 0.2,
            },
            delivery_lease: Duration::from_secs(30),
            starts_max: 64,
            calls_max: 512,
            calls_per_receiver_max: 16,
            shutdown_grace: Duration::from_secs(15),
        }
    }
}
