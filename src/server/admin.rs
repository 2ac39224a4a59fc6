//! What an operator asks over plain HTTP. Live, ready and busy are three things: only a process
//! that cannot answer at all fails `/livez`.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{net::TcpListener, sync::watch};

use crate::{
    rpc::domain::{Domain, DomainCell},
    server::{gauges::Told, phase::Phase},
    telemetry::ProcessMetrics,
};

/// Histograms keep every sample until they are folded; where nobody asks for metrics, somebody has
/// to do it.
const UPKEEP: Duration = Duration::from_secs(5);

/// Prometheus' text format, which its newer versions want to be told.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

#[derive(Clone)]
struct Admin {
    phase: watch::Receiver<Phase>,
    metrics: PrometheusHandle,
    told: Told,
    process: Arc<ProcessMetrics>,
}

/// Serves until the process ends.
pub async fn serve(
    listener: TcpListener,
    phase: watch::Receiver<Phase>,
    metrics: PrometheusHandle,
    told: Told,
) {
    let router = Router::new()
        .route("/livez", get(async || "live\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(render))
        .with_state(Admin {
            phase,
            metrics,
            told,
            process: Arc::default(),
        });
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!("the admin port ended: {error}");
    }
}

/// Folds them now and then, until the process ends.
pub async fn keep_up(metrics: PrometheusHandle) {
    let mut due = tokio::time::interval(UPKEEP);
    loop {
        due.tick().await;
        metrics.run_upkeep();
    }
}

async fn ready(State(admin): State<Admin>) -> (StatusCode, &'static str) {
    match *admin.phase.borrow() {
        Phase::Loading => (StatusCode::SERVICE_UNAVAILABLE, "the models are loading\n"),
        Phase::Serving if !is_whole(&admin.told.domain) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "an inference thread has ended: the log says why; restart the server\n",
        ),
        Phase::Serving => (StatusCode::OK, "ready\n"),
        Phase::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
    }
}

fn is_whole(domain: &DomainCell) -> bool {
    domain.peek().is_none_or(Domain::is_whole)
}

async fn render(State(admin): State<Admin>) -> impl IntoResponse {
    admin.told.update();
    admin.process.update();
    admin.metrics.run_upkeep();
    ([(CONTENT_TYPE, EXPOSITION)], admin.metrics.render())
}
