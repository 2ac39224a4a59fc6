use super::*;
use crate::model::{ComputeType, Model, TokenId, Translator};
use decode::{Beam, LengthBounds, Search};
use metrics_exporter_prometheus::PrometheusBuilder;
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
        first_pace: SENTENCES_PACE,
        text_memory: u64::MAX,
        pin_threads: false,
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
    while engine.rows() == 0 {
        tokio::task::yield_now().await;
    }
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
    // The workers tell their rows after each step.
    while engine.rows() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn admission_is_bounded_and_given_back() {
    let engine = engine(100);
    // A book counts half of the room.
    let books = [1000, 1000].map(|tokens| engine.reserve(tokens).unwrap());
    let Err(InferenceError::Overloaded {
        queued,
        retry_after,
    }) = engine.reserve(1000)
    else {
        panic!("admitted")
    };
    assert_eq!(queued, 2000);
    assert!(retry_after >= Duration::from_millis(10));
    assert!(engine.reserve(1).is_ok());
    drop(books);
    let _some = [40, 40].map(|tokens| engine.reserve(tokens).unwrap());
    assert!(engine.reserve(40).is_err());
    assert!(engine.reserve(20).is_ok());
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

fn golden(folder: &str) -> std::path::PathBuf {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    golden.join(folder)
}

/// A small instruction model, and the engine that has it write.
fn writer(text_memory: u64) -> (Model, Engine) {
    let engine = Engine::start(EngineSettings {
        name: "texts",
        threads: NonZeroUsize::MIN,
        queue_tokens: 1 << 20,
        queue_wait: Duration::from_secs(60),
        batch_sentences: BATCH_TEXTS,
        first_pace: TEXTS_PACE,
        text_memory,
        pin_threads: false,
    });
    let model = Model::instruction(&golden("causal/qwen3"));
    (model.unwrap(), engine.unwrap())
}

/// So many tokens, unless the model comes to its end before.
fn at_most(tokens: usize) -> DecodeOptions {
    DecodeOptions {
        length: LengthBounds {
            max_tokens: NonZeroUsize::new(tokens),
            min_tokens: tokens,
            ..LengthBounds::default()
        },
        ..DecodeOptions::default()
    }
}

const PROMPT: [TokenId; 5] = [TokenId(3), TokenId(1), TokenId(4), TokenId(1), TokenId(5)];

#[tokio::test]
async fn a_text_that_is_long_enough_is_answered_and_one_that_nobody_reads_is_given_up() {
    let (instruction, engine) = writer(u64::MAX);
    let summarizer = Model::t5(&golden("summary"), ComputeType::Int8).unwrap();
    for model in [instruction, summarizer] {
        let recorder = PrometheusBuilder::new().build_recorder();
        let _recorded = metrics::set_default_local_recorder(&recorder);
        let saved = || {
            recorder
                .handle()
                .render()
                .contains("depeche_saved_tokens_total")
        };
        let begin = async || {
            let request = Arc::new(engine.reserve(1000).unwrap());
            let written = request.write(model.clone(), PROMPT.to_vec(), at_most(50));
            let mut written = written.unwrap();
            assert!(written.next().await.is_some());
            written
        };
        let output = begin().await.stop().await.unwrap();
        assert!(output.compute_time > Duration::ZERO);
        assert!(!saved());
        drop(begin().await);
        assert!(saved());
        while engine.rows() > 0 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_text_that_may_need_more_memory_than_there_is_is_refused_with_the_setting() {
    let model = writer(0).0;
    let needed = model.text_bytes(PROMPT.len() + 50);
    let refused = |memory, most| {
        let engine = writer(memory).1;
        let request = Arc::new(engine.reserve(1).unwrap());
        let written = request.write(model.clone(), PROMPT.to_vec(), at_most(most));
        written.err().map(|error| error.to_string())
    };
    assert_eq!(refused(needed, 50), None);
    let error = refused(needed - 1, 50).unwrap();
    assert!(error.contains("text_memory_bytes"), "{error}");
    assert_eq!(refused(needed - 1, 10), None);
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
