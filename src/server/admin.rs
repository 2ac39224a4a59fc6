//! What an operator asks over plain HTTP. Live, ready and busy are three things: only a process
//! that cannot answer at all fails `/livez`.

use axum::{Router, extract::State, http::StatusCode, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{net::TcpListener, sync::watch};

use crate::server::phase::Phase;

#[derive(Clone)]
struct Admin {
    phase: watch::Receiver<Phase>,
    metrics: PrometheusHandle,
}

/// Serves until the process ends.
pub async fn serve(
    listener: TcpListener,
    phase: watch::Receiver<Phase>,
    metrics: PrometheusHandle,
) {
    let router = Router::new()
        .route("/livez", get(async || "live\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(render))
        .with_state(Admin { phase, metrics });
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!("the admin port ended: {error}");
    }
}

async fn ready(State(admin): State<Admin>) -> (StatusCode, &'static str) {
    match *admin.phase.borrow() {
        Phase::Loading => (StatusCode::SERVICE_UNAVAILABLE, "the models are loading\n"),
        Phase::Serving => (StatusCode::OK, "ready\n"),
        Phase::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
    }
}

async fn render(State(admin): State<Admin>) -> String {
    // Histograms keep every sample until somebody asks; asking is also when to fold them.
    admin.metrics.run_upkeep();
    admin.metrics.render()
}
