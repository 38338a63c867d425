//! Queues and dead letters in memory.

use super::{ManualClock, SequentialIds, lock};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tenantry_core::ports::{
    Clock, DeadLetter, DeadLetterPage, DeadLetters, DeadReason, Ids, Message, OutgoingMessage, PortError,
    Queue, QueueDepth,
};
use tenantry_core::{BoxFuture, MessageId, Timestamp, limits};
use tokio::sync::Notify;

/// Receives after which a message becomes a dead letter.
const RECEIVES_MAX: u32 = 5;

#[derive(Clone)]
struct Entry {
    id: MessageId,
    body: String,
    group: String,
    sent_at: Timestamp,
    visible_at: Timestamp,
    receive_count: u32,
}

#[derive(Default)]
struct State {
    entries: Vec<Entry>,
    /// The group served last, so that groups take turns.
    last_group: String,
}

/// A queue: at least once, groups take turns, and a message received five times without being deleted is a dead
/// letter at its next receipt.
pub struct MemoryQueue {
    name: &'static str,
    clock: Arc<ManualClock>,
    ids: Arc<SequentialIds>,
    dead_letters: Arc<MemoryDeadLetters>,
    state: Arc<Mutex<State>>,
    arrived: Arc<Notify>,
}

impl MemoryQueue {
    /// An empty queue.
    pub fn new(
        name: &'static str,
        clock: Arc<ManualClock>,
        ids: Arc<SequentialIds>,
        dead_letters: Arc<MemoryDeadLetters>,
    ) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let arrived = Arc::new(Notify::new());
        lock(&dead_letters.queues).insert(name, (state.clone(), arrived.clone(), clock.clone(), ids.clone()));
        Self { name, clock, ids, dead_letters, state, arrived }
    }

    /// The bodies of all messages, delayed and received ones too, in the order of their sending.
    pub fn bodies(&self) -> Vec<serde_json::Value> {
        let state = lock(&self.state);
        state
            .entries
            .iter()
            .map(|entry| serde_json::from_str(&entry.body).unwrap_or_else(|_| entry.body.clone().into()))
            .collect()
    }

    fn take(&self, max: usize, visibility: Duration) -> Vec<Message> {
        let now = self.clock.now();
        let mut state = lock(&self.state);
        let mut taken = Vec::new();
        while taken.len() < max.min(limits::RECEIVE_MESSAGES_MAX) {
            let due = |entry: &&Entry| entry.visible_at <= now;
            let last = state.last_group.clone();
            let group = state.entries.iter().filter(due).map(|entry| entry.group.clone()).min_by(|a, b| {
                // The next group after the last one, in the order of names, round and round.
                (*a <= last, a).cmp(&(*b <= last, b))
            });
            let Some(group) = group else { break };
            let place =
                state.entries.iter().position(|entry| entry.visible_at <= now && entry.group == group);
            let Some(place) = place else { break };
            state.last_group = group;
            if state.entries[place].receive_count >= RECEIVES_MAX {
                let entry = state.entries.remove(place);
                lock(&self.dead_letters.letters).insert(
                    (self.name.to_owned(), entry.id.clone()),
                    DeadLetter {
                        queue: self.name.to_owned(),
                        id: entry.id,
                        body: entry.body,
                        group: entry.group,
                        receive_count: entry.receive_count,
                        reason: DeadReason {
                            code: "max_receives".to_owned(),
                            message: format!("received {RECEIVES_MAX} times and never deleted"),
                        },
                        sent_at: entry.sent_at,
                        died_at: now,
                    },
                );
                continue;
            }
            let entry = &mut state.entries[place];
            entry.receive_count += 1;
            // Even a visibility of zero must hide it from the rest of this receive.
            entry.visible_at = now.saturating_add(visibility.max(Duration::from_millis(1)));
            taken.push(Message {
                id: entry.id.clone(),
                receipt: format!("{}/{}", entry.id, entry.receive_count),
                body: entry.body.clone(),
                group: entry.group.clone(),
                receive_count: entry.receive_count,
                sent_at: entry.sent_at,
            });
        }
        taken
    }
}

fn matches(entry: &Entry, receipt: &str) -> bool {
    receipt.split_once('/').is_some_and(|(id, count)| {
        entry.id.as_str() == id && count.parse::<u32>().is_ok_and(|count| count == entry.receive_count)
    })
}

