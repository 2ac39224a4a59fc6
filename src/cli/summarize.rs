//! `depeche summarize`.

use crate::{
    cli::{ask::Ask, error::CliError, output},
    rpc::proto::v1::{
        SummarizeRequest, SummarizeResponse, Summary, SummaryStyle,
        summarization_service_client::SummarizationServiceClient,
    },
};

/// Summarise an article
///
/// Prints the summary, a sentence a line; with several languages, each under a heading
/// `=== en ===`.
#[derive(Debug, clap::Args)]
pub struct Summarize {
    #[command(flatten)]
    ask: Ask,
    /// Languages of the summary, such as en or fr,en [default: the article's own]
    #[arg(
        long,
        value_name = "LANGUAGE",
        value_delimiter = ',',
        conflicts_with = "request"
    )]
    to: Vec<String>,
    #[command(flatten)]
    length: Length,
    /// Sentences of the article, or new ones by a model that writes
    #[arg(long, value_enum, default_value_t = Style::Extractive, conflicts_with = "request")]
    style: Style,
    #[command(flatten)]
    sampling: Sampling,
}

/// How the words of an abstractive summary are chosen.
#[derive(Debug, clap::Args)]
struct Sampling {
    /// How freely words are chosen, 0 to 2 [default: 0, the likeliest]
    #[arg(long, value_name = "X", conflicts_with = "request")]
    temperature: Option<f32>,
    /// Draw from so many of the likeliest tokens, 1 to 1000 [default: 50]
    #[arg(long, value_name = "N", conflicts_with = "request")]
    top_k: Option<u32>,
    /// Draw from the likeliest tokens that together have this share of the probability [default: 1]
    #[arg(long, value_name = "X", conflicts_with = "request")]
    top_p: Option<f32>,
    /// The same seed draws the same summary [default: another one each time]
    #[arg(long, value_name = "N", conflicts_with = "request")]
    seed: Option<u64>,
}

/// How a summary is made.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Style {
    Extractive,
    Abstractive,
}

impl From<Style> for SummaryStyle {
    fn from(style: Style) -> Self {
        match style {
            Style::Extractive => SummaryStyle::Extractive,
            Style::Abstractive => SummaryStyle::Abstractive,
        }
    }
}

/// How long a summary may be.
#[derive(Clone, Debug, clap::Args)]
pub struct Length {
    /// At most so many sentences, 1 to 100 [default: 3]
    #[arg(long, value_name = "N", conflicts_with = "request")]
    pub sentences: Option<u32>,
    /// At most so many words of the article's own language
    #[arg(long, value_name = "N", conflicts_with = "request")]
    pub words: Option<u32>,
}

impl Summarize {
    pub async fn run(self) -> Result<(), CliError> {
        let Summarize {
            ask,
            to,
            length,
            style,
            sampling,
        } = self;
        let from = ask.input.from.clone().unwrap_or_default();
        ask.run(
            |text| SummarizeRequest {
                text,
                content_type: String::new(),
                source_language: from,
                target_languages: to,
                max_sentences: length.sentences,
                max_words: length.words,
                style: SummaryStyle::from(style).into(),
                temperature: sampling.temperature,
                top_k: sampling.top_k,
                top_p: sampling.top_p,
                seed: sampling.seed,
            },
            async |transport, request| {
                SummarizationServiceClient::new(transport)
                    .max_decoding_message_size(usize::MAX)
                    .summarize(request)
                    .await
            },
            text,
        )
        .await
    }
}

fn text(answer: &SummarizeResponse) -> String {
    let parts: Vec<_> = answer
        .summaries
        .iter()
        .map(|summary| (summary.language.as_str(), lines(summary)))
        .collect();
    output::by_language(&parts)
}

/// The summary, a sentence a line.
pub fn lines(summary: &Summary) -> String {
    summary
        .sentences
        .iter()
        .map(|sentence| format!("{}\n", sentence.text))
        .collect()
}
