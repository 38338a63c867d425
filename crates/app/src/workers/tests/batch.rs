//! Batches of messages that somebody else received.

use super::super::batch::Batch;
use super::super::consume::Disposition;
use super::*;
use tenantry_core::ports::{DeadLetters as _, Message, OutgoingMessage};

/// Does what a message's body says.
struct Obedient;

impl Handler for Obedient {
    fn handle<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<Disposition, WorkerError>> {
        Box::pin(async move {
            let instead = || OutgoingMessage {
                body: "\"sent instead\"".to_owned(),
                group: message.group.clone(),
                delay: Duration::ZERO,
            };
            match message.body.as_str() {
                "\"done\"" => Ok(Disposition::Done),
                "\"instead\"" => Ok(Disposition::Instead(instead())),
                "\"bury\"" => Ok(Disposition::bury("malformed", "as asked")),
                "\"fail\"" => Err(WorkerError::Inconsistent("as asked".to_owned())),
                "\"panic\"" => panic!("as asked"),
                "\"hang\"" => std::future::pending().await,
                other => panic!("{other}"),
            }
        })
    }
}

async fn received(home: &Home, bodies: &[&str]) -> Vec<Message> {
    let queue = &home.memory.webhooks;
    for body in bodies {
        let body = format!("\"{body}\"");
        queue
            .send(vec![OutgoingMessage { body, group: "g".to_owned(), delay: Duration::ZERO }])
            .await
            .unwrap();
    }
    queue.receive(10, Duration::from_secs(60), Duration::ZERO).await.unwrap()
}

async fn run(home: &Home, messages: &[Message], until: Timestamp) -> Vec<String> {
    let (queue, handler) = (&*home.memory.webhooks, &Obedient);
    let batch =
        Batch { ports: &home.ports, queue_name: "webhooks", queue, handler, in_flight_max: 10, until };
    batch.run(messages).await.into_iter().map(|place| messages[place].body.clone()).collect()
}

#[tokio::test]
async fn each_message_is_settled_by_itself_and_nothing_is_deleted() {
    let home = Home::new();
    let messages = received(&home, &["done", "fail", "instead", "panic", "bury"]).await;
    let later = home.now().saturating_add(Duration::from_secs(30));
    assert_eq!(run(&home, &messages, later).await, ["\"fail\"", "\"panic\""]);
    let letters = home.memory.dead_letters.list("webhooks", None, 10).await.unwrap().items;
    assert_eq!(letters.iter().map(|letter| letter.body.as_str()).collect::<Vec<_>>(), ["\"bury\""]);
    // Five that are not deleted, and the one that was sent instead.
    assert_eq!(home.memory.webhooks.bodies().len(), 6);

    // Those that failed are seen again soon, long before the others that nobody deleted.
    home.memory.clock.advance(Duration::from_secs(2));
    let again = home.memory.webhooks.receive(10, Duration::from_secs(60), Duration::ZERO).await.unwrap();
    let mut bodies: Vec<&str> = again.iter().map(|message| message.body.as_str()).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, ["\"fail\"", "\"panic\"", "\"sent instead\""]);
}

#[tokio::test]
async fn what_is_not_finished_in_time_comes_again() {
    let home = Home::new();
    let messages = received(&home, &["done", "hang"]).await;
    assert_eq!(run(&home, &messages, home.now()).await, ["\"done\"", "\"hang\""], "no time to begin");
    let until = home.now().saturating_add(Duration::from_secs(10));
    let clock = home.memory.clock.clone();
    let (failed, ()) = futures::future::join(run(&home, &messages, until), async move {
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(10));
    })
    .await;
    assert_eq!(failed, ["\"hang\""]);
}
