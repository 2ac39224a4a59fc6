//! The domain as the services see it: absent while models load, then there for good.

use std::{
    io,
    num::NonZeroUsize,
    path::Path,
    sync::{Arc, OnceLock},
};

use crate::{
    article::{Language, LanguageError},
    catalog::{self, CatalogError, Installed, ModelInfo},
    inference::{Engine, EngineSettings},
    rpc::{request::Violation, status::RpcError},
    summarize::{Reading, Summarizer},
    translate::{Route, Translating, Translator},
};

/// Everything that answers requests. Cheap to clone.
#[derive(Clone)]
pub struct Domain {
    pub engine: Engine,
    pub translator: Translator,
    pub summarizer: Summarizer,
    pub models: Arc<[ModelInfo]>,
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
}

impl Domain {
    /// Loads the models below a folder and starts the threads that run them. Blocks as long as
    /// reading the files takes.
    pub fn open(
        models: &Path,
        threads: NonZeroUsize,
        queue_tokens: usize,
    ) -> Result<Self, OpenError> {
        let installed = catalog::load(models, Default::default())?;
        let engine = Engine::start(EngineSettings {
            threads,
            queue_tokens,
        })?;
        let (mut translating, mut reading) = (Vec::new(), Vec::new());
        for Installed { info, model } in &installed {
            for source in languages(info, &info.source_languages)? {
                reading.push(Reading {
                    language: source.clone(),
                    model: model.clone(),
                });
                for target in languages(info, &info.target_languages)? {
                    translating.push(Translating {
                        id: info.id.as_str().into(),
                        source: source.clone(),
                        target,
                        model: model.clone(),
                    });
                }
            }
        }
        Ok(Domain {
            translator: Translator::new(translating),
            summarizer: Summarizer::new(reading),
            engine,
            models: installed
                .into_iter()
                .map(|installed| installed.info)
                .collect(),
        })
    }

    /// The language that the first model reads.
    pub fn first_source(&self) -> Option<Language> {
        let route = self.translator.routes().into_iter().next()?;
        Some(route.hops.into_iter().next()?.source)
    }

    /// Whether some installed model reads the language.
    pub fn reads(&self, language: &Language) -> bool {
        self.translator.routes().iter().any(|route| {
            route
                .hops
                .first()
                .is_some_and(|hop| hop.source.serves(language))
        })
    }

    /// A route to each target, or everything that is wrong with the targets.
    pub fn routes(&self, source: &Language, targets: &[Language]) -> Result<Vec<Route>, RpcError> {
        let (mut routes, mut pointless, mut missing) = (Vec::new(), Vec::new(), Vec::new());
        for (position, target) in targets.iter().enumerate() {
            match self.translator.route(source, target) {
                Ok(route) => routes.push(route),
                Err(_) if target.primary() == source.primary() && self.reads(source) => {
                    pointless.push(Violation::new(
                        format!("target_languages[{position}]"),
                        format!("the text is already in {source}: leave this language out"),
                    ));
                }
                Err(error) => missing.push(error),
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
}

fn languages(info: &ModelInfo, tags: &[String]) -> Result<Vec<Language>, OpenError> {
    let parse = |tag: &String| {
        tag.parse().map_err(|source| OpenError::Language {
            id: info.id.clone(),
            source,
        })
    };
    tags.iter().map(parse).collect()
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
