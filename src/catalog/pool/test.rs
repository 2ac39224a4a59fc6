use super::*;
use crate::catalog::{
    entry::{Engine, Task},
    installed::weight_bytes,
};
use std::{fs, path::Path};

const SHAPES: [&str; 3] = ["base", "base-memory", "tiny"];

fn students() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/students")
}

fn installed(id: &str, folder: &Path) -> Installed {
    Installed {
        id: id.to_owned(),
        folder: folder.to_owned(),
        task: Task::Translation,
        engine: Engine::Student,
        source_languages: vec!["en".to_owned()],
        target_languages: vec!["fr".to_owned()],
        licence: String::new(),
        checked: Checked::Form,
        prefix: None,
        weight_bytes: weight_bytes(folder),
    }
}

fn pool(budget: u64) -> Pool {
    let models = SHAPES.map(|id| installed(id, &students().join(id)));
    Pool::new(models.into(), budget, ComputeType::Int8)
}

/// Memory of a model once it is loaded.
async fn size(id: &str) -> u64 {
    let model = pool(u64::MAX).get(&[id]).await.unwrap();
    model[0].resident_bytes() as u64
}

/// Memory that the pool expects a model to take.
fn estimate(id: &str) -> u64 {
    pool(0).shared.slots[id].bytes()
}

/// A pool that has learnt what its models take, none of them loaded.
async fn experienced_pool(budget: u64) -> Pool {
    let pool = pool(budget);
    for id in SHAPES {
        let bytes = &pool.shared.slots[id].bytes;
        bytes.store(size(id).await, Ordering::Relaxed);
    }
    pool
}

fn loaded(pool: &Pool) -> Vec<String> {
    let all = pool.list().into_iter();
    all.filter(|(_, model)| model.is_some())
        .map(|(installed, _)| installed.id.clone())
        .collect()
}

#[tokio::test]
async fn a_model_is_loaded_once_for_all_who_ask() {
    let pool = pool(u64::MAX);
    assert_eq!(loaded(&pool), [""; 0]);
    let asked = (0..8).map(|_| pool.get(&["tiny"]));
    let models = futures::future::try_join_all(asked).await.unwrap();
    for model in &models {
        assert!(model[0].is(&models[0][0]));
    }
    assert_eq!(loaded(&pool), ["tiny"]);
    assert_eq!(pool.loaded_bytes(), size("tiny").await);
}

#[tokio::test]
async fn the_least_recently_used_of_the_idle_models_leaves() {
    let budget = size("base").await + size("base-memory").await + size("tiny").await / 2;
    let pool = experienced_pool(budget).await;
    drop(pool.get(&["base"]).await.unwrap());
    drop(pool.get(&["tiny"]).await.unwrap());
    drop(pool.get(&["base"]).await.unwrap());
    drop(pool.get(&["base-memory"]).await.unwrap());
    assert!(
        !loaded(&pool).contains(&"tiny".to_owned()),
        "{:?}",
        loaded(&pool)
    );
    assert_eq!(loaded(&pool), ["base", "base-memory"]);

    // One that is in use stays, however long ago it was asked for.
    let held = pool.get(&["base-memory"]).await.unwrap();
    drop(pool.get(&["base"]).await.unwrap());
    drop(pool.get(&["tiny"]).await.unwrap());
    assert!(loaded(&pool).contains(&"base-memory".to_owned()));
    drop(held);
}

#[tokio::test]
async fn who_finds_no_room_waits_until_a_model_is_let_go_of() {
    let budget = size("base").await.max(estimate("base")) + estimate("tiny") / 2;
    let pool = pool(budget);
    let held = pool.get(&["base"]).await.unwrap();
    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { pool.get(&["tiny"]).await.map(|models| models.len()) }
    });
    tokio::time::sleep(3 * LOOK_AGAIN).await;
    assert!(!waiting.is_finished());
    drop(held);
    assert_eq!(waiting.await.unwrap().unwrap(), 1);
    assert_eq!(loaded(&pool), ["tiny"]);
}

