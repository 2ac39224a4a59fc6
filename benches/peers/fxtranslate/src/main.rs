//! fxtranslate over a file of sentences, a line each, for the scripts that compare with it.
//!
//! ```text
//! fxtranslate-peer translate FOLDER FILE        # the translations on standard output
//! fxtranslate-peer bench FOLDER FILE [ALONE]    # figures as JSON: all lines in blocks, the first ALONE one by one
//! ```
//!
//! One thread. FOLDER is a student as Mozilla ships it, with its lexical shortlist.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use fxtranslate::engine::Engine;

/// Sentences of a block. Of 8 to 256 the fastest on the machine of the README, or within a few percent of it.
const BLOCK: usize = 32;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [mode, folder, file, rest @ ..] = &arguments[..] else {
        return Err("usage: fxtranslate-peer translate|bench FOLDER FILE [ALONE]".into());
    };
    let engine = load(Path::new(folder))?;
    let text = fs::read_to_string(file)?;
    let mut lines: Vec<&str> = text.lines().collect();
    if mode == "translate" {
        for line in lines {
            println!("{}", engine.translate(line));
        }
        return Ok(());
    }
    let alone = rest.first().map_or(Ok(100), |alone| alone.parse())?;
    for line in lines.iter().take(10) {
        engine.translate(line); // warms up
    }
    let mut times: Vec<f64> = lines
        .iter()
        .take(alone)
        .map(|line| {
            let started = Instant::now();
            engine.translate(line);
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    // Blocks of like lengths waste the least on padding.
    lines.sort_by_key(|line| line.len());
    let started = Instant::now();
    for block in lines.chunks(BLOCK) {
        engine.translate_batch(block);
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        r#"{{"sentences_per_second": {}, "mean_ms": {}, "p50_ms": {}}}"#,
        lines.len() as f64 / seconds,
        times.iter().sum::<f64>() / times.len() as f64,
        times[times.len() / 2],
    );
    Ok(())
}

fn load(folder: &Path) -> Result<Engine, Box<dyn Error>> {
    let read = |prefix: &str| -> Result<Vec<u8>, Box<dyn Error>> {
        let mut files: Vec<PathBuf> = fs::read_dir(folder)?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                name.starts_with(prefix)
            })
            .collect();
        files.sort();
        let file = files.first().ok_or_else(|| format!("no {prefix}* in {}", folder.display()))?;
        Ok(fs::read(file)?)
    };
    let vocabulary = read("vocab.")?;
    let engine = Engine::from_bytes(&read("model.")?, &vocabulary, &vocabulary)?;
    Ok(engine.with_shortlist_bytes(&read("lex.")?))
}
