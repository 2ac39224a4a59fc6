//! A request's text, read once for all that is done with it.

use std::{sync::Arc, time::Instant};

use crate::{
    article::{self, Detected, Document, Language},
    inference::Reservation,
    rpc::{
        CONTENT,
        call::Call,
        convert,
        domain::Domain,
        passes::Passes,
        proto::v1::{Warning, WarningCode},
        request::{Source, Violation},
        status::RpcError,
        tally::Stage,
    },
};

/// Texts from this size on are read on a thread that may block, so that other requests of the
/// async runtime don't wait. Below it the hand-over costs more than the reading.
const BLOCKING_BYTES: usize = 32 << 10;

/// Above this a detection speaks against the sender's `source_language` …
const CONFIDENT: f32 = 0.9;
/// … if the text has at least so many letters: headlines mislead.
const ENOUGH_LETTERS: usize = 40;

/// A document with its language.
pub struct Prepared {
    /// The call's place among others, one for all that is done with the document, so that nothing of
    /// it is refused half-way.
    pub claim: Arc<Reservation>,
    /// What the place was claimed for.
    passes: Passes,
    bytes: usize,
    pub document: Arc<Document>,
    /// The sender's word for it, or else the detected language.
    pub source: Language,
    /// The likeliest language of the text; none when it has no words.
    pub detected: Option<Language>,
    /// What is to be warned of whatever is done with the document.
    pub warnings: Vec<Warning>,
    /// Length of the text in Unicode characters.
    pub characters: usize,
    /// How many sentences the text has.
    pub sentences: usize,
}

impl Prepared {
    /// Counts the models that sentences pass on their ways to all languages, once these are known and
    /// before anything is computed.
    pub fn passes_by(&self, models: usize) -> Result<(), RpcError> {
        self.passes_are(self.passes.by_models(models))
    }

    /// Where each sentence is asked for in words in so many languages.
    pub fn asking(&self, languages: usize) -> Passes {
        Passes::asking(languages, self.sentences, self.passes.search())
    }

    /// Has the request judged by what is known of its work by now.
    pub fn passes_are(&self, known: Passes) -> Result<(), RpcError> {
        let (claimed, known) = (self.passes.cost(self.bytes), known.cost(self.bytes));
        if claimed != known {
            self.claim.amend(known)?;
        }
        Ok(())
    }

    /// The detected language as messages give it.
    pub fn detected_language(&self) -> String {
        self.detected
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default()
    }
}

/// Claims a place for the work, splits the text and finds its language.
pub async fn prepare(call: &Call, source: Source, passes: Passes) -> Result<Prepared, RpcError> {
    let (domain, began) = (&call.domain, Instant::now());
    let Source { text, language } = source;
    tracing::info!(target: CONTENT, text, "to read");
    let bytes = text.len();
    let claim = call.claim(passes.engine(domain), passes.cost(bytes))?;
    let Read {
        document,
        detected,
        characters,
        letters,
        latin,
    } = off_the_runtime(text, read).await?;
    call.tally.passed(Stage::Read, began);
    let likeliest = detected.first();
    // In another script there is little to mistake.
    let enough = letters >= ENOUGH_LETTERS || 2 * latin < letters;
    let confident = likeliest.is_some_and(|best| best.confidence > CONFIDENT && enough);
    let (source, warnings) = match language {
        Some(said) => {
            let warning = likeliest
                .filter(|best| confident && best.language.primary() != said.primary())
                .map(|best| mismatch(&said, &best.language));
            (said, warning.into_iter().collect())
        }
        None => {
            let guess = guess(domain, &detected, confident)?;
            let other = likeliest.filter(|best| best.language.primary() != guess.primary());
            let warning = other.map(|best| doubt(&guess, &best.language));
            (guess, warning.into_iter().collect())
        }
    };
    Ok(Prepared {
        claim: Arc::new(claim),
        passes,
        bytes,
        sentences: document.sentences().count(),
        document: Arc::new(document),
        source,
        detected: detected.into_iter().next().map(|best| best.language),
        warnings,
        characters,
    })
}

/// The languages that a text may be in, likeliest first.
pub async fn detect(text: String) -> Result<Vec<Detected>, RpcError> {
    off_the_runtime(text, likely).await
}

struct Read {
    document: Document,
    detected: Vec<Detected>,
    characters: usize,
    letters: usize,
    /// Letters of those that are Latin ones.
    latin: usize,
}

fn read(text: &str) -> Read {
    Read {
        document: Document::parse(text),
        detected: likely(text),
        characters: text.chars().count(),
        letters: text.chars().filter(|c| c.is_alphabetic()).count(),
        latin: text.chars().filter(|c| is_latin(*c)).count(),
    }
}

/// A letter of Latin script as Europe's languages and Vietnamese have it.
fn is_latin(c: char) -> bool {
    c.is_alphabetic() && matches!(c, '\0'..='\u{24F}' | '\u{1E00}'..='\u{1EFF}')
}

/// Without the answer that nothing can be told.
fn likely(text: &str) -> Vec<Detected> {
    let mut detected = article::detect(text);
    detected.retain(|candidate| !candidate.language.is_undetermined());
    detected
}

/// When the detection is not confident, a language that can be read is the better guess: the
/// likeliest, or, for a title of a few words, whatever a model reads.
fn guess(domain: &Domain, detected: &[Detected], confident: bool) -> Result<Language, RpcError> {
    if detected.is_empty() {
        return Err(RpcError::Invalid(vec![Violation::new(
            "source_language".to_owned(),
            "nothing in the text tells its language: name it, such as \"fr\"".to_owned(),
        )]));
    }
    let readable = detected
        .iter()
        .find(|candidate| domain.reads(&candidate.language));
    let likeliest = detected.first().map(|best| best.language.clone());
    let readable = readable.map(|best| best.language.clone());
    let guess = if confident {
        likeliest
    } else {
        readable.or_else(|| domain.usual_source()).or(likeliest)
    };
    Ok(guess.unwrap_or(Language::UNDETERMINED))
}

fn doubt(guess: &Language, seems: &Language) -> Warning {
    convert::document_warning(
        WarningCode::SourceLanguageMismatch,
        format!(
            "the text may be in {seems}, but was read as {guess}: name source_language to be sure"
        ),
    )
}

fn mismatch(said: &Language, seems: &Language) -> Warning {
    convert::document_warning(
        WarningCode::SourceLanguageMismatch,
        format!("the text seems to be in {seems}, but was read as {said}, as the request says"),
    )
}

async fn off_the_runtime<T: Send + 'static>(
    text: String,
    work: impl FnOnce(&str) -> T + Send + 'static,
) -> Result<T, RpcError> {
    if text.len() < BLOCKING_BYTES {
        return Ok(work(&text));
    }
    Ok(tokio::task::spawn_blocking(move || work(&text)).await?)
}
