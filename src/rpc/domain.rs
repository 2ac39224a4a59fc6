//! The domain as the services see it: absent while models load, then there for good.
//!
//! - `hops`: what models translate, the better measured ones first
//! - `taken`: models that are loaded for a request together
//! - `asking`: instruction models in the place of those that translate
//! - `writers`: what models write summaries

mod asking;
mod hops;
mod taken;
mod writers;

use std::{
    io,
    num::NonZeroUsize,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use crate::{
    article::{Language, LanguageError},
    catalog::{self, Catalog, CatalogError, Pool, PoolError, entry::Entry},
    inference::{
        BATCH_SENTENCES, BATCH_TEXTS, Engine, EngineSettings, Reservation, SENTENCES_PACE,
        TEXTS_PACE, split_products,
    },
    model::Translator,
    rpc::{request::Violation, status::RpcError},
    translate::{Cache, Hop, LoadedRoute, Route, Routes},
};
use hops::{entry_hops, installed_hops, rank};
pub use writers::{Voice, Writer};

/// Everything that answers requests. Cheap to clone.
#[derive(Clone)]
pub struct Domain {
    /// Computes sentences: a worker a core, many sentences in each batch.
    pub engine: Engine,
    /// Has texts written by instruction models: one worker, whose products are split over the cores.
    pub writing_engine: Engine,
    pub pool: Pool,
    /// What was translated lately.
    pub cache: Cache,
    /// Over the installed models.
    pub routes: Routes,
    /// What is known of models, installed or not, without the live index.
    catalog: Arc<Catalog>,
    /// Where models were looked for.
    folders: Arc<[PathBuf]>,
    /// With what was read of the live index; read when it is first asked for.
    known: Arc<OnceLock<Catalog>>,
    /// Over the installed models and those that could be pulled; made when first asked for.
    possible: Arc<OnceLock<Routes>>,
    /// Whether instruction models translate where no other model does.
    translate_by_instruction: bool,
}

/// How a domain's models are loaded.
pub use crate::model::{ComputeType, Loading};

/// What a domain is opened with.
#[derive(Clone, Debug)]
pub struct DomainSettings {
    /// Where models are looked for, the first first.
    pub models: Vec<PathBuf>,
    pub threads: NonZeroUsize,
    pub queue_tokens: usize,
    pub queue_wait: Duration,
    pub loading: Loading,
    /// Whether each of the threads that translate keeps to one core.
    pub pin_threads: bool,
    /// Memory of all loaded models, in bytes.
    pub memory_budget: u64,
    /// Memory of the keys and values of all texts being written, in bytes.
    pub text_memory: u64,
    /// Memory of translated sentences that are kept for those who ask again, in bytes; 0 for none.
    pub cache: u64,
    pub preload: Preload,
    /// Whether instruction models translate where no other model does.
    pub translate_by_instruction: bool,
}

/// Which models are loaded before the first request.
#[derive(Clone, Debug, PartialEq)]
pub enum Preload {
    /// All that the memory budget has room for.
    All,
    These(Vec<String>),
}

/// Why there is no domain: the file, and what is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error("model {id}: {source}")]
    Language { id: String, source: LanguageError },
    #[error("the inference threads cannot be started: {0}")]
    Threads(#[from] io::Error),
    #[error("preload: {0}")]
    Preload(#[from] PoolError),
    #[error("preload: memory_budget_bytes has no room for {0}: raise it, or name fewer")]
    PreloadRoom(String),
    #[error("looking for models failed: {0}")]
    Scan(#[from] tokio::task::JoinError),
}

/// A pair of languages that no installed model leads through.
#[derive(Debug, thiserror::Error)]
#[error(
    "no installed model translates {source_language} to {target_language}; installed: {installed}"
)]
pub struct MissingRoute {
    pub source_language: Language,
    pub target_language: Language,
    pub installed: String,
    /// Models of the catalogue that would make a route; empty if none would.
    pub pull: Vec<String>,
}

/// What a request needs to be computed, loaded.
pub struct Loaded {
    /// One a target language.
    pub routes: Vec<LoadedRoute>,
    /// Reads the source language, if that was asked for.
    pub reader: Option<Arc<Translator>>,
}

impl Domain {
    /// Finds the models, starts the threads that run them and loads those that are to be there
    /// before the first request.
    pub async fn open(settings: DomainSettings) -> Result<Self, OpenError> {
        let folders = settings.models.clone();
        let scan = tokio::task::spawn_blocking(move || catalog::scan(&folders));
        let (installed, catalog) = scan.await??;
        let hops = installed_hops(&installed, &catalog)?;
        split_products(settings.threads);
        let domain = Domain {
            writing_engine: Engine::start(EngineSettings {
                name: "texts",
                threads: NonZeroUsize::MIN,
                queue_tokens: settings.queue_tokens,
                queue_wait: settings.queue_wait,
                batch_sentences: BATCH_TEXTS,
                first_pace: TEXTS_PACE,
                text_memory: settings.text_memory,
                // Its products are split over threads of their own.
                pin_threads: false,
            })?,
            engine: Engine::start(EngineSettings {
                name: "sentences",
                threads: settings.threads,
                queue_tokens: settings.queue_tokens,
                queue_wait: settings.queue_wait,
                batch_sentences: BATCH_SENTENCES,
                first_pace: SENTENCES_PACE,
                text_memory: settings.text_memory,
                pin_threads: settings.pin_threads,
            })?,
            pool: Pool::new(installed, settings.memory_budget, settings.loading),
            cache: Cache::new(settings.cache),
            routes: Routes::new(hops),
            catalog: Arc::new(catalog),
            folders: settings.models.into(),
            known: Arc::default(),
            possible: Arc::default(),
            translate_by_instruction: settings.translate_by_instruction,
        };
        match &settings.preload {
            Preload::All => {
                let ids: Vec<_> = domain.pool.ids().collect();
                let left_out = domain.pool.preload(&ids).await?;
                if !left_out.is_empty() {
                    tracing::warn!(
                        models = left_out.join(","),
                        budget = settings.memory_budget,
                        "not preloaded: memory_budget_bytes is full; they are loaded when they are needed"
                    );
                }
            }
            Preload::These(ids) => {
                let ids: Vec<_> = ids.iter().map(String::as_str).collect();
                let left_out = domain.pool.preload(&ids).await?;
                if !left_out.is_empty() {
                    return Err(OpenError::PreloadRoom(left_out.join(", ")));
                }
            }
        }
        Ok(domain)
    }

    /// Whether all threads that run models are at work.
    pub fn is_whole(&self) -> bool {
        self.engine.is_whole() && self.writing_engine.is_whole()
    }

    /// The language to read what tells of none: French where it can be read, else what the first model reads.
    pub fn usual_source(&self) -> Option<Language> {
        match self.reads(&Language::FRENCH) {
            true => Some(Language::FRENCH),
            false => self.routes.hops().first().map(|hop| hop.source.clone()),
        }
    }

    /// Whether some installed model reads the language.
    pub fn reads(&self, language: &Language) -> bool {
        self.reader(language).is_some()
    }

    /// The first model that reads the language.
    fn reader(&self, language: &Language) -> Option<&Hop> {
        self.routes
            .hops()
            .iter()
            .find(|hop| hop.source.serves(language))
    }

    /// Loads the models of the routes and, if `reading`, one that reads the source. `asked`: a place in the engine
    /// that has texts written, where a route [asks](Self::asks) for it.
    pub async fn load(
        &self,
        source: &Language,
        routes: &[Route],
        reading: bool,
        asked: Option<&Arc<Reservation>>,
    ) -> Result<Loaded, RpcError> {
        let reader = match reading {
            false => None,
            true => Some(self.reader(source).ok_or_else(|| self.no_reader(source))?),
        };
        let hops = routes.iter().flat_map(|route| &route.hops);
        let ids: Vec<&str> = hops.chain(reader).map(|hop| &*hop.model).collect();
        let taken = self.take(ids).await?;
        Ok(Loaded {
            reader: reader.and_then(|hop| taken.translator(&hop.model)),
            routes: routes
                .iter()
                .map(|route| taken.route(route, asked))
                .collect(),
        })
    }

    /// A route to each target, or everything that is wrong with the targets.
    pub fn routes(&self, source: &Language, targets: &[Language]) -> Result<Vec<Route>, RpcError> {
        let (mut routes, mut pointless, mut missing) = (Vec::new(), Vec::new(), Vec::new());
        for (position, target) in targets.iter().enumerate() {
            match self.routes.shortest(source, target) {
                Some(route) => routes.push(route),
                None if target.primary() == source.primary() => {
                    pointless.push(Violation::new(
                        format!("target_languages[{position}]"),
                        format!("the text is already in {source}: leave this language out; if it is not, name source_language"),
                    ));
                }
                None => match self.asking(source, target) {
                    Some(route) => routes.push(route),
                    None => missing.push(self.missing(source, target)),
                },
            }
        }
        if !pointless.is_empty() {
            return Err(RpcError::Invalid(pointless));
        }
        if !missing.is_empty() {
            return Err(RpcError::NoRoute(missing));
        }
        Ok(routes)
    }

    fn missing(&self, source: &Language, target: &Language) -> MissingRoute {
        let installed: Vec<_> = self
            .routes
            .hops()
            .iter()
            .map(|hop| format!("{} to {}", hop.source, hop.target))
            .collect();
        let route = self.possible().shortest(source, target);
        MissingRoute {
            source_language: source.clone(),
            target_language: target.clone(),
            installed: installed.join(", "),
            pull: route
                .map(|route| self.not_installed(&route))
                .unwrap_or_default(),
        }
    }

    fn no_reader(&self, source: &Language) -> RpcError {
        let possible = self.possible().hops().iter();
        let reads = possible.filter(|hop| hop.source.serves(source));
        RpcError::NoReader {
            language: source.clone(),
            pull: reads.map(|hop| hop.model.to_string()).next(),
        }
    }

    /// What is known of all models, installed or not, what was read of the live index included.
    pub fn known(&self) -> &Catalog {
        self.known.get_or_init(|| {
            let mut known = Catalog::default();
            for folder in self.folders.iter().rev() {
                known = known.merged_with(catalog::live_index_kept_in(folder));
            }
            known.merged_with((*self.catalog).clone())
        })
    }

    /// Over all models that this version could run: the installed ones, and for each pair the best
    /// of the catalogue.
    pub fn possible(&self) -> &Routes {
        self.possible.get_or_init(|| {
            let mut hops = self.routes.hops().to_vec();
            let mut best: Vec<(Hop, usize)> = Vec::new();
            // Of the larger networks only those that were tried: a model of gigabytes is no answer to
            // who lacks a pair that two of twenty megabytes lead through.
            let proposed = |entry: &&Entry| {
                let tried = entry.engine == catalog::entry::Engine::Student
                    || entry.checked == catalog::entry::Checked::Run;
                entry.translates_here() && tried
            };
            for entry in self.known().iter().filter(proposed) {
                for hop in entry_hops(entry) {
                    let rank = rank(self.known(), &hop);
                    best.push((hop, rank));
                }
            }
            best.sort_by_key(|(_, rank)| *rank);
            for (hop, _) in best {
                let there = |known: &Hop| known.source == hop.source && known.target == hop.target;
                if !hops.iter().any(there) {
                    hops.push(hop);
                }
            }
            Routes::new(hops)
        })
    }

    /// The models of a route that would have to be pulled.
    pub fn not_installed(&self, route: &Route) -> Vec<String> {
        let installed: Vec<&str> = self.pool.ids().collect();
        let models = route.hops.iter().map(|hop| &*hop.model);
        models
            .filter(|id| !installed.contains(id))
            .map(str::to_owned)
            .collect()
    }
}

/// The place that the domain is put into once its models are loaded. Clones share it.
#[derive(Clone, Default)]
pub struct DomainCell(Arc<OnceLock<Domain>>);

impl DomainCell {
    /// Puts the domain in; a second one is ignored.
    pub fn fill(&self, domain: Domain) {
        self.0.get_or_init(|| domain);
    }

    /// The domain, or the error for a request that came too early.
    pub fn get(&self) -> Result<&Domain, RpcError> {
        self.0.get().ok_or(RpcError::Loading)
    }

    /// The domain if it is there.
    pub fn peek(&self) -> Option<&Domain> {
        self.0.get()
    }
}
