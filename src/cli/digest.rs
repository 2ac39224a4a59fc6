//! `depeche digest`.

use crate::{
    cli::{
        ask::Ask,
        error::CliError,
        output,
        summarize::{Length, lines},
    },
    rpc::proto::v1::{
        DigestRequest, DigestResponse, SummaryStyle, article_service_client::ArticleServiceClient,
    },
};

/// Translate an article and summarise it
///
/// Prints the translation, a blank line, a line `--- summary (en) ---`, and the summary, a sentence
/// a line; with several languages, each under a heading `=== en ===`. The summary in the article's
/// own language is in the output of --json.
#[derive(Debug, clap::Args)]
pub struct Digest {
    #[command(flatten)]
    ask: Ask,
    /// Languages to translate into, such as en or en,pt
    #[arg(long, value_name = "LANGUAGE", value_delimiter = ',')]
    #[arg(required_unless_present = "request", conflicts_with = "request")]
    to: Vec<String>,
    #[command(flatten)]
    length: Length,
}

impl Digest {
    pub async fn run(self) -> Result<(), CliError> {
        let Digest { ask, to, length } = self;
        let from = ask.input.from.clone().unwrap_or_default();
        ask.run(
            |text| DigestRequest {
                text,
                content_type: String::new(),
                source_language: from,
                target_languages: to,
                max_sentences: length.sentences,
                max_words: length.words,
                style: SummaryStyle::Unspecified.into(),
            },
            async |transport, request| {
                ArticleServiceClient::new(transport)
                    .max_decoding_message_size(usize::MAX)
                    .digest(request)
                    .await
            },
            text,
        )
        .await
    }
}

fn text(answer: &DigestResponse) -> String {
    // The first summary is in the article's own language; the others go with the translations.
    let parts: Vec<_> = answer
        .translations
        .iter()
        .zip(answer.summaries.iter().skip(1))
        .map(|(translation, summary)| {
            let language = translation.language.as_str();
            let article = translation.text.trim_end_matches('\n');
            (
                language,
                format!(
                    "{article}\n\n--- summary ({language}) ---\n{}",
                    lines(summary)
                ),
            )
        })
        .collect();
    output::by_language(&parts)
}
