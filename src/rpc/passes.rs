//! How often the models go over a text: what a call's place in an engine is claimed by, before anything
//! is tokenised.

use crate::{
    inference::{Cost, Engine, decode::Search},
    rpc::domain::Domain,
    summarize::{Length, abstractive},
};

/// Bytes of text for a token; French news has 4.3 (OrangeSum validation, first 100 articles, repeated
/// attempts counted) and FLORES dev 4.8.
const BYTES_PER_TOKEN: usize = 4;

/// Tokens that ask for a sentence, beside its own: the template has about so many, and what models put around it.
const ASKING_TOKENS: usize = 130;

#[derive(Clone, Copy, Debug)]
pub enum Passes {
    /// Sentence by sentence.
    Sentences {
        /// Times that all sentences are only read.
        readings: usize,
        translations: Translations,
    },
    /// As a whole, for so many texts of that length to be written.
    Whole {
        texts: usize,
        length: Length,
        /// Tokens that the model reads, at the most.
        reads: usize,
    },
    /// Sentence by sentence, each asked for in words in so many languages.
    Asked {
        languages: usize,
        sentences: usize,
        search: Search,
    },
}

/// What is translated of a text.
#[derive(Clone, Copy, Debug)]
pub struct Translations {
    /// That a sentence passes, over all languages.
    models: usize,
    search: Search,
    /// Source tokens that are translated, at the most.
    most: usize,
}

impl Passes {
    /// All of the text into so many languages; one model leads to each, as long as nothing else is known.
    pub fn translating(languages: usize, search: Search) -> Self {
        Passes::Sentences {
            readings: 0,
            translations: Translations {
                models: languages,
                search,
                most: usize::MAX,
            },
        }
    }

    /// All sentences are read, and a summary of that length is translated into so many languages.
    pub fn summarizing(length: Length, languages: usize) -> Self {
        Passes::Sentences {
            readings: 1,
            translations: Translations {
                models: languages,
                search: Search::Greedy,
                most: length.most_tokens(),
            },
        }
    }

    /// A summary of that length, written in another language, is translated by so many models in all.
    pub fn retelling(length: Length, models: usize) -> Self {
        Self::summarizing(length, models).without_reading()
    }

    fn without_reading(mut self) -> Self {
        if let Passes::Sentences { readings, .. } = &mut self {
            *readings = 0;
        }
        self
    }

    /// All sentences are read, and translated into so many languages.
    pub fn digesting(languages: usize) -> Self {
        match Self::translating(languages, Search::Greedy) {
            Passes::Sentences { translations, .. } => Passes::Sentences {
                readings: 1,
                translations,
            },
            whole => whole,
        }
    }

    /// Each sentence of a text is asked for in so many languages.
    pub fn asking(languages: usize, sentences: usize, search: Search) -> Self {
        Passes::Asked {
            languages,
            sentences,
            search,
        }
    }

    /// How outputs are searched for.
    pub fn search(&self) -> Search {
        match *self {
            Passes::Sentences { translations, .. } => translations.search,
            Passes::Asked { search, .. } => search,
            Passes::Whole { .. } => Search::Greedy,
        }
    }

    /// The same where sentences pass so many models on the routes to all languages.
    pub fn by_models(mut self, models: usize) -> Self {
        if let Passes::Sentences { translations, .. } = &mut self {
            translations.models = models;
        }
        self
    }

    /// For a text of so many bytes.
    pub fn cost(&self, bytes: usize) -> Cost {
        let text = (bytes / BYTES_PER_TOKEN).max(1);
        match *self {
            Passes::Sentences {
                readings,
                translations,
            } => {
                let Translations {
                    models,
                    search,
                    most,
                } = translations;
                let translated = Cost::translating(text.min(most), search);
                Cost::reading(text).times(readings) + translated.times(models)
            }
            Passes::Whole {
                texts,
                length,
                reads,
            } => {
                let most = abstractive::most_tokens(length);
                Cost::writing(text.min(reads), most, Search::Greedy).times(texts)
            }
            Passes::Asked {
                languages,
                sentences,
                search,
            } => {
                let asking = sentences.saturating_mul(ASKING_TOKENS);
                Cost::writing(text.saturating_add(asking), text, search).times(languages)
            }
        }
    }

    /// Which engine does the work.
    pub fn engine<'a>(&self, domain: &'a Domain) -> &'a Engine {
        match self {
            Passes::Sentences { .. } => &domain.engine,
            Passes::Whole { .. } | Passes::Asked { .. } => &domain.writing_engine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::decode::Beam;
    use std::num::NonZeroUsize;

    /// Of a text of 3,000 tokens.
    fn tokens(passes: Passes) -> usize {
        passes.cost(3000 * BYTES_PER_TOKEN).tokens()
    }

    fn at_least_one(n: usize) -> NonZeroUsize {
        NonZeroUsize::new(n).unwrap()
    }

    #[test]
    fn each_language_each_model_and_each_hypothesis_counts() {
        let beam = Search::Beam(Beam::of(at_least_one(4)));
        assert_eq!(tokens(Passes::translating(1, Search::Greedy)), 3000);
        assert_eq!(tokens(Passes::translating(2, Search::Greedy)), 6000);
        assert_eq!(tokens(Passes::translating(2, beam)), 24_000);
        assert_eq!(tokens(Passes::translating(2, beam).by_models(3)), 36_000);
        assert_eq!(tokens(Passes::digesting(1)), 4000);
        assert_eq!(tokens(Passes::digesting(1).by_models(2)), 7000);
    }

    #[test]
    fn a_summary_is_translated_as_far_as_its_length_goes_and_never_beyond_the_text() {
        let short = Length::sentences(at_least_one(3));
        let read = 1000;
        assert_eq!(tokens(Passes::summarizing(short, 0)), read);
        let one = tokens(Passes::summarizing(short, 1)) - read;
        assert!((1..3000).contains(&one), "{one}");
        assert_eq!(tokens(Passes::summarizing(short, 16)), read + 16 * one);
        let long = Length::words(at_least_one(100_000));
        assert_eq!(tokens(Passes::summarizing(long, 2)), read + 2 * 3000);
        assert_eq!(tokens(Passes::retelling(short, 2)), 2 * one);
    }

    #[test]
    fn what_is_to_be_written_counts_beside_what_is_read() {
        let length = |n| Length::sentences(at_least_one(n));
        let reading = |reads, texts, n| {
            tokens(Passes::Whole {
                texts,
                length: length(n),
                reads,
            })
        };
        let whole = |texts, n| reading(8192, texts, n);
        assert!(whole(1, 3) > 3000);
        // What the model does not read costs nothing.
        assert_eq!(whole(1, 3) - reading(1000, 1, 3), 2000);
        assert!(whole(1, 9) > whole(1, 3));
        assert_eq!(
            tokens(Passes::asking(2, 10, Search::Greedy)),
            2 * (2 * 3000 + 10 * ASKING_TOKENS)
        );
        assert_eq!(whole(2, 3), 2 * whole(1, 3));
    }
}
