//! What writes summaries: instruction models, in whichever language they are asked for, and models that were
//! made for summaries, in a language of their own, from which others are translated.

use super::Domain;
use crate::{
    article::Language,
    catalog::{
        Installed,
        entry::{Checked, Entry, Task},
    },
    model::Model,
    rpc::status::RpcError,
    summarize::abstractive::Author,
    translate::{LoadedRoute, Route},
};

/// A model that writes summaries, loaded, with what translates them.
pub struct Writer {
    pub id: String,
    pub author: Author,
    /// One a language that was asked for.
    pub voices: Vec<Voice>,
}

/// A summary in one language.
pub struct Voice {
    pub language: Language,
    /// The language that the model writes.
    pub written: Language,
    /// From there to `language`, where they differ.
    pub route: Option<LoadedRoute>,
}

impl Domain {
    /// Loads the model that writes summaries of texts in `source`, and those that translate them where it does
    /// not write a target itself: of the models that can do all of it one that was tried rather than one that
    /// was not, then the largest that there is room for.
    pub async fn load_writer(
        &self,
        source: &Language,
        targets: &[Language],
    ) -> Result<Writer, RpcError> {
        let found = self
            .pool
            .best(|model| self.ways(model, source, targets).is_some());
        let Some(found) = found else {
            return Err(self.no_writer(source, targets));
        };
        let ways = self.ways(found, source, targets).unwrap_or_default();
        let hops = ways
            .iter()
            .flat_map(|way| way.route.iter().flat_map(|route| &route.hops));
        let ids = hops.map(|hop| &*hop.model).chain([&*found.id]).collect();
        let taken = self.take(ids).await?;
        let author = match taken.model(&found.id) {
            Some(Model::Causal(model)) => Author::Instruction(model.clone()),
            Some(Model::Translator(model)) => {
                let written_down = found.prefix.as_deref();
                let prefix = written_down.or(model.summary_prefix()).unwrap_or_default();
                Author::Summarizer {
                    prefix: prefix.to_owned(),
                    model: model.clone(),
                }
            }
            None => return Err(RpcError::Failed(format!("{} was not loaded", found.id))),
        };
        let voices = ways.iter().map(|way| Voice {
            language: way.language.clone(),
            written: way.written.clone(),
            route: way.route.as_ref().map(|route| taken.route(route, None)),
        });
        Ok(Writer {
            id: found.id.clone(),
            voices: voices.collect(),
            author,
        })
    }

    /// How a model's summaries come to each of the targets; none where it does not read the source, or
    /// nothing leads to one of them.
    fn ways(&self, model: &Installed, source: &Language, targets: &[Language]) -> Option<Vec<Way>> {
        if model.task == Task::Instruction {
            let own = |target: &Language| Way {
                language: target.clone(),
                written: target.clone(),
                route: None,
            };
            return Some(targets.iter().map(own).collect());
        }
        let written = written_by(model, source)?;
        let way = |target: &Language| {
            let route = match written.serves(target) {
                true => None,
                false => Some(self.routes.shortest(&written, target)?),
            };
            Some(Way {
                language: target.clone(),
                written: written.clone(),
                route,
            })
        };
        targets.iter().map(way).collect()
    }

    /// Why no model writes such summaries, and what would.
    fn no_writer(&self, source: &Language, targets: &[Language]) -> RpcError {
        // One that reads the text lacks a way to the targets only.
        let written = self.pool.best(|model| written_by(model, source).is_some());
        if let Some(written) = written.and_then(|model| written_by(model, source)) {
            let others = targets.iter().filter(|target| !written.serves(target));
            let others: Vec<Language> = others.cloned().collect();
            if let Err(error) = self.routes(&written, &others) {
                return error;
            }
        }
        let writes = |entry: &&Entry| entry.task == Task::Instruction && entry.runs_here();
        let known = self.known().iter().filter(writes);
        // One that was tried here before all others.
        let pull = known.min_by_key(|entry| entry.checked != Checked::Run);
        RpcError::NoWriter {
            language: source.clone(),
            pull: pull.map(|entry| entry.id.clone()),
        }
    }
}

/// How summaries come to a language.
struct Way {
    language: Language,
    written: Language,
    route: Option<Route>,
}

/// The language of the summaries that a model made for them writes of texts in `source`, if it reads these:
/// the text's own where it has that, else its first.
fn written_by(model: &Installed, source: &Language) -> Option<Language> {
    if model.task != Task::Summarization {
        return None;
    }
    let parsed = |tags: &[String]| -> Vec<Language> {
        tags.iter().filter_map(|tag| tag.parse().ok()).collect()
    };
    let reads = parsed(&model.source_languages);
    if !reads.iter().any(|language| language.serves(source)) {
        return None;
    }
    let writes = parsed(&model.target_languages);
    let own = writes.iter().find(|language| language.serves(source));
    own.or(writes.first()).cloned()
}
