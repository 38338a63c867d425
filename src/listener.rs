//! Serving HTTP so that nobody is waited for without end.
//!
//! A client that opens a connection and never finishes its headers or its body costs a connection and the bytes it sent,
//! for half a minute. What a handler does with a whole request may take as long as it takes: long polls and event streams
//! are no one's slowness.

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use futures::StreamExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::io;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout_at};

/// How long the headers of a request may take, and then its body.
const PATIENCE: Duration = Duration::from_secs(30);

/// Pause after the system had no connection to give, such as where there are too many open files.
const PAUSE: Duration = Duration::from_millis(500);

/// Serves until `stop`; returns once the connections have ended that were open then.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let connections = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, _)) => attend(&connections, stream, router.clone()),
            // Of that connection alone.
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be taken now");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.shutdown().await;
}

fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn attend(connections: &GracefulShutdown, stream: TcpStream, router: Router) {
    use tower::ServiceExt as _;
    let service = router.map_request(|request: Request<Incoming>| request.map(|body| timed(Body::new(body))));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::trace!(%error, "a connection ended");
        }
    });
}

/// A body that fails once it took too long; nothing at all needs no time.
fn timed(body: Body) -> Body {
    if body.is_end_stream() {
        return body;
    }
    let parts = (body.into_data_stream(), None::<Instant>);
    Body::from_stream(futures::stream::unfold(parts, |(mut body, until)| async move {
        // From when somebody first wants it.
        let until = until.unwrap_or_else(|| Instant::now() + PATIENCE);
        let next = match timeout_at(until, body.next()).await {
            Ok(next) => next?.map_err(io::Error::other),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the request's body did not come in time")),
        };
        Some((next, (body, Some(until))))
    }))
}
