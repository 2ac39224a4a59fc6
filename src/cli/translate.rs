//! `depeche translate`.

use crate::{
    cli::{ask::Ask, error::CliError, output},
    rpc::proto::v1::{
        TranslateRequest, TranslateResponse, translation_service_client::TranslationServiceClient,
    },
};

/// Translate an article
///
/// Prints the translation; with several languages, each under a heading `=== en ===`.
#[derive(Debug, clap::Args)]
pub struct Translate {
    #[command(flatten)]
    ask: Ask,
    /// Languages to translate into, such as en or en,pt
    #[arg(long, value_name = "LANGUAGE", value_delimiter = ',')]
    #[arg(required_unless_present = "request", conflicts_with = "request")]
    to: Vec<String>,
    /// Hypotheses that are followed side by side for a sentence, 1 to 16 [default: 1]
    #[arg(long, value_name = "N", conflicts_with = "request")]
    beam: Option<u32>,
}

impl Translate {
    pub async fn run(self) -> Result<(), CliError> {
        let Translate { ask, to, beam } = self;
        let from = ask.input.from.clone().unwrap_or_default();
        ask.run(
            |text| TranslateRequest {
                text,
                content_type: String::new(),
                source_language: from,
                target_languages: to,
                beam_size: beam,
                ..TranslateRequest::default()
            },
            async |transport, request| {
                TranslationServiceClient::new(transport)
                    .max_decoding_message_size(usize::MAX)
                    .translate(request)
                    .await
            },
            text,
        )
        .await
    }
}

fn text(answer: &TranslateResponse) -> String {
    let parts: Vec<_> = answer
        .translations
        .iter()
        .map(|translation| (translation.language.as_str(), translation.text.clone()))
        .collect();
    output::by_language(&parts)
}
