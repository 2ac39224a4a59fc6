//! Loading → serving → draining, told to `grpc.health.v1` and to the admin port alike.

use tokio::sync::watch;
use tonic_health::{
    ServingStatus,
    pb::health_server::{Health, HealthServer},
    server::HealthReporter,
};

use crate::rpc::SERVICE_NAMES;

/// Where the process is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Loading,
    Serving,
    Draining,
}

/// Moves the process from phase to phase.
pub struct Phases {
    phase: watch::Sender<Phase>,
    health: HealthReporter,
}

impl Phases {
    /// Begins in `Loading`. Also gives the health service.
    pub async fn new() -> (Self, HealthServer<impl Health>) {
        let (health, service) = tonic_health::server::health_reporter();
        let phases = Phases {
            phase: watch::Sender::new(Phase::Loading),
            health,
        };
        phases.report(ServingStatus::NotServing).await;
        (phases, service)
    }

    pub fn watch(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    pub async fn serving(&mut self) {
        self.phase.send_replace(Phase::Serving);
        self.report(ServingStatus::Serving).await;
    }

    /// Tells NOT_SERVING, then ends the streams of `Watch`, which would otherwise keep the server
    /// from ending until their clients hang up.
    pub async fn draining(&mut self) {
        self.phase.send_replace(Phase::Draining);
        self.report(ServingStatus::NotServing).await;
        for name in names() {
            self.health.clear_service_status(name).await;
        }
    }

    async fn report(&self, status: ServingStatus) {
        for name in names() {
            self.health.set_service_status(name, status).await;
        }
    }
}

/// The services, and "" for the server as a whole.
fn names() -> impl Iterator<Item = &'static str> {
    SERVICE_NAMES.into_iter().chain([""])
}
