//! `ArticleService`.

use tonic::{Request, Response, Status};

use crate::{
    inference::DecodeOptions,
    rpc::{
        Api,
        call::{Call, Reading},
        document,
        highlights::{self, Voice},
        passes::Passes,
        pieces::{self, Target},
        proto::v1::{DigestRequest, DigestResponse, article_service_server::ArticleService},
        request::Limits,
        status::RpcError,
    },
};

#[tonic::async_trait]
impl ArticleService for Api {
    async fn digest(
        &self,
        request: Request<DigestRequest>,
    ) -> Result<Response<DigestResponse>, Status> {
        let call = Call::begin(self, &request)?;
        call.answer(digest(&call, self.limits, request.into_inner()))
            .await
    }
}

async fn digest(
    call: &Call,
    limits: Limits,
    request: DigestRequest,
) -> Result<DigestResponse, RpcError> {
    let request = limits.digest(request)?;
    let passes = Passes::digesting(request.targets.len());
    let prepared = document::prepare(call, request.source, passes).await?;
    let loaded = call
        .load(&prepared, &request.targets, Reading::Needed)
        .await?;
    let targets = Target::all(request.targets, loaded.routes, DecodeOptions::default());
    let own = Voice::Own(prepared.source.clone());
    let summarized = async {
        let chosen = highlights::choose(call, &prepared, loaded.reader, request.length).await?;
        let (summary, _) = highlights::whole(call, &prepared, &chosen, &own).await?;
        Ok::<_, RpcError>((chosen, summary))
    };
    let translated = pieces::all(call, &prepared, &targets);
    let ((chosen, summary), (translations, spent)) = futures::try_join!(summarized, translated)?;
    let mut summaries = vec![summary];
    for (target, translation) in targets.iter().zip(&translations) {
        summaries.push(highlights::from_translation(
            &prepared,
            &chosen,
            target,
            translation,
        )?);
    }
    Ok(DigestResponse {
        translations,
        summaries,
        detected_language: prepared.detected_language(),
        usage: Some(spent.usage(&prepared)),
    })
}
