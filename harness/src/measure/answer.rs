//! Whether both variants of a pair do the same: a pair that does not is not worth a timing.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bollard::Docker;
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::engine::containers::{Container, ContainerSpec, Logs, Mounts};
use crate::scenario::{Answer, Pair, ServiceAnswer, Variant};

/// Between two looks whether the service is ready.
const PAUSE: Duration = Duration::from_millis(50);

/// For one request; a service that takes longer is no example for anybody.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// The longest answer that is read, in bytes.
const BODY_LIMIT: usize = 1 << 20;

/// Lines of a dead service's log that are shown.
const LOG_LINES: usize = 10;

/// Asks built images the scenario's question.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// The engine.
    pub docker: &'a Docker,
    /// The run, whose label the containers carry.
    pub run: &'a str,
    /// The question.
    pub answer: &'a Answer,
    /// How long a service may take until it is ready.
    pub ready_limit: Duration,
    /// What each variant's container sees of this machine.
    pub mounts: &'a Pair<Mounts>,
}

/// Why a pair may not be measured.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// One did not answer.
    #[error("the {variant} image does not answer: {reason}")]
    None {
        /// Which.
        variant: Variant,
        /// Why, with the last lines of its log where it ended.
        reason: String,
    },
    /// They do not do the same.
    #[error("the two images answer {question} differently: naive {naive:?}, optimized {optimized:?}")]
    Unequal {
        /// The request's path, or the command.
        question: String,
        /// What naive said.
        naive: String,
        /// What optimized said.
        optimized: String,
    },
}

impl Asker<'_> {
    /// The answer that both images of a pair give. Equal JSON is equal, however it is laid out.
    ///
    /// # Errors
    /// One gives none, or they differ.
    pub async fn both(&self, images: &Pair<String>) -> Result<Bytes, AnswerError> {
        let none =
            |variant| move |error: anyhow::Error| AnswerError::None { variant, reason: format!("{error:#}") };
        let [first, second] = free_ports().await.map_err(none(Variant::Naive))?;
        let answer = |variant, port| async move {
            self.ask_at(port, images.get(variant), self.mounts.get(variant)).await.map_err(none(variant))
        };
        // Side by side: no clock is running, and a service that starts waits for the disk as much as it computes.
        let (naive, optimized) =
            tokio::join!(answer(Variant::Naive, first), answer(Variant::Optimized, second));
        let (naive, optimized) = (naive?, optimized?);
        if same(&naive, &optimized) {
            return Ok(naive);
        }
        let text = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
        Err(AnswerError::Unequal {
            question: match self.answer {
                Answer::Service(service) => service.path.clone(),
                Answer::Command(command) => command.join(" "),
            },
            naive: text(&naive),
            optimized: text(&optimized),
        })
    }

    /// Starts a container of `image`, hears its answer, and removes it, whatever came of it.
    ///
    /// # Errors
    /// It cannot be started, ends by itself, is not ready in time, or answers with an error.
    pub async fn ask(&self, image: &str, mounts: &Mounts) -> Result<Bytes> {
        let [port] = free_ports().await?;
        self.ask_at(port, image, mounts).await
    }

    /// The same; a service is to listen on `port`.
    async fn ask_at(&self, port: u16, image: &str, mounts: &Mounts) -> Result<Bytes> {
        let spec =
            ContainerSpec { run: self.run.to_owned(), mounts: mounts.clone(), ..ContainerSpec::default() };
        match self.answer {
            Answer::Service(service) => self.ask_service(service, port, image, spec).await,
            Answer::Command(command) => self.ask_program(command, image, spec).await,
        }
    }

    async fn ask_program(&self, command: &[String], image: &str, spec: ContainerSpec) -> Result<Bytes> {
        let spec = ContainerSpec { command: command.to_vec(), ..spec };
        let container = Container::start(self.docker, image, spec).await?;
        let ended = timeout(self.ready_limit, container.wait()).await;
        let logs = container.logs().await.unwrap_or_default();
        container.remove().await?;
        match ended {
            Ok(Ok(0)) => Ok(logs.stdout.into()),
            Ok(code) => ended_early(code?, &logs),
            Err(_) => bail!("{} did not end within {} s", command.join(" "), self.ready_limit.as_secs()),
        }
    }

    async fn ask_service(
        &self,
        service: &ServiceAnswer,
        port: u16,
        image: &str,
        spec: ContainerSpec,
    ) -> Result<Bytes> {
        let spec = ContainerSpec { env: [(service.port_env.clone(), port.to_string())].into(), ..spec };
        let container = Container::start(self.docker, image, spec).await?;
        let answer = tokio::select! {
            answer = self.talk(service, port) => answer,
            code = container.wait() => ended_early(code?, &container.logs().await.unwrap_or_default()),
        };
        container.remove().await?;
        answer
    }

    async fn talk(&self, service: &ServiceAnswer, port: u16) -> Result<Bytes> {
        let path = &service.ready_path;
        let deadline = Instant::now() + self.ready_limit;
        let mut last = "it does not listen".to_owned();
        loop {
            // The attempt, too, ends at the deadline: a service may accept and then say nothing.
            match timeout_at(deadline, request(port, Method::GET, path, "")).await {
                Ok(Ok((StatusCode::OK, _))) => break,
                Ok(Ok((status, _))) => last = format!("it answers {status}"),
                Ok(Err(e)) => last = format!("{e:#}"),
                Err(_) => {}
            }
            if Instant::now() >= deadline {
                let seconds = self.ready_limit.as_secs_f64();
                bail!("{path} on the port in ${} is not ready after {seconds} s: {last}", service.port_env);
            }
            sleep(PAUSE).await;
        }
        let path = &service.path;
        let asked = timeout(REQUEST_LIMIT, request(port, Method::POST, path, &service.body)).await;
        let (status, body) =
            asked.with_context(|| format!("no answer to {path} within {} s", REQUEST_LIMIT.as_secs()))??;
        if !status.is_success() {
            bail!("{path} answers {status}: {}", String::from_utf8_lossy(&body).trim_end());
        }
        Ok(body)
    }
}

