//! What the asking commands share: read, ask, print.

use tonic::{Response, Status};

use crate::{
    cli::{
        error::CliError,
        input::Input,
        json::{self, Named},
        output::{self, Progress},
        transport::{Service, Transport},
    },
    rpc::proto::v1::{DigestResponse, SummarizeResponse, TranslateResponse, Warning},
};

/// A response that may say what it could not keep.
pub trait Warned {
    fn warnings(&self) -> impl Iterator<Item = &Warning>;
}

impl Warned for TranslateResponse {
    fn warnings(&self) -> impl Iterator<Item = &Warning> {
        self.translations
            .iter()
            .flat_map(|translation| &translation.warnings)
    }
}

impl Warned for SummarizeResponse {
    fn warnings(&self) -> impl Iterator<Item = &Warning> {
        self.summaries.iter().flat_map(|summary| &summary.warnings)
    }
}

/// A digest's summaries have no warnings of their own: their sentences are the translations'.
impl Warned for DigestResponse {
    fn warnings(&self) -> impl Iterator<Item = &Warning> {
        self.translations
            .iter()
            .flat_map(|translation| &translation.warnings)
    }
}

/// Flags of every command that asks a service.
#[derive(Clone, Debug, clap::Args)]
pub struct Ask {
    #[command(flatten)]
    pub input: Input,
    /// Print the response message as protobuf JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    service: Service,
}

impl Ask {
    /// Sends the request and prints the response, as text or as JSON.
    pub async fn run<Request: Named, Answer: Named + Warned>(
        &self,
        around: impl FnOnce(String) -> Request,
        call: impl AsyncFnOnce(Transport, Request) -> Result<Response<Answer>, Status>,
        text: impl FnOnce(&Answer) -> String,
    ) -> Result<(), CliError> {
        // The input first: a mistake in it is told before models are loaded.
        let request = self.input.request(around)?;
        let transport = self.service.transport().await?;
        let answer = {
            let _progress = Progress::show("working");
            call(transport, request).await?.into_inner()
        };
        if self.json {
            return output::write(&json::render(&answer)?);
        }
        output::write(&text(&answer))?;
        // In the JSON they stand where they belong.
        output::warn(answer.warnings());
        Ok(())
    }
}
