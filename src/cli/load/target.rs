//! The server under load: connections, deadline, what each method is asked.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::stream;
use http::{HeaderValue, header::AUTHORIZATION};
use humantime_serde::re::humantime;
use prost::Message;
use tokio::time::{Instant, timeout};
use tonic::{Code, Request, Status, Streaming, transport::Channel};

use crate::{
    cli::{
        error::CliError,
        load::{
            driver::Target,
            mix::{Call, Method},
            record::Answer,
        },
        remote::{Credentials, root_cause},
    },
    rpc::proto::v1::{
        DetectLanguageRequest, DigestRequest, StreamSummarizeRequest, StreamTranslateRequest,
        SummarizeRequest, TranslateBatchRequest, TranslateRequest, Usage,
        article_service_client::ArticleServiceClient, stream_summarize_response,
        stream_translate_response, summarization_service_client::SummarizationServiceClient,
        translate_batch_response, translation_service_client::TranslationServiceClient,
    },
};

/// Documents of one `translate-batch`.
const BATCH: usize = 8;

/// Flags about the server.
#[derive(Clone, Debug, clap::Args)]
pub struct TargetFlags {
    /// The server, such as http://127.0.0.1:50051 or https://example.org
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:50051")]
    pub server: String,
    /// Connections, used in turn
    #[arg(long, value_name = "N", default_value = "1")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub connections: u16,
    /// Deadline of each request; the server is told
    #[arg(long, value_name = "DURATION", default_value = "30s")]
    #[arg(value_parser = humantime::parse_duration)]
    pub timeout: Duration,
    #[command(flatten)]
    credentials: Credentials,
    /// Languages to translate into [default: en]; those of summaries [default: the article's own]
    #[arg(long, value_name = "LANGUAGE", value_delimiter = ',')]
    to: Vec<String>,
    /// Language of the articles, such as fr [default: detected]
    #[arg(long, value_name = "LANGUAGE")]
    from: Option<String>,
}

/// A server that is asked over one or more connections.
#[derive(Clone)]
pub struct Remote {
    channels: Arc<[Channel]>,
    next: Arc<AtomicUsize>,
    articles: Arc<[String]>,
    timeout: Duration,
    token: Option<HeaderValue>,
    source_language: String,
    translate_into: Vec<String>,
    summarize_in: Vec<String>,
}

impl Remote {
    /// Connections are made when they are first used, and again when they break, so that a server
    /// that cannot be reached is counted as an error and not waited for.
    pub fn new(flags: &TargetFlags, articles: Vec<String>) -> Result<Self, CliError> {
        let endpoint = flags.credentials.endpoint(&flags.server)?;
        let token = flags.credentials.authorization()?;
        let translate_into = match flags.to.is_empty() {
            true => vec!["en".to_owned()],
            false => flags.to.clone(),
        };
        Ok(Remote {
            channels: (0..flags.connections)
                .map(|_| endpoint.connect_lazy())
                .collect(),
            next: Arc::default(),
            articles: articles.into(),
            timeout: flags.timeout,
            token,
            source_language: flags.from.clone().unwrap_or_default(),
            translate_into,
            summarize_in: flags.to.clone(),
        })
    }

    fn channel(&self) -> Channel {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        self.channels[turn % self.channels.len()].clone()
    }

    fn text(&self, article: usize) -> String {
        self.articles[article % self.articles.len()].clone()
    }

    fn request<M>(&self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        if let Some(token) = &self.token {
            let headers = request.metadata_mut().as_mut();
            headers.insert(AUTHORIZATION, token.clone());
        }
        request
    }

    fn translate(&self, article: usize) -> TranslateRequest {
        TranslateRequest {
            text: self.text(article),
            content_type: String::new(),
            source_language: self.source_language.clone(),
            target_languages: self.translate_into.clone(),
            ..TranslateRequest::default()
        }
    }

    fn summarize(&self, article: usize) -> SummarizeRequest {
        SummarizeRequest {
            text: self.text(article),
            source_language: self.source_language.clone(),
            target_languages: self.summarize_in.clone(),
            ..SummarizeRequest::default()
        }
    }

