//! What was sent with `Ok` is received, whatever failed on the way; what is deleted is gone.

use super::plan::Chance;
use super::{Ways, persist};
use crate::support::{calls, fresh_name};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tenantry_aws::Clients;
use tenantry_aws::queue::AwsQueue;
use tenantry_core::ports::{OutgoingMessage, Queue as _};

const MESSAGES: usize = 150;
/// How long a received message is hidden: one whose answer was lost comes again after it.
const HIDDEN: Duration = Duration::from_secs(1);

/// A queue's address.
pub(super) async fn make_queue(clients: &Clients) -> String {
    let made = clients.sqs().create_queue().queue_name(fresh_name("faulty-queue")).send().await;
    made.expect("a queue").queue_url.expect("its address")
}

/// The same queue over both ways: the faulty one and the clean one.
pub(super) async fn queue(ways: &Ways) -> (AwsQueue, AwsQueue) {
    let url = make_queue(&ways.clean).await;
    let faulty = AwsQueue::new(Arc::clone(&ways.faulty), ways.calls(), &url);
    (faulty, AwsQueue::new(Arc::clone(&ways.clean), calls(), &url))
}

/// Receives and deletes until nothing is left; the bodies, with repeats.
pub(super) async fn drain(queue: &AwsQueue) -> Vec<String> {
    let mut bodies = Vec::new();
    loop {
        let received = persist("a receive", || queue.receive(10, HIDDEN, Duration::ZERO)).await;
        for message in &received {
            persist("a deletion", || queue.delete(&message.receipt)).await;
        }
        bodies.extend(received.into_iter().map(|message| message.body));
        let depth = persist("a depth", || queue.depth()).await;
        if depth.visible + depth.in_flight + depth.delayed == 0 {
            return bodies;
        }
        if depth.visible == 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_is_received() {
    let Some(ways) = Ways::open("messages over a network that fails", 12).await else { return };
    let (queue, clean) = queue(&ways).await;
    let mut chance = Chance::new(ways.seed);
    let mut sent = BTreeSet::new();
    let mut errors = 0;
    while sent.len() < MESSAGES {
        let size = usize::try_from(1 + chance.below(25)).unwrap();
        let bodies: Vec<String> = (sent.len()..sent.len() + size).map(|n| format!("{{\"n\":{n}}}")).collect();
        let outgoing = |body: &String| OutgoingMessage {
            body: body.clone(),
            group: format!("group-{size}"),
            delay: Duration::ZERO,
        };
        let mut tries = 0;
        let ids = persist("a send", || {
            tries += 1;
            queue.send(bodies.iter().map(outgoing).collect())
        })
        .await;
        errors += tries - 1;
        assert_eq!(ids.len(), bodies.len(), "an id for each");
        sent.extend(bodies);
    }
    let bodies = drain(&queue).await;
    let received: BTreeSet<String> = bodies.iter().cloned().collect();
    assert_eq!(received, sent, "all, and nothing else");
    let late = clean.receive(10, HIDDEN, Duration::from_secs(2)).await.unwrap();
    assert_eq!(late, [], "what was deleted does not come again");
    ways.tell(&format!(
        "{} messages, {errors} sends told as failed, {} received again",
        sent.len(),
        bodies.len() - received.len()
    ));
}