impl Queue for MemoryQueue {
    fn send(&self, messages: Vec<OutgoingMessage>) -> BoxFuture<'_, Result<Vec<MessageId>, PortError>> {
        Box::pin(async move {
            let refuse = |message: &str| PortError::Refused { port: "queue", message: message.to_owned() };
            if messages.iter().any(|message| message.body.len() > limits::MESSAGE_BYTES_MAX) {
                return Err(refuse("a message is too large"));
            }
            if messages.iter().any(|message| message.delay.as_secs() > limits::DELAY_SECONDS_MAX) {
                return Err(refuse("a delay is too long"));
            }
            let now = self.clock.now();
            let mut sent = Vec::new();
            for message in messages {
                let id = MessageId::from_uuid(self.ids.next());
                sent.push(id.clone());
                lock(&self.state).entries.push(Entry {
                    id,
                    body: message.body,
                    group: message.group,
                    sent_at: now,
                    visible_at: now.saturating_add(message.delay),
                    receive_count: 0,
                });
            }
            self.arrived.notify_waiters();
            Ok(sent)
        })
    }

    fn receive(
        &self,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> BoxFuture<'_, Result<Vec<Message>, PortError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            let deadline = self.clock.now().saturating_add(wait);
            loop {
                let arrived = self.arrived.notified();
                let messages = self.take(max, visibility);
                let now = self.clock.now();
                if !messages.is_empty() || now >= deadline {
                    return Ok(messages);
                }
                let due = lock(&self.state).entries.iter().map(|entry| entry.visible_at).min();
                let wake = due.unwrap_or(deadline).min(deadline);
                tokio::select! {
                    () = arrived => {}
                    () = self.clock.sleep_until(wake) => {}
                }
            }
        })
    }

    fn delete<'a>(&'a self, receipt: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            lock(&self.state).entries.retain(|entry| !matches(entry, receipt));
            Ok(())
        })
    }

    fn extend<'a>(&'a self, receipt: &'a str, visibility: Duration) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            let until = self.clock.now().saturating_add(visibility);
            let mut state = lock(&self.state);
            if let Some(entry) = state.entries.iter_mut().find(|entry| matches(entry, receipt)) {
                entry.visible_at = until;
                drop(state);
                self.arrived.notify_waiters();
            }
            Ok(())
        })
    }

    fn depth(&self) -> BoxFuture<'_, Result<QueueDepth, PortError>> {
        Box::pin(async move {
            let now = self.clock.now();
            let mut depth = QueueDepth { oldest_age_ms: Some(0), ..QueueDepth::default() };
            for entry in &lock(&self.state).entries {
                if entry.visible_at <= now {
                    depth.visible += 1;
                    let age = now.saturating_since(entry.sent_at).as_millis();
                    let age = u64::try_from(age).unwrap_or(u64::MAX);
                    depth.oldest_age_ms = depth.oldest_age_ms.max(Some(age));
                } else if entry.receive_count == 0 {
                    depth.delayed += 1;
                } else {
                    depth.in_flight += 1;
                }
            }
            Ok(depth)
        })
    }
}

type Wire = (Arc<Mutex<State>>, Arc<Notify>, Arc<ManualClock>, Arc<SequentialIds>);

/// The dead letters of the queues that were made with it.
#[derive(Default)]
pub struct MemoryDeadLetters {
    letters: Mutex<BTreeMap<(String, MessageId), DeadLetter>>,
    queues: Mutex<BTreeMap<&'static str, Wire>>,
    panics: AtomicBool,
}

impl MemoryDeadLetters {
    /// The next list panics: a fault of the program, as a test needs one.
    pub fn panic_once(&self) {
        self.panics.store(true, Ordering::SeqCst);
    }

    fn take_back(&self, queue: &str, id: &MessageId, body: Option<String>) -> Option<MessageId> {
        let letter = lock(&self.letters).remove(&(queue.to_owned(), id.clone()))?;
        let queues = lock(&self.queues);
        let (state, arrived, clock, ids) = queues.get(queue)?;
        let id = if body.is_some() { MessageId::from_uuid(ids.next()) } else { letter.id };
        lock(state).entries.push(Entry {
            id: id.clone(),
            body: body.unwrap_or(letter.body),
            group: letter.group,
            sent_at: letter.sent_at,
            visible_at: clock.now(),
            receive_count: 0,
        });
        arrived.notify_waiters();
        Some(id)
    }
}

impl DeadLetters for MemoryDeadLetters {
    fn bury(&self, letter: DeadLetter) -> BoxFuture<'_, Result<(), PortError>> {
        Box::pin(async move {
            lock(&self.letters).entry((letter.queue.clone(), letter.id.clone())).or_insert(letter);
            Ok(())
        })
    }

    fn list<'a>(
        &'a self,
        queue: &'a str,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'a, Result<DeadLetterPage, PortError>> {
        Box::pin(async move {
            assert!(!self.panics.swap(false, Ordering::SeqCst), "asked for by the test");
            let place = |letter: &DeadLetter| format!("{}#{}", letter.died_at, letter.id);
            let mut items: Vec<DeadLetter> = lock(&self.letters)
                .values()
                .filter(|letter| letter.queue == queue)
                .filter(|letter| after.as_ref().is_none_or(|after| place(letter) > *after))
                .cloned()
                .collect();
            items.sort_by_key(place);
            let next = (items.len() > limit.max(1)).then(|| place(&items[limit.max(1) - 1]));
            items.truncate(limit.max(1));
            Ok(DeadLetterPage { items, next })
        })
    }

    fn get<'a>(
        &'a self,
        queue: &'a str,
        id: &'a MessageId,
    ) -> BoxFuture<'a, Result<Option<DeadLetter>, PortError>> {
        Box::pin(async move { Ok(lock(&self.letters).get(&(queue.to_owned(), id.clone())).cloned()) })
    }

    fn redrive<'a>(&'a self, queue: &'a str, id: &'a MessageId) -> BoxFuture<'a, Result<bool, PortError>> {
        Box::pin(async move { Ok(self.take_back(queue, id, None).is_some()) })
    }

    fn edit<'a>(
        &'a self,
        queue: &'a str,
        id: &'a MessageId,
        body: String,
    ) -> BoxFuture<'a, Result<Option<MessageId>, PortError>> {
        Box::pin(async move { Ok(self.take_back(queue, id, Some(body))) })
    }

    fn purge<'a>(&'a self, queue: &'a str, id: &'a MessageId) -> BoxFuture<'a, Result<bool, PortError>> {
        Box::pin(async move { Ok(lock(&self.letters).remove(&(queue.to_owned(), id.clone())).is_some()) })
    }
}