    async fn call(&self, Call { method, article }: Call) -> Result<Answer, Status> {
        let channel = self.channel();
        let translation =
            |channel| TranslationServiceClient::new(channel).max_decoding_message_size(usize::MAX);
        let summarization = |channel| {
            SummarizationServiceClient::new(channel).max_decoding_message_size(usize::MAX)
        };
        match method {
            Method::Translate => {
                let request = self.request(self.translate(article));
                let answer = translation(channel).translate(request).await?.into_inner();
                Ok(whole(&answer, answer.usage.as_ref()))
            }
            Method::Summarize => {
                let request = self.request(self.summarize(article));
                let answer = summarization(channel)
                    .summarize(request)
                    .await?
                    .into_inner();
                Ok(whole(&answer, answer.usage.as_ref()))
            }
            Method::Digest => {
                let request = self.request(DigestRequest {
                    text: self.text(article),
                    source_language: self.source_language.clone(),
                    target_languages: self.translate_into.clone(),
                    ..DigestRequest::default()
                });
                let mut client =
                    ArticleServiceClient::new(channel).max_decoding_message_size(usize::MAX);
                let answer = client.digest(request).await?.into_inner();
                Ok(whole(&answer, answer.usage.as_ref()))
            }
            Method::DetectLanguage => {
                let text = self.text(article);
                let characters = text.chars().count() as u64;
                let request = self.request(DetectLanguageRequest { text });
                let answer = translation(channel).detect_language(request).await?;
                Ok(Answer {
                    characters,
                    ..whole(&answer.into_inner(), None)
                })
            }
            Method::StreamTranslate => {
                let request = self.request(StreamTranslateRequest {
                    document: Some(self.translate(article)),
                });
                let events = translation(channel).stream_translate(request).await?;
                use stream_translate_response::Event;
                read(events.into_inner(), |message| match &message.event {
                    Some(Event::Delta(_)) => Piece::Text,
                    Some(Event::End(end)) => Piece::End(end.usage.as_ref()),
                    Some(Event::Start(_)) | None => Piece::Other,
                })
                .await
            }
            Method::StreamSummarize => {
                let request = self.request(StreamSummarizeRequest {
                    document: Some(self.summarize(article)),
                });
                let events = summarization(channel).stream_summarize(request).await?;
                use stream_summarize_response::Event;
                read(events.into_inner(), |message| match &message.event {
                    Some(Event::Delta(_)) => Piece::Text,
                    Some(Event::End(end)) => Piece::End(end.usage.as_ref()),
                    Some(Event::Start(_)) | None => Piece::Other,
                })
                .await
            }
            Method::TranslateBatch => self.batch(article).await,
        }
    }

    /// A stream of documents: this one and those after it in the list. An error of one is the
    /// request's.
    async fn batch(&self, article: usize) -> Result<Answer, Status> {
        let documents: Vec<_> = (article..article + BATCH)
            .map(|article| TranslateBatchRequest {
                id: article.to_string(),
                document: Some(self.translate(article)),
            })
            .collect();
        let request = self.request(stream::iter(documents));
        let mut results = TranslationServiceClient::new(self.channel())
            .max_decoding_message_size(usize::MAX)
            .translate_batch(request)
            .await?
            .into_inner();
        let mut answer = Answer::default();
        let mut results_read = 0;
        while let Some(message) = results.message().await? {
            answer.first.get_or_insert_with(Instant::now);
            answer.bytes += message.encoded_len() as u64;
            match message.result {
                Some(translate_batch_response::Result::Translation(translation)) => {
                    answer.count(translation.usage.as_ref());
                    results_read += 1;
                }
                Some(translate_batch_response::Result::Error(error)) => {
                    return Err(Status::new(Code::from_i32(error.code), error.message));
                }
                None => {}
            }
        }
        match results_read {
            BATCH => Ok(answer),
            _ => Err(ended_early()),
        }
    }
}

impl Target for Remote {
    async fn ask(&self, call: Call) -> Result<Answer, Status> {
        let begin = Instant::now();
        // The server and the transport have timers for the deadline, too, but neither covers all.
        let result = timeout(self.timeout, self.call(call)).await;
        match result {
            Err(_) => Err(late()),
            // The transport's word for its own timer.
            Ok(Err(status))
                if status.code() == Code::Cancelled && begin.elapsed() >= self.timeout =>
            {
                Err(late())
            }
            Ok(Err(status)) if status.code() == Code::Unavailable => {
                let cause = root_cause(&status);
                let message = match cause.contains(status.message()) {
                    true => status.message().to_owned(),
                    false => format!("{}: {cause}", status.message()),
                };
                Err(Status::unavailable(message))
            }
            Ok(result) => result,
        }
    }
}

fn late() -> Status {
    Status::deadline_exceeded("no answer within --timeout")
}

fn ended_early() -> Status {
    Status::data_loss("the stream ended without its end")
}

fn whole(answer: &impl Message, usage: Option<&Usage>) -> Answer {
    let mut counted = Answer {
        bytes: answer.encoded_len() as u64,
        ..Answer::default()
    };
    counted.count(usage);
    counted
}

impl Answer {
    fn count(&mut self, usage: Option<&Usage>) {
        if let Some(usage) = usage {
            self.characters += usage.characters;
            self.sentences += usage.sentences;
        }
    }
}

/// What a message of a stream is.
enum Piece<'a> {
    Text,
    End(Option<&'a Usage>),
    Other,
}

async fn read<M: Message>(
    mut messages: Streaming<M>,
    piece: impl for<'a> Fn(&'a M) -> Piece<'a>,
) -> Result<Answer, Status> {
    let mut answer = Answer::default();
    let mut ended = false;
    while let Some(message) = messages.message().await? {
        answer.bytes += message.encoded_len() as u64;
        match piece(&message) {
            Piece::Text => {
                answer.first.get_or_insert_with(Instant::now);
            }
            Piece::End(usage) => {
                answer.count(usage);
                ended = true;
            }
            Piece::Other => {}
        }
    }
    match ended {
        true => Ok(answer),
        false => Err(ended_early()),
    }
}