fn same(a: &[u8], b: &[u8]) -> bool {
    let json = |body| serde_json::from_slice::<serde_json::Value>(body).ok();
    a == b || json(a).is_some_and(|a| json(b) == Some(a))
}

fn ended_early(code: i64, logs: &Logs) -> Result<Bytes> {
    bail!("it ended with exit code {code} before it answered; its last lines:\n{}", last_words(logs))
}

/// The end of what a container wrote: to stderr, or to stdout where it wrote nothing there.
pub(super) fn last_words(logs: &Logs) -> String {
    let text = String::from_utf8_lossy(if logs.stderr.is_empty() { &logs.stdout } else { &logs.stderr });
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}

/// Ports of the loopback that nobody listens on, each another one. Somebody may come first, and then the service
/// ends and says so.
async fn free_ports<const N: usize>() -> Result<[u16; N]> {
    // Each is held until all are found.
    let mut held = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no free port on 127.0.0.1")?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

async fn request(port: u16, method: Method, path: &str, body: &str) -> Result<(StatusCode, Bytes)> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.context("it does not listen")?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, format!("127.0.0.1:{port}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))?;
    // The connection ends once the sender is gone, so neither outlives the other.
    let exchange = async move {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), BODY_LIMIT).collect().await;
        let body = body.map_err(|e| anyhow::anyhow!("{path}: {e}"))?;
        anyhow::Ok((status, body.to_bytes()))
    };
    tokio::join!(exchange, connection).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_json_is_equal_however_it_is_laid_out() {
        assert!(same(br#"{"a":1,"b":[2]}"#, b"{\"b\": [2],\n\"a\": 1}"));
        assert!(!same(br#"{"a":1}"#, br#"{"a":2}"#));
        assert!(same(b"plain", b"plain"));
        assert!(!same(b"plain", b"plain\n"));
    }

    #[test]
    fn a_dead_service_shows_its_last_words() {
        let stderr = (1..=20).map(|n| format!("line {n}\n")).collect::<String>().into_bytes();
        let e = ended_early(3, &Logs { stdout: b"not this".to_vec(), stderr }).unwrap_err().to_string();
        assert!(
            e.contains("exit code 3")
                && e.ends_with(
                    "line 11\nline 12\nline 13\nline 14\nline 15\nline 16\nline 17\nline 18\nline 19\nline 20"
                ),
            "{e}"
        );
    }
}
