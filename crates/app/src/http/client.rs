//! One POST: guarded, bounded in time and size.

use super::resolver::{GuardedResolver, OnlyPrivate};
use super::sanitize;
use super::url::{UrlRefused, parse_checked};
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

/// What the client may do.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Whether private addresses, and plain `http`, may be called.
    pub allow_private: bool,
    /// Longest time to connect, TLS included.
    pub connect_timeout: Duration,
    /// Longest time of a whole call, from the name's resolution to the answer's last byte.
    pub total_timeout: Duration,
    /// Most bytes of an answer that are read; the rest is left.
    pub body_bytes_max: usize,
}

impl Default for HttpSettings {
    /// Public addresses only, 5 s to connect, 10 s in all, 64 KiB of an answer.
    fn default() -> Self {
        Self {
            allow_private: false,
            connect_timeout: Duration::from_secs(5),
            total_timeout: Duration::from_secs(10),
            body_bytes_max: 64 * 1024,
        }
    }
}

/// Why there is no client: TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be made: {0}")]
pub struct HttpBuildError(String);

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The address may not be called, now or ever.
    #[error("the address may not be called: {0}")]
    Refused(#[from] UrlRefused),
    /// It took too long.
    #[error("there was no whole answer within {0} ms")]
    TimedOut(u64),
    /// The name did not resolve, nobody listened, TLS failed, or the connection broke.
    #[error("the connection failed: {0}")]
    Connection(String),
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status; redirects are answers like others.
    pub status: u16,
    /// The `Retry-After` header as it came.
    pub retry_after: Option<String>,
    /// The body's first bytes, at most [`HttpSettings::body_bytes_max`].
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether another try may meet another answer: 408, 425, 429 and 5xx.
    pub fn is_retryable(&self) -> bool {
        matches!(self.status, 408 | 425 | 429 | 500..=599)
    }

    /// The body as a line of text without control characters, at most `bytes_max` bytes.
    pub fn excerpt(&self, bytes_max: usize) -> String {
        // A character of more than one byte that is cut in two must not become a replacement sign.
        let slack = (bytes_max + 4).min(self.body.len());
        sanitize(&String::from_utf8_lossy(&self.body[..slack]), bytes_max)
    }
}

/// The client. Cheap to clone; connections are shared.
#[derive(Clone)]
pub struct HttpClient {
    inner: reqwest::Client,
    settings: Arc<HttpSettings>,
}

impl HttpClient {
    /// A client with Mozilla's roots and the `ring` provider, given explicitly so that no process-wide default is
    /// needed.
    pub fn new(settings: HttpSettings) -> Result<Self, HttpBuildError> {
        let roots: rustls::RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| HttpBuildError(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let inner = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            // A proxy would resolve the name where the guard cannot see it; and only composition roots read the
            // environment.
            .no_proxy()
            .dns_resolver(Arc::new(GuardedResolver::new(settings.allow_private)))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.total_timeout)
            .user_agent(concat!("tenantry/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| HttpBuildError(error.to_string()))?;
        Ok(Self { inner, settings: Arc::new(settings) })
    }

    /// What the client may do.
    pub fn settings(&self) -> &HttpSettings {
        &self.settings
    }

    /// POSTs a JSON body. `headers` are added to `content-type` and `user-agent`.
    pub async fn post_json(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
    ) -> Result<HttpResponse, HttpError> {
        let url = parse_checked(url, self.settings.allow_private)?;
        let mut request = self.inner.post(url).header("content-type", "application/json").body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let mut response = request.send().await.map_err(|error| self.error(error))?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after = retry_after.map(str::to_owned);
        let mut body = Vec::new();
        // A broken body says nothing against a status that has come.
        while let Ok(Some(chunk)) = response.chunk().await {
            let room = self.settings.body_bytes_max - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if body.len() == self.settings.body_bytes_max {
                break;
            }
        }
        Ok(HttpResponse { status, retry_after, body })
    }

    fn error(&self, error: reqwest::Error) -> HttpError {
        // The address may hold a secret in its query.
        let error = error.without_url();
        if error.is_timeout() {
            let millis = self.settings.total_timeout.as_millis();
            return HttpError::TimedOut(u64::try_from(millis).unwrap_or(u64::MAX));
        }
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            if let Some(private) = cause.downcast_ref::<OnlyPrivate>() {
                return HttpError::Refused(UrlRefused::Private(private.host.clone()));
            }
            text = cause.to_string();
            source = cause.source();
        }
        HttpError::Connection(sanitize(&text, 512))
    }
}

#[cfg(test)]
mod tests {
    use super::super::receiver::{Answer, Receiver};
    use super::*;

