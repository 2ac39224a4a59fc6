//! Metrics of what there is right now, read from where it is when somebody asks: nothing is counted
//! beside the thing itself.

use crate::{
    rpc::{
        convert,
        domain::{Domain, DomainCell},
        proto::v1::ModelState,
    },
    server::places::Places,
};

/// Where they are read from.
#[derive(Clone)]
pub struct Told {
    pub domain: DomainCell,
    pub places: Places,
}

impl Told {
    /// Sets them; those of the domain when it is there.
    pub fn update(&self) {
        metrics::gauge!("depeche_connections").set(self.places.taken() as f64);
        metrics::gauge!("depeche_connections_limit").set(self.places.all() as f64);
        if let Some(domain) = self.domain.peek() {
            queues(domain);
            models(domain);
            metrics::gauge!("depeche_cache_bytes").set(domain.cache.bytes() as f64);
        }
    }
}

fn queues(domain: &Domain) {
    for engine in [&domain.engine, &domain.writing_engine] {
        let labels = [("engine", engine.name())];
        let (sentences, tokens) = engine.queue_depth();
        metrics::gauge!("depeche_queue_sentences", &labels).set(sentences as f64);
        metrics::gauge!("depeche_queue_tokens", &labels).set(tokens as f64);
        metrics::gauge!("depeche_admitted_tokens", &labels).set(engine.reserved_tokens() as f64);
        metrics::gauge!("depeche_batch_rows", &labels).set(engine.rows() as f64);
    }
}

fn models(domain: &Domain) {
    let models = convert::models(domain, false);
    let loaded = models
        .iter()
        .filter(|model| model.state() == ModelState::Loaded);
    metrics::gauge!("depeche_models_loaded").set(loaded.count() as f64);
    for model in models {
        metrics::gauge!("depeche_model_memory_bytes", "model" => model.id)
            .set(model.resident_bytes as f64);
    }
}
