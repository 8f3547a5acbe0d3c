//! HTTP/1.1 for a witness: `POST /add-checkpoint`, and `GET /<origin hash>/checkpoint` for monitors.
//!
//! Bounded in every way: connections, header and body in time, body in bytes. One thread waits for the network; what
//! waits for the disk runs beside it. The process may be killed at any moment: what was answered is on disk.

use super::notary::{Notary, NotaryError};
use crate::witness::{MAX_REQUEST, Refusal, SIZE_TYPE};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Connections at a time; others wait.
const CONNECTIONS: usize = 256;
/// For a whole header, and for a whole body.
const PATIENCE: Duration = Duration::from_secs(10);

type Answer = Response<Full<Bytes>>;

/// Serves until the process ends.
pub fn serve(listener: std::net::TcpListener, notary: Notary) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(accept(listener, Arc::new(notary)))
}

async fn accept(listener: std::net::TcpListener, notary: Arc<Notary>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let place = places.clone().acquire_owned().await.expect("never closed");
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, say: it passes.
                tracing::warn!("accepting a connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let notary = notary.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(notary.clone(), request));
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::debug!("a connection: {error}");
            }
            drop(place);
        });
    }
}

async fn answer(notary: Arc<Notary>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    Ok(match path.as_str() {
        "/add-checkpoint" if method == Method::POST => add_checkpoint(notary, request).await,
        "/add-checkpoint" => wrong_method("POST"),
        path => match path.strip_prefix('/').and_then(|rest| rest.strip_suffix("/checkpoint")) {
            Some(_) if method != Method::GET => wrong_method("GET"),
            Some(hash) => match notary.checkpoint(hash) {
                Some(note) => text(StatusCode::OK, note),
                None => text(StatusCode::NOT_FOUND, "nothing was cosigned for this log\n"),
            },
            None => text(StatusCode::NOT_FOUND, "expected `/add-checkpoint` or `/<origin hash>/checkpoint`\n"),
        },
    })
}

async fn add_checkpoint(notary: Arc<Notary>, request: Request<Incoming>) -> Answer {
    let body = Limited::new(request.into_body(), MAX_REQUEST).collect();
    let body = match tokio::time::timeout(PATIENCE, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            return text(StatusCode::PAYLOAD_TOO_LARGE, format!("expected at most {MAX_REQUEST} bytes\n"));
        }
        Ok(Err(_)) => return text(StatusCode::BAD_REQUEST, "the body broke off\n"),
        Err(_) => return text(StatusCode::REQUEST_TIMEOUT, "the body did not come in time\n"),
    };
    let Ok(body) = String::from_utf8(body.into()) else {
        return text(StatusCode::BAD_REQUEST, "malformed request: expected UTF-8\n");
    };
    // The disk is waited for elsewhere.
    match tokio::task::spawn_blocking(move || notary.add_checkpoint(&body)).await {
        Ok(Ok(line)) => text(StatusCode::OK, line),
        Ok(Err(NotaryError::Refused(refusal))) => refused(&refusal),
        Ok(Err(error)) => failed(&error),
        Err(error) => failed(&error),
    }
}

fn refused(refusal: &Refusal) -> Answer {
    let status = StatusCode::from_u16(refusal.status()).expect("a status");
    if status != StatusCode::CONFLICT {
        tracing::info!("refused: {refusal}");
    }
    match refusal {
        Refusal::Conflict(size) => {
            let mut answer = text(status, format!("{}\n", size.0));
            answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(SIZE_TYPE));
            answer
        }
        refusal => text(status, format!("{refusal}\n")),
    }
}

/// What went wrong here is nobody's business there.
fn failed(error: &dyn std::fmt::Display) -> Answer {
    tracing::error!("{error}");
    text(StatusCode::INTERNAL_SERVER_ERROR, "the witness could not write down what it was to cosign\n")
}

fn wrong_method(expected: &'static str) -> Answer {
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, format!("expected {expected}\n"));
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(expected));
    answer
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}
