//! What every call has: the domain, who asks, its deadline, the count for the log.

use std::{sync::Arc, time::Instant};

use tonic::{Request, Status};

use crate::{
    article::Language,
    inference::{Asker, Cost, Engine, Order, Reservation, Urgency},
    rpc::{
        Api,
        client::Client,
        deadline::Deadline,
        document::Prepared,
        domain::{Domain, Loaded, Writer},
        request::Limits,
        status::RpcError,
        tally::{Stage, Tally},
    },
};

/// One call under way. Cheap to clone.
#[derive(Clone)]
pub struct Call {
    pub domain: Domain,
    pub deadline: Deadline,
    pub tally: Tally,
    limits: Limits,
    asker: Asker,
    urgency: Urgency,
}

impl Call {
    /// Refuses the request while models load. It may take as long as its client and the server allow.
    pub fn begin<T>(api: &Api, request: &Request<T>) -> Result<Self, RpcError> {
        let mut call = Self::begin_batch(api, request)?;
        call.urgency = Urgency::Interactive;
        call.deadline = call.deadline.within(call.limits.max_duration);
        Ok(call)
    }

    /// A call of many documents: each of them may take as long as the server allows.
    pub fn begin_batch<T>(api: &Api, request: &Request<T>) -> Result<Self, RpcError> {
        Ok(Call {
            domain: api.domain.get()?.clone(),
            deadline: Deadline::of(request.metadata()),
            tally: Tally::of(request.extensions()),
            limits: api.limits,
            asker: Client::of(request.extensions()).asker,
            urgency: Urgency::Batch,
        })
    }

    /// The call of one document of a batch, from now on.
    pub fn document(&self) -> Self {
        Call {
            deadline: self.deadline.within(self.limits.max_duration),
            ..self.clone()
        }
    }

    /// A place in the engine for about so much work, if it can be done in time.
    pub fn claim(&self, engine: &Engine, cost: Cost) -> Result<Reservation, RpcError> {
        let order = Order {
            asker: self.asker.clone(),
            urgency: self.urgency,
            cost,
            deadline: self.deadline.at(),
        };
        Ok(engine.admit(order)?)
    }

    /// Takes the models that lead from the document's language to the targets, loading those that are not
    /// there; before that the call's claim is held against how many they are.
    pub async fn load(
        &self,
        prepared: &Prepared,
        targets: &[Language],
        reading: Reading,
    ) -> Result<Loaded, RpcError> {
        let began = Instant::now();
        let source = &prepared.source;
        let routes = self.domain.routes(source, targets)?;
        let (asking, others): (Vec<_>, Vec<_>) =
            routes.iter().partition(|route| self.domain.asks(route));
        prepared.passes_by(others.iter().map(|route| route.hops.len()).sum())?;
        let asked = match asking.len() {
            0 => None,
            languages => {
                let passes = prepared.asking(languages);
                let cost = passes.cost(prepared.document.text().len());
                let engine = passes.engine(&self.domain);
                Some(Arc::new(self.claim(engine, cost)?))
            }
        };
        let reading = reading == Reading::Needed;
        let loaded = self.domain.load(source, &routes, reading, asked.as_ref());
        let loaded = loaded.await;
        self.tally.passed(Stage::Load, began);
        loaded
    }

    /// The same for the model that writes summaries, and those that translate them.
    pub async fn load_writer(
        &self,
        source: &Language,
        targets: &[Language],
    ) -> Result<Writer, RpcError> {
        let began = Instant::now();
        let writer = self.domain.load_writer(source, targets).await;
        self.tally.passed(Stage::Load, began);
        writer
    }

    /// The work's result as a response, unless the deadline comes first.
    pub async fn answer<T>(
        &self,
        work: impl Future<Output = Result<T, RpcError>>,
    ) -> Result<tonic::Response<T>, Status> {
        let response = self
            .deadline
            .bound(async { work.await.map_err(Status::from) })
            .await?;
        Ok(tonic::Response::new(response))
    }
}

/// Whether a model that reads the document is wanted, beside those that translate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    Needed,
    NotNeeded,
}