#[tokio::test(start_paused = true)]
async fn who_waits_too_long_for_room_is_told_to_come_again() {
    let pool = pool(estimate("base") + estimate("tiny") / 2);
    let _held = pool.get(&["base"]).await.unwrap();
    let refused = pool.get(&["tiny"]).await;
    assert!(matches!(refused, Err(PoolError::Busy { .. })));
}

#[tokio::test]
async fn what_never_fits_is_refused_with_the_setting() {
    let pool = pool(1000);
    let Err(error) = pool.get(&["tiny", "base"]).await else {
        panic!("loaded")
    };
    assert!(error.to_string().contains("memory_budget"), "{error}");
    let Err(error) = pool.get(&["other"]).await else {
        panic!("loaded")
    };
    assert!(error.to_string().contains("other"), "{error}");
}

#[tokio::test]
async fn requests_for_sets_that_exclude_each_other_all_end() {
    let all = size("base").await + size("base-memory").await + size("tiny").await;
    let pool = experienced_pool(all - 1).await;
    let sets: [&[&str]; 3] = [
        &["base", "tiny"],
        &["base-memory", "tiny"],
        &["base", "base-memory"],
    ];
    let asked = (0..30).map(|i| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let models = pool.get(sets[i % 3]).await.unwrap();
            tokio::task::yield_now().await;
            models.len()
        })
    });
    for answer in futures::future::join_all(asked).await {
        assert_eq!(answer.unwrap(), 2);
    }
}

