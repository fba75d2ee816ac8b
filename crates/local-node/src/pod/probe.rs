//! Readiness, liveness and startup probes, made from the node's own address.
//!
//! In: a container's probes. Out: `started` and `ready` on the board; the word "unhealthy" to the container's runner.
//! Holds: readiness and liveness wait for the startup probe.
//! Why quick tries at first: most programs are ready long before a period has passed.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::{Container, GRPCAction, HTTPGetAction, Probe};
use tokio::net::TcpStream;

use crate::pod::context::PodCtx;
use crate::pod::hook::{port_of, run, target};

const QUICK: Duration = Duration::from_millis(150);
const QUICK_TRIES: u32 = 60;

/// Runs a container's probes until it is dropped; ends with a reason when the container must be restarted.
pub(crate) async fn watch(ctx: &PodCtx, container: &Container) -> String {
    let name = container.name.as_str();
    if let Some(startup) = &container.startup_probe
        && let Err(why) = until_first_success(ctx, container, startup).await
    {
        return format!("startup probe failed: {why}");
    }
    let ready_at_once = container.readiness_probe.is_none();
    ctx.board.change(name, |seen| {
        seen.started = true;
        seen.ready = ready_at_once;
    });
    tokio::select! {
        () = readiness(ctx, container) => String::new(),
        why = liveness(ctx, container) => why,
    }
}

async fn until_first_success(
    ctx: &PodCtx,
    container: &Container,
    probe: &Probe,
) -> Result<(), String> {
    let timing = Timing::of(probe);
    ctx.node.clock.sleep(timing.delay).await;
    let (mut failures, mut since) = (0, ctx.node.clock.now());
    loop {
        let Err(why) = check(ctx, container, probe, timing.timeout).await else { return Ok(()) };
        // Quick tries inside one period count as one failure.
        if ctx.node.clock.now() - since >= timing.period {
            (failures, since) = (failures + 1, ctx.node.clock.now());
            unhealthy(ctx, container, "Startup", &why);
        }
        if failures >= timing.failures {
            return Err(why);
        }
        ctx.node.clock.sleep(QUICK.min(timing.period)).await;
    }
}

async fn readiness(ctx: &PodCtx, container: &Container) {
    let Some(probe) = &container.readiness_probe else { return std::future::pending().await };
    let timing = Timing::of(probe);
    ctx.node.clock.sleep(timing.delay).await;
    let (mut good, mut bad, mut tries) = (0u32, 0u32, 0u32);
    loop {
        let mut wait = timing.period;
        match check(ctx, container, probe, timing.timeout).await {
            Ok(()) => (good, bad) = (good.saturating_add(1), 0),
            Err(why) => {
                (good, bad) = (0, bad.saturating_add(1));
                let never = ctx.board.read(&container.name, |s| !s.ready).unwrap_or(true);
                if never && tries < QUICK_TRIES {
                    wait = QUICK.min(wait);
                } else {
                    unhealthy(ctx, container, "Readiness", &why);
                }
            }
        }
        tries = tries.saturating_add(1);
        let change = |seen: &mut crate::pod::board::Seen| {
            if good >= timing.successes {
                seen.ready = true;
            } else if bad >= timing.failures {
                seen.ready = false;
            }
        };
        ctx.board.change(&container.name, change);
        ctx.node.clock.sleep(wait).await;
    }
}

async fn liveness(ctx: &PodCtx, container: &Container) -> String {
    let Some(probe) = &container.liveness_probe else { return std::future::pending().await };
    let timing = Timing::of(probe);
    ctx.node.clock.sleep(timing.delay).await;
    let mut failures = 0;
    loop {
        match check(ctx, container, probe, timing.timeout).await {
            Ok(()) => failures = 0,
            Err(why) => {
                failures += 1;
                unhealthy(ctx, container, "Liveness", &why);
                if failures >= timing.failures {
                    return format!("liveness probe failed: {why}");
                }
            }
        }
        ctx.node.clock.sleep(timing.period).await;
    }
}

fn unhealthy(ctx: &PodCtx, container: &Container, kind: &str, why: &str) {
    let message = format!("{kind} probe failed: {why}");
    ctx.node.events.warning(&ctx.about_container(&container.name), "Unhealthy", message);
}

struct Timing {
    delay: Duration,
    period: Duration,
    timeout: Duration,
    successes: u32,
    failures: u32,
}

