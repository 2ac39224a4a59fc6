//! The models that there are: what is compiled in, and what a models folder adds.

#[cfg(test)]
mod test;

use super::{
    CatalogError,
    entry::{Entry, Quality, Task},
    validate,
};
use crate::article::Language;
use serde::Deserialize;
use std::{
    cmp::Ordering,
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

/// Models by id, each entry valid and each id once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalog {
    entries: BTreeMap<String, Entry>,
}

/// `catalog.toml`: a list of tables, read one by one so that every broken one is told.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    model: Vec<toml::Table>,
}

/// Where the built-in catalogue lies in the source; for errors.
/// What a models folder adds.
const FILE: &str = "catalog.toml";
const BUILTIN: &str = "models/catalog.toml";

impl Catalog {
    /// The catalogue that this version came with.
    ///
    /// # Errors
    /// None, if the tests of this version passed.
    pub fn builtin() -> Result<Self, CatalogError> {
        Self::parse(
            include_str!("../../models/catalog.toml"),
            Path::new(BUILTIN),
        )
    }

    /// The built-in catalogue with what the `catalog.toml` of each folder adds, if it has one; an
    /// earlier folder's entries take the place of a later one's.
    pub fn of_folders<'a>(
        folders: impl DoubleEndedIterator<Item = &'a PathBuf>,
    ) -> Result<Self, CatalogError> {
        let mut catalog = Self::builtin()?;
        for folder in folders.rev() {
            let path = folder.join(FILE);
            match std::fs::read_to_string(&path) {
                Ok(text) => catalog = catalog.merged_with(Self::parse(&text, &path)?),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(CatalogError::Folder { path, source }),
            }
        }
        Ok(catalog)
    }

    /// Reads a `catalog.toml`; `path` is for errors.
    ///
    /// # Errors
    /// If it is not TOML; or all entries that are not as they should be, each with all that is wrong with it.
    pub fn parse(text: &str, path: &Path) -> Result<Self, CatalogError> {
        let document: Document = toml::from_str(text).map_err(|source| CatalogError::Catalog {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        let mut entries = BTreeMap::new();
        let mut problems = Vec::new();
        for (at, table) in document.model.into_iter().enumerate() {
            let name = match table.get("id").and_then(toml::Value::as_str) {
                Some(id) => format!("model {id:?}"),
                None => format!("model {} of the file", at + 1),
            };
            match table.try_into::<Entry>() {
                Err(error) => {
                    problems.push(format!("{name}: {}", error.to_string().trim_end()));
                }
                Ok(entry) => {
                    let mut found = validate::problems(&entry);
                    if entries.contains_key(&entry.id) {
                        found.push("its id stands twice".into());
                    }
                    if !found.is_empty() {
                        problems.push(format!("{name}: {}", found.join("; ")));
                    }
                    entries.insert(entry.id.clone(), entry);
                }
            }
        }
        if problems.is_empty() {
            Ok(Catalog { entries })
        } else {
            Err(CatalogError::Entries {
                path: path.to_owned(),
                problems,
            })
        }
    }

    /// Those of the entries that are as they should be; of two with one id, the later.
    pub fn of_valid(entries: impl IntoIterator<Item = Entry>) -> Self {
        let valid = entries
            .into_iter()
            .filter(|entry| validate::problems(entry).is_empty());
        Catalog {
            entries: valid.map(|entry| (entry.id.clone(), entry)).collect(),
        }
    }

    /// With the entries of `more`, which take the place of those with the same id.
    pub fn merged_with(mut self, more: Catalog) -> Self {
        self.entries.extend(more.entries);
        self
    }

    pub fn get(&self, id: &str) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// All entries, sorted by id.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// The models that translate from `source` into `target`, best first: by COMET, then by BLEU, those without a figure
    /// last, then by id.
    ///
    /// Only figures on FLORES are compared: others are of other texts.
    pub fn for_pair(&self, source: &Language, target: &Language) -> Vec<&Entry> {
        let mut entries: Vec<&Entry> = self
            .iter()
            .filter(|entry| entry.task == Task::Translation)
            .filter(|entry| {
                serves(&entry.source_languages, source) && serves(&entry.target_languages, target)
            })
            .collect();
        let falling = |metric: &'static str| {
            move |a: &Entry, b: &Entry| {
                let figure = |entry| figure(entry, metric, source, target);
                best_first(figure(a), figure(b))
            }
        };
        let (comet, bleu) = (falling("comet"), falling("bleu"));
        // Stable, so that those alike stay in the order of their ids.
        entries.sort_by(|a, b| comet(a, b).then_with(|| bleu(a, b)));
        entries
    }
}

fn serves(tags: &[String], wanted: &Language) -> bool {
    tags.iter()
        .filter_map(|tag| Language::parse(tag).ok())
        .any(|language| language.serves(wanted))
}

/// A figure for the pair: of a model of one pair, or of a set that names it (`flores101-devtest fr-pt`).
fn figure(entry: &Entry, metric: &str, source: &Language, target: &Language) -> Option<f64> {
    let pair = format!(" {}-{}", source.primary(), target.primary());
    let one_pair = entry.source_languages.len() == 1 && entry.target_languages.len() == 1;
    let fits = |figure: &&Quality| {
        figure.metric == metric
            && figure.set.starts_with("flores")
            && (one_pair || figure.set.ends_with(&pair))
    };
    entry.quality.iter().find(fits).map(|figure| figure.value)
}

fn best_first(a: Option<f64>, b: Option<f64>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => b.total_cmp(&a),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}
