use super::*;
use crate::model::{ComputeType, TokenId, Translator};
use decode::{Beam, Search};
use proptest::prelude::*;
use std::{
    path::Path,
    sync::{Arc, LazyLock},
};

static MODEL: LazyLock<Arc<Translator>> = LazyLock::new(model);

fn model() -> Arc<Translator> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/fr-en");
    Arc::new(Translator::student(&folder, ComputeType::Int8).unwrap())
}

fn engine(queue_tokens: usize) -> Engine {
    let threads = NonZeroUsize::new(2).unwrap();
    Engine::start(EngineSettings {
        name: "sentences",
        threads,
        queue_tokens,
        queue_wait: Duration::from_secs(60),
        batch_sentences: BATCH_SENTENCES,
    })
    .unwrap()
}

fn source(model: &Translator, text: &str) -> Vec<TokenId> {
    model
        .source()
        .encode(text)
        .into_iter()
        .map(|token| token.id)
        .chain([model.end()])
        .collect()
}

/// One sentence as a request of its own.
async fn run(
    engine: &Engine,
    model: &Arc<Translator>,
    text: &str,
    task: Task,
) -> Result<Output, InferenceError> {
    engine
        .reserve(1)?
        .run(model, source(model, text), task)
        .await
}

const LONG: &str = "Le Kremlin n'a pas répondu à la question de savoir s'il achèterait des missiles iraniens, mais a \
                    déclaré que la coopération avec Téhéran incluait les domaines les plus sensibles.";

#[tokio::test]
async fn many_at_once_get_what_each_gets_alone() {
    let (model, engine) = (model(), engine(1 << 20));
    let texts: Vec<String> = (0..300)
        .map(|i| format!("Il y a {i} chats dans la maison {}.", i * 7))
        .collect();
    let decode = Task::Decode(DecodeOptions::default());
    let together =
        futures::future::join_all(texts.iter().map(|text| run(&engine, &model, text, decode)))
            .await;
    for (text, output) in texts.iter().zip(together) {
        let alone = run(&engine, &model, text, decode).await.unwrap();
        let output = output.unwrap();
        assert_eq!(output.hypotheses, alone.hypotheses, "{text}");
        assert!(output.hypotheses[0].finished);
    }
}

#[tokio::test]
async fn no_ngram_comes_twice_where_that_is_forbidden() {
    let (model, engine) = (model(), engine(1 << 20));
    let options = DecodeOptions {
        no_repeat_ngram: NonZeroUsize::new(2),
        ..DecodeOptions::default()
    };
    let text = "Oui, oui, oui, oui, oui, oui, il a dit oui, il a dit oui, il a dit oui.";
    let mut output = run(&engine, &model, text, Task::Decode(options))
        .await
        .unwrap();
    let tokens = output.take_best().tokens;
    let mut seen = std::collections::HashSet::new();
    assert!(
        tokens.windows(2).all(|pair| seen.insert(pair.to_vec())),
        "{tokens:?}"
    );
}

#[tokio::test]
async fn what_nobody_waits_for_leaves_the_queue_and_the_batch() {
    let (model, engine) = (model(), engine(1 << 20));
    let decode = Task::Decode(DecodeOptions::default());
    let abandoned: Vec<_> = (0..500)
        .map(|_| {
            let (engine, model) = (engine.clone(), model.clone());
            tokio::spawn(async move { run(&engine, &model, LONG, decode).await.map(|_| ()) })
        })
        .collect();
    tokio::task::yield_now().await;
    abandoned.iter().for_each(|task| task.abort());
    for task in abandoned {
        let _ = task.await;
    }
    assert!(
        run(&engine, &model, "Bonjour.", decode)
            .await
            .unwrap()
            .take_best()
            .finished
    );
    assert_eq!(engine.queue_depth(), (0, 0));
}

#[tokio::test]
async fn admission_is_bounded_and_given_back() {
    let engine = engine(100);
    let large = engine.reserve(1000).unwrap();
    let Err(InferenceError::Overloaded {
        queued,
        retry_after,
    }) = engine.reserve(1)
    else {
        panic!("admitted")
    };
    assert_eq!(queued, 1000);
    assert!(retry_after >= Duration::from_millis(100));
    drop(large);
    let _first = engine.reserve(60).unwrap();
    assert!(engine.reserve(60).is_err());
    assert!(engine.reserve(40).is_ok());
}

#[tokio::test]
async fn encoding_alone_gives_the_vector_and_no_tokens() {
    let (model, engine) = (model(), engine(1 << 20));
    let output = run(&engine, &model, LONG, Task::Encode).await.unwrap();
    assert_eq!((output.vector.len(), output.hypotheses.len()), (256, 0));
    assert!(output.vector.iter().all(|x| x.is_finite()));
}

#[tokio::test]
async fn a_request_of_one_sentence_does_not_wait_for_one_of_a_thousand() {
    let (model, engine) = (model(), engine(1 << 20));
    let decode = Task::Decode(DecodeOptions::default());
    let large = engine.reserve(1).unwrap();
    let many = futures::future::join_all(
        (0..1000).map(|_| large.run(&model, source(&model, LONG), decode)),
    );
    let mut many = std::pin::pin!(many);
    // Queued, all of them, before the small request comes.
    assert!(futures::poll!(&mut many).is_pending());
    let small = run(&engine, &model, "Bonjour.", decode);
    match futures::future::select(many, std::pin::pin!(small)).await {
        futures::future::Either::Left(_) => panic!("the thousand came first"),
        futures::future::Either::Right((output, _)) => {
            assert!(output.unwrap().take_best().finished)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Words at random, sentences of unequal lengths, each with its own beam.
    #[test]
    fn beams_side_by_side_find_what_each_finds_alone(
        sentences in prop::collection::vec(
            (prop::collection::vec(prop::sample::select(WORDS.as_slice()), 1..12), 1usize..5),
            2..9,
        ),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (model, engine) = (&*MODEL, engine(1 << 20));
        let asked = |(words, size): &(Vec<&str>, usize)| {
            let options = DecodeOptions {
                search: Search::Beam(Beam::of(NonZeroUsize::new(*size).unwrap())),
                ..DecodeOptions::default()
            };
            let engine = engine.clone();
            let text = words.join(" ");
            async move { run(&engine, model, &text, Task::Decode(options)).await.unwrap() }
        };
        let together = runtime.block_on(futures::future::join_all(sentences.iter().map(&asked)));
        for (sentence, together) in sentences.iter().zip(together) {
            let alone = runtime.block_on(asked(sentence));
            prop_assert_eq!(alone.hypotheses.len(), sentence.1);
            prop_assert_eq!(alone.hypotheses, together.hypotheses);
        }
    }
}

const WORDS: [&str; 12] = [
    "le",
    "chat",
    "président",
    "12",
    "a",
    "mangé",
    "hier",
    "des",
    "missiles",
    "iraniens",
    ",",
    ".",
];