impl Timing {
    fn of(probe: &Probe) -> Self {
        let number = |value: Option<i32>, or: u32| {
            value.and_then(|v| u32::try_from(v).ok()).filter(|v| *v > 0).unwrap_or(or)
        };
        let seconds = |value, or| Duration::from_secs(u64::from(number(value, or)));
        Self {
            delay: seconds(probe.initial_delay_seconds, 0),
            period: seconds(probe.period_seconds, 10),
            timeout: seconds(probe.timeout_seconds, 1),
            successes: number(probe.success_threshold, 1),
            failures: number(probe.failure_threshold, 3),
        }
    }
}

async fn check(
    ctx: &PodCtx,
    container: &Container,
    probe: &Probe,
    limit: Duration,
) -> Result<(), String> {
    if let Some(get) = &probe.http_get {
        return http(ctx, container, get, limit).await;
    }
    if let Some(exec) = &probe.exec {
        let program = exec.command.clone().unwrap_or_default();
        return run(ctx, &container.name, &program, limit).await;
    }
    if let Some(socket) = &probe.tcp_socket {
        let host = socket.host.clone().filter(|h| !h.is_empty());
        let port = port_of(container, &socket.port)?;
        let host = host.unwrap_or_else(|| ctx.address.to_string());
        return within(ctx, limit, connect(&host, port)).await.map(drop);
    }
    match &probe.grpc {
        Some(action) => within(ctx, limit, Box::pin(grpc(ctx, action))).await,
        None => Ok(()),
    }
}

async fn within<T>(
    ctx: &PodCtx,
    limit: Duration,
    work: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    let late = |_elapsed| format!("no answer within {limit:?}");
    ctx.node.clock.timeout(limit, work).await.map_err(late)?
}

async fn connect(host: &str, port: u16) -> Result<TcpStream, String> {
    TcpStream::connect((host, port)).await.map_err(|e| format!("connect {host}:{port}: {e}"))
}

/// An HTTP GET; 200 to 399 is good. For HTTPS the connection alone is tried.
pub(crate) async fn http(
    ctx: &PodCtx,
    container: &Container,
    get: &HTTPGetAction,
    limit: Duration,
) -> Result<(), String> {
    let (host, port, path) = target(ctx, container, get)?;
    let ask = async {
        let stream = connect(&host, port).await?;
        if get.scheme.as_deref() == Some("HTTPS") {
            return Ok(());
        }
        let mut request = http::Request::get(&path).header("user-agent", "kube-probe/weft");
        let headers = get.http_headers.iter().flatten();
        if !headers.clone().any(|h| h.name.eq_ignore_ascii_case("host")) {
            request = request.header("host", format!("{host}:{port}"));
        }
        for header in headers {
            request = request.header(&header.name, &header.value);
        }
        let request =
            request.body(Empty::<Bytes>::new()).map_err(|e| format!("httpGet {path}: {e}"))?;
        let status = send(stream, request).await?;
        if (200..400).contains(&status) { Ok(()) } else { Err(format!("HTTP status {status}")) }
    };
    within(ctx, limit, Box::pin(ask)).await
}

async fn send(stream: TcpStream, request: http::Request<Empty<Bytes>>) -> Result<u16, String> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| e.to_string())?;
    let drive = async { connection.await.map_err(|e| e.to_string()) };
    let answer = async { sender.send_request(request).await.map_err(|e| e.to_string()) };
    tokio::pin!(drive, answer);
    tokio::select! {
        biased;
        answer = &mut answer => answer.map(|a| a.status().as_u16()),
        ended = &mut drive => {
            ended?;
            answer.await.map(|a| a.status().as_u16())
        }
    }
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct HealthRequest {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct HealthAnswer {
    #[prost(int32, tag = "1")]
    status: i32,
}

const SERVING: i32 = 1;

async fn grpc(ctx: &PodCtx, action: &GRPCAction) -> Result<(), String> {
    let endpoint =
        tonic::transport::Endpoint::from_shared(format!("http://{}:{}", ctx.address, action.port))
            .map_err(|e| e.to_string())?;
    let channel = endpoint.connect().await.map_err(|e| format!("grpc: {e}"))?;
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.map_err(|e| format!("grpc: {e}"))?;
    let codec = tonic_prost::ProstCodec::<HealthRequest, HealthAnswer>::default();
    let path = http::uri::PathAndQuery::from_static("/grpc.health.v1.Health/Check");
    let service = action.service.clone().unwrap_or_default();
    let request = tonic::Request::new(HealthRequest { service });
    let answer = client.unary(request, path, codec).await.map_err(|e| format!("grpc: {e}"))?;
    match answer.into_inner().status {
        SERVING => Ok(()),
        status => Err(format!("grpc health status {status}")),
    }
}