    fn client(allow_private: bool, total_timeout: Duration) -> HttpClient {
        HttpClient::new(HttpSettings { allow_private, total_timeout, ..HttpSettings::default() }).unwrap()
    }

    #[tokio::test]
    async fn posts_headers_and_body_and_reads_the_answer() {
        let receiver =
            Receiver::start(|_| Answer::status(503).header("retry-after", "7").body(&"x".repeat(100_000)))
                .await;
        let client = client(true, Duration::from_secs(10));
        let headers = [("webhook-id", "evt_1".to_owned())];
        let answer = client.post_json(&receiver.url("/hook"), &headers, b"{\"a\":1}".to_vec()).await.unwrap();
        assert_eq!((answer.status, answer.retry_after.as_deref()), (503, Some("7")));
        assert_eq!(answer.body.len(), 64 * 1024);
        assert!(answer.is_retryable() && !answer.is_success());
        let request = &receiver.requests()[0];
        assert_eq!((request.path.as_str(), request.body.as_slice()), ("/hook", b"{\"a\":1}".as_slice()));
        assert_eq!(request.header("webhook-id"), Some("evt_1"));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("user-agent"), Some(concat!("tenantry/", env!("CARGO_PKG_VERSION"))));
    }

    #[tokio::test]
    async fn follows_no_redirect() {
        let receiver = Receiver::start(|request| {
            assert_eq!(request.path, "/hook", "a redirect was followed");
            Answer::status(307).header("location", "/elsewhere")
        })
        .await;
        let client = client(true, Duration::from_secs(10));
        let answer = client.post_json(&receiver.url("/hook"), &[], vec![]).await.unwrap();
        assert_eq!(answer.status, 307);
        assert_eq!(receiver.requests().len(), 1);
    }

    #[tokio::test]
    async fn a_silent_receiver_is_given_up() {
        let receiver = Receiver::start(|_| Answer::silence()).await;
        let client = client(true, Duration::from_millis(50));
        let error = client.post_json(&receiver.url("/"), &[], vec![]).await.unwrap_err();
        assert_eq!(error, HttpError::TimedOut(50));
    }

    #[tokio::test]
    async fn nobody_listening_is_a_connection_error_without_the_address() {
        let port = {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap().port()
        };
        let client = client(true, Duration::from_secs(10));
        let url = format!("http://127.0.0.1:{port}/?token=hunter2");
        let error = client.post_json(&url, &[], vec![]).await.unwrap_err();
        assert!(matches!(&error, HttpError::Connection(text) if !text.contains("hunter2")), "{error}");
    }

    #[tokio::test]
    async fn private_addresses_are_refused_by_text_and_by_resolution() {
        let client = client(false, Duration::from_secs(10));
        for url in
            ["https://127.0.0.1:1/", "https://[::1]:1/", "https://169.254.169.254/", "https://2130706433/"]
        {
            let error = client.post_json(url, &[], vec![]).await.unwrap_err();
            assert!(matches!(error, HttpError::Refused(UrlRefused::Private(_))), "{url}: {error}");
        }
        // The name passes the text's check; what it resolves to does not. `ip6-localhost` and the like are in many
        // hosts files, but `localhost` is in all: so the guard is asked below the text's check.
        let request = client.inner.post("https://localhost:1/").send().await.unwrap_err();
        assert_eq!(client.error(request), HttpError::Refused(UrlRefused::Private("localhost".to_owned())));
    }

    #[test]
    fn excerpts_are_cut_and_clean() {
        let answer = |body: &[u8]| HttpResponse { status: 400, retry_after: None, body: body.to_vec() };
        assert_eq!(answer(b"no\r\nroom\x1b[0m").excerpt(100), "no  room [0m");
        assert_eq!(answer("äöü".as_bytes()).excerpt(3), "ä");
        assert_eq!(answer(b"").excerpt(3), "");
    }
}
