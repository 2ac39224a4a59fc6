//! `depeche models list`.

use std::collections::BTreeSet;

use indicatif::BinaryBytes;
use serde::Serialize;

use super::{Place, progress, table};
use crate::{
    catalog::{
        Store,
        entry::{Checked, Engine, Entry, Quality, Task},
        store::State,
    },
    cli::{error::CliError, output},
};

/// List the models that are known, and which are here
///
/// A model is `installed` (in the store), `embedded` (it comes along) or `available`. Own entries
/// may stand in `catalog.toml` in the store.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Only models that are here
    #[arg(long)]
    installed: bool,
    /// With the best released model of each pair of Mozilla's live index, which is read for it
    #[arg(long)]
    remote: bool,
    /// Print a JSON array of objects
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// A model, as `--json` prints it. What is not known is null.
#[derive(Serialize)]
struct Line {
    id: String,
    state: &'static str,
    task: Option<Task>,
    engine: Option<Engine>,
    architecture: Option<String>,
    source_languages: Vec<String>,
    target_languages: Vec<String>,
    /// Of the files on disk.
    bytes: Option<u64>,
    /// To fetch.
    download_bytes: Option<u64>,
    licence: Option<String>,
    licence_url: Option<String>,
    checked: Option<Checked>,
    quality: Vec<Quality>,
    /// Its folder, if it is here.
    path: Option<String>,
}

impl List {
    pub fn run(self) -> Result<(), CliError> {
        let store = self.place.store()?;
        let mut lines = self.lines(&store)?;
        if self.installed {
            lines.retain(|line| line.path.is_some());
        }
        if self.json {
            let json = serde_json::to_string_pretty(&lines)
                .map_err(|error| CliError::Failed(format!("the list as JSON: {error}")))?;
            return output::write(&json);
        }
        let head = [
            "ID",
            "LANGUAGES",
            "ENGINE",
            "SIZE",
            "LICENCE",
            "STATE",
            "QUALITY",
        ];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(lines.iter().map(Line::cells));
        output::write(&table::render(&rows))
    }

    fn lines(&self, store: &Store) -> Result<Vec<Line>, CliError> {
        let live = match self.remote {
            true => store.live(&*progress::on_stderr())?,
            false => store.live_as_kept(),
        };
        let catalog = live.merged_with(store.catalog()?);
        let mut ids: BTreeSet<String> = catalog
            .iter()
            // What was read of the index once is not shown for ever.
            .filter(|entry| self.remote || !entry.is_live())
            .map(|entry| entry.id.clone())
            .collect();
        ids.extend(store.here()?);
        ids.into_iter()
            .map(|id| {
                let (state, installed) = match store.state(&id)? {
                    State::Installed(entry) => ("installed", Some(*entry)),
                    State::Foreign => ("installed", None),
                    State::Embedded => ("embedded", None),
                    State::Available => ("available", None),
                };
                let entry = installed.as_ref().or_else(|| catalog.get(&id));
                let path = store.folder_of(&id).map(|path| path.display().to_string());
                Ok(Line::new(id, state, entry, path))
            })
            .collect()
    }
}

impl Line {
    fn new(id: String, state: &'static str, entry: Option<&Entry>, path: Option<String>) -> Self {
        let on_disk = |entry: &Entry| entry.files.iter().map(|file| file.bytes).sum();
        Line {
            id,
            state,
            task: entry.map(|entry| entry.task),
            engine: entry.map(|entry| entry.engine),
            architecture: entry.and_then(|entry| entry.architecture.clone()),
            source_languages: entry
                .map(|e| e.source_languages.clone())
                .unwrap_or_default(),
            target_languages: entry
                .map(|e| e.target_languages.clone())
                .unwrap_or_default(),
            bytes: entry.and_then(on_disk),
            download_bytes: entry.and_then(Entry::download_bytes),
            licence: entry.map(|entry| entry.licence.clone()),
            licence_url: entry.and_then(|entry| entry.licence_url.clone()),
            checked: entry.map(|entry| entry.checked),
            quality: entry.map(|entry| entry.quality.clone()).unwrap_or_default(),
            path,
        }
    }

    fn cells(&self) -> Vec<String> {
        let unknown = || "-".to_owned();
        let languages = |tags: &[String]| match tags {
            [] => unknown(),
            [one] => one.clone(),
            many if many.len() <= 3 => many.join(","),
            many => format!("{} languages", many.len()),
        };
        let direction = match (
            self.source_languages.as_slice(),
            self.target_languages.as_slice(),
        ) {
            ([], _) => unknown(),
            (source, target) if source == target => languages(source),
            (source, target) => format!("{}→{}", languages(source), languages(target)),
        };
        // The figure that means most to most.
        let quality = ["comet", "bleu", "chrf", "rouge-l"]
            .iter()
            .find_map(|metric| {
                let figure = self
                    .quality
                    .iter()
                    .find(|figure| figure.metric == *metric)?;
                Some(format!("{} {}", figure.metric, figure.value))
            });
        vec![
            self.id.clone(),
            direction,
            self.engine
                .map_or_else(unknown, |engine| engine.name().to_owned()),
            self.bytes
                .or(self.download_bytes)
                .map_or_else(unknown, |bytes| BinaryBytes(bytes).to_string()),
            self.licence.clone().unwrap_or_else(unknown),
            self.state.to_owned(),
            quality.unwrap_or_else(unknown),
        ]
    }
}