#[tokio::test]
async fn a_load_that_failed_gives_its_memory_back_and_can_be_tried_again() {
    let folder = std::env::temp_dir().join(format!("depeche-pool-{}", std::process::id()));
    let copy =
        |name: &str| fs::copy(students().join("tiny").join(name), folder.join(name)).unwrap();
    fs::create_dir_all(&folder).unwrap();
    copy("model.fren.intgemm.alphas.bin");
    let pool = Pool::new(
        vec![installed("broken", &folder)],
        u64::MAX,
        ComputeType::Int8,
    );
    let Err(error) = pool.get(&["broken"]).await else {
        panic!("loaded")
    };
    assert!(error.to_string().contains("vocab.fren.spm"), "{error}");
    assert_eq!(pool.loaded_bytes(), 0);
    copy("vocab.fren.spm");
    assert!(pool.get(&["broken"]).await.is_ok());
    fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn of_models_that_cannot_be_loaded_none_is_waited_for_in_vain() {
    let models = ["a", "b", "c"].map(|id| installed(id, Path::new("/nowhere/at/all")));
    let pool = Pool::new(models.into(), u64::MAX, ComputeType::Int8);
    for ids in [&["a", "b", "c"][..], &["b"], &["c"], &["a", "b", "c"]] {
        assert!(matches!(pool.get(ids).await, Err(PoolError::Model(_))));
    }
    assert_eq!(pool.loaded_bytes(), 0);
}

#[tokio::test]
async fn preloading_leaves_out_what_the_budget_has_no_room_for() {
    let most = async |id: &str| size(id).await.max(estimate(id));
    let budget = most("base").await + most("base-memory").await + estimate("tiny") / 2;
    let pool = pool(budget);
    assert_eq!(pool.preload(&SHAPES).await.unwrap(), ["tiny"]);
    assert_eq!(loaded(&pool), ["base", "base-memory"]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_load_under_way_keeps_nobody_waiting_for_another_model() {
    let folder = std::env::temp_dir().join(format!("depeche-slow-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    // A file that is read only when somebody writes it: the load waits for us.
    let pipe = folder.join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    fs::write(
        folder.join("SHA256SUMS"),
        format!("{}  pipe\n", "0".repeat(64)),
    )
    .unwrap();
    let models = [("slow", folder.clone()), ("tiny", students().join("tiny"))];
    let models = models.map(|(id, folder)| installed(id, &folder));
    let pool = Pool::new(models.into(), u64::MAX, ComputeType::Int8);
    let slow = tokio::spawn({
        let pool = pool.clone();
        async move { pool.get(&["slow"]).await.map(|models| models.len()) }
    });
    while !pool.lock().models.contains_key("slow") {
        tokio::task::yield_now().await;
    }
    assert_eq!(pool.get(&["tiny"]).await.unwrap().len(), 1);
    assert!(!slow.is_finished());
    fs::write(&pipe, "anything").unwrap();
    let Err(error) = slow.await.unwrap() else {
        panic!("loaded")
    };
    assert!(error.to_string().contains("SHA-256"), "{error}");
    fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn a_file_that_is_not_what_its_sum_says_is_refused_in_every_family() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for (engine, model, file) in [
        (Engine::Student, "students/tiny", "vocab.fren.spm"),
        (Engine::Marian, "marian/swish-tied", "vocab.json"),
        (Engine::T5, "t5/relu-tied", "spiece.model"),
        (Engine::Causal, "causal/qwen3", "qwen3.gguf"),
    ] {
        let folder = std::env::temp_dir().join(format!(
            "depeche-sums-{}-{}",
            std::process::id(),
            engine.name()
        ));
        fs::create_dir_all(&folder).unwrap();
        for file in fs::read_dir(golden.join(model)).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
        let model = Installed {
            engine,
            ..installed("summed", &folder)
        };
        let load = || Pool::new(vec![model.clone()], u64::MAX, ComputeType::Int8);
        assert!(load().get(&["summed"]).await.is_ok(), "{model:?}");
        let sums = format!("{}  {file}\n", "0".repeat(64));
        fs::write(folder.join("SHA256SUMS"), sums).unwrap();
        let Err(error) = load().get(&["summed"]).await else {
            panic!("{model:?} was loaded")
        };
        let error = error.to_string();
        assert!(error.contains(file) && error.contains("SHA-256"), "{error}");
        fs::remove_dir_all(&folder).unwrap();
    }
}

#[test]
fn the_weights_of_a_model_are_all_its_shards() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let shards = golden.join("t5/gated-separate");
    let size = |file: &str| fs::metadata(shards.join(file)).unwrap().len();
    assert_eq!(
        weight_bytes(&shards),
        size("model-00001-of-00002.safetensors") + size("model-00002-of-00002.safetensors")
    );
    assert!(weight_bytes(&golden.join("causal/qwen3")) > 0);
    assert!(weight_bytes(&students().join("tiny")) > 0);
    assert_eq!(weight_bytes(Path::new("/nowhere/at/all")), 0);
}

#[test]
fn the_largest_model_that_fits_is_taken_and_the_smallest_tells_that_none_does() {
    let sizes = SHAPES.map(estimate);
    let (most, least) = (sizes.iter().max().unwrap(), sizes.iter().min().unwrap());
    let taken = |budget| {
        let pool = pool(budget);
        estimate(
            &pool
                .best(|model| model.task == Task::Translation)
                .unwrap()
                .id,
        )
    };
    assert_eq!(taken(u64::MAX), *most);
    assert_eq!(taken(*most), *most);
    assert!(taken(most - 1) < *most);
    assert_eq!(taken(least - 1), *least);
    let writes = |model: &Installed| model.task == Task::Instruction;
    assert_eq!(pool(u64::MAX).best(writes), None);
}

#[test]
fn a_model_that_was_tried_is_taken_before_a_larger_one_that_was_not() {
    let sizes = SHAPES.map(estimate);
    let least = *sizes.iter().min().unwrap();
    let models = SHAPES.map(|id| Installed {
        checked: match estimate(id) == least {
            true => Checked::Run,
            false => Checked::Form,
        },
        ..installed(id, &students().join(id))
    });
    let pool = Pool::new(models.into(), u64::MAX, ComputeType::Int8);
    assert_eq!(estimate(&pool.best(|_| true).unwrap().id), least);
}
