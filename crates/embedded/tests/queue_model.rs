//! One queue against a small model, whatever is done to it, restarts included.

use crate::support::home;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tenantry_contract::ManualClock;
use tenantry_core::ports::{
    Clock as _, DeadLetter, DeadLetters as _, DeadReason, OutgoingMessage, Queue as _,
};
use tenantry_core::{MessageId, Timestamp};
use tenantry_embedded::{EmbeddedDeadLetters, EmbeddedHome, EmbeddedQueues, QueueName};

#[derive(Debug, Clone)]
enum Op {
    Send {
        group: u8,
        delay_seconds: u64,
        count: usize,
    },
    Receive {
        max: usize,
        visibility_seconds: u64,
    },
    /// With the receipt that was given out so many receipts ago, stale or not.
    Delete {
        ago: usize,
    },
    Extend {
        ago: usize,
        visibility_seconds: u64,
    },
    Bury {
        ago: usize,
    },
    Redrive {
        nth: usize,
    },
    Pass {
        seconds: u64,
    },
    Restart,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..4_u8, prop_oneof![Just(0), 1..20_u64], 1..5_usize)
            .prop_map(|(group, delay_seconds, count)| Op::Send { group, delay_seconds, count }),
        6 => (1..=10_usize, 0..20_u64)
            .prop_map(|(max, visibility_seconds)| Op::Receive { max, visibility_seconds }),
        2 => (0..12_usize).prop_map(|ago| Op::Delete { ago }),
        2 => (0..12_usize, 0..20_u64).prop_map(|(ago, visibility_seconds)| Op::Extend { ago, visibility_seconds }),
        1 => (0..12_usize).prop_map(|ago| Op::Bury { ago }),
        1 => (0..4_usize).prop_map(|nth| Op::Redrive { nth }),
        3 => (1..15_u64).prop_map(|seconds| Op::Pass { seconds }),
        1 => Just(Op::Restart),
    ]
}

#[derive(Debug, Clone)]
struct Known {
    group: String,
    visible_at: Timestamp,
    count: u32,
    receipt: Option<String>,
}

/// What a queue should hold.
#[derive(Default)]
struct Model {
    messages: BTreeMap<MessageId, Known>,
    dead: BTreeMap<MessageId, Known>,
    receipts: Vec<(MessageId, String)>,
}

impl Model {
    fn visible(&self, now: Timestamp) -> BTreeSet<MessageId> {
        self.messages.iter().filter(|(_, known)| known.visible_at <= now).map(|(id, _)| id.clone()).collect()
    }

    fn receipt(&self, ago: usize) -> Option<(MessageId, String)> {
        self.receipts.iter().rev().nth(ago).cloned()
    }

    /// The message that this receipt is good for.
    fn held(&mut self, id: &MessageId, receipt: &str) -> Option<&mut Known> {
        self.messages.get_mut(id).filter(|known| known.receipt.as_deref() == Some(receipt))
    }
}

struct Subject {
    _home: EmbeddedHome,
    clock: ManualClock,
    queues: EmbeddedQueues,
}

impl Subject {
    fn restart(&mut self) {
        self.queues = self.queues.reopen(Arc::new(self.clock.clone())).expect("the queues open again");
    }

    async fn apply(&mut self, model: &mut Model, op: Op) {
        let queue = self.queues.queue(QueueName::Webhooks);
        let letters = EmbeddedDeadLetters::new(self.queues.clone());
        let now = self.clock.now();
        match op {
            Op::Send { group, delay_seconds, count } => {
                let delay = Duration::from_secs(delay_seconds);
                let message = OutgoingMessage { body: "x".to_owned(), group: group.to_string(), delay };
                let (group, visible_at) = (message.group.clone(), now.saturating_add(delay));
                for id in queue.send(vec![message; count]).await.expect("a send") {
                    let known = Known { group: group.clone(), visible_at, count: 0, receipt: None };
                    model.messages.insert(id, known);
                }
            }
            Op::Receive { max, visibility_seconds } => {
                let visibility = Duration::from_secs(visibility_seconds);
                let visible = model.visible(now);
                let received = queue.receive(max, visibility, Duration::ZERO).await.expect("a receive");
                assert_eq!(received.len(), max.min(visible.len()), "all that can be had, up to {max}");
                for message in received {
                    assert!(visible.contains(&message.id), "it could be received");
                    let known = model.messages.get_mut(&message.id).expect("it is in the queue");
                    known.count += 1;
                    assert_eq!((message.receive_count, &message.group), (known.count, &known.group));
                    known.visible_at = now.saturating_add(visibility);
                    known.receipt = Some(message.receipt.clone());
                    model.receipts.push((message.id, message.receipt));
                }
            }
            Op::Delete { ago } => {
                let Some((id, receipt)) = model.receipt(ago) else { return };
                queue.delete(&receipt).await.expect("a deletion");
                if model.held(&id, &receipt).is_some() {
                    model.messages.remove(&id);
                }
            }
            Op::Extend { ago, visibility_seconds } => {
                let Some((id, receipt)) = model.receipt(ago) else { return };
                let visibility = Duration::from_secs(visibility_seconds);
                queue.extend(&receipt, visibility).await.expect("an extension");
                if let Some(known) = model.held(&id, &receipt) {
                    known.visible_at = now.saturating_add(visibility);
                }
            }
            Op::Bury { ago } => {
                let Some((id, receipt)) = model.receipt(ago) else { return };
                let Some(known) = model.held(&id, &receipt).cloned() else { return };
                let letter = DeadLetter {
                    queue: QueueName::Webhooks.as_str().to_owned(),
                    id: id.clone(),
                    body: "x".to_owned(),
                    group: known.group.clone(),
                    receive_count: known.count,
                    reason: DeadReason { code: "test".to_owned(), message: String::new() },
                    sent_at: now,
                    died_at: now,
                };
                letters.bury(letter).await.expect("a burial");
                queue.delete(&receipt).await.expect("a deletion");
                model.messages.remove(&id);
                model.dead.insert(id, known);
            }
            Op::Redrive { nth } => {
                let Some(id) = model.dead.keys().nth(nth).cloned() else { return };
                assert!(letters.redrive("webhooks", &id).await.expect("a redrive"));
                if let Some(known) = model.dead.remove(&id) {
                    model.messages.insert(id, Known { visible_at: now, count: 0, receipt: None, ..known });
                }
            }
            Op::Pass { seconds } => self.clock.advance(Duration::from_secs(seconds)),
            Op::Restart => {
                self.restart();
                for known in model.messages.values_mut().filter(|known| known.receipt.is_some()) {
                    known.visible_at = known.visible_at.min(now);
                }
            }
        }
    }

    async fn check(&self, model: &Model) {
        let now = self.clock.now();
        let depth = self.queues.queue(QueueName::Webhooks).depth().await.expect("a depth");
        let hidden = |received: bool| {
            let hidden = model.messages.values().filter(|known| known.visible_at > now);
            hidden.filter(|known| (known.count > 0) == received).count() as u64
        };
        assert_eq!(
            (depth.visible, depth.in_flight, depth.delayed),
            (model.visible(now).len() as u64, hidden(true), hidden(false))
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_queue_is_what_its_model_is(ops in proptest::collection::vec(op(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let clock = ManualClock::new();
            let (home, _dir) = home(clock.clone());
            let mut subject = Subject { queues: home.queues.clone(), _home: home, clock };
            let mut model = Model::default();
            for op in ops {
                subject.apply(&mut model, op).await;
                subject.check(&model).await;
            }
        });
    }
}
