//! A client in another language: Python's `grpcio`, with stubs made from `proto/`.

mod common;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use common::{Server, path};

fn succeed(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?} ended with {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A virtual environment with the requirements, made once below `target/`.
fn python() -> PathBuf {
    let requirements = path("tests/python/requirements.txt");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-client");
    let python = folder.join("bin/python");
    let installed = folder.join("requirements.txt");
    let wanted = fs::read_to_string(&requirements).unwrap();
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        return python;
    }
    let _ = fs::remove_dir_all(&folder);
    succeed(Command::new("python3").args(["-m", "venv"]).arg(&folder));
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
    ];
    succeed(Command::new(&python).args(pip).arg(&requirements));
    // Written last: an installation that was broken off is made anew.
    fs::write(installed, wanted).unwrap();
    python
}

fn stubs(python: &Path) -> PathBuf {
    let folder = common::scratch("python-stubs");
    let mut command = Command::new(python);
    command.args(["-m", "grpc_tools.protoc"]);
    command.arg(format!("--proto_path={}", path("proto").display()));
    command.arg(format!("--python_out={}", folder.display()));
    command.arg(format!("--grpc_python_out={}", folder.display()));
    for entry in fs::read_dir(path("proto/depeche/v1")).unwrap() {
        command.arg(entry.unwrap().path());
    }
    succeed(&mut command);
    folder
}

/// The interpreter and the folder of the stubs, made once for all tests.
static CLIENT: LazyLock<(PathBuf, PathBuf)> = LazyLock::new(|| {
    let python = python();
    let stubs = stubs(&python);
    (python, stubs)
});

fn script(name: &str, args: &[&str]) {
    let (python, stubs) = &*CLIENT;
    succeed(
        Command::new(python)
            .arg(path("tests/python").join(name))
            .args(args)
            .env("PYTHONPATH", stubs),
    );
}

#[test]
fn a_python_client_calls_every_method() {
    let server = Server::start();
    let article = path("tests/articles/poutine-pezeshkian.fr.txt");
    script("client.py", &[&server.grpc, article.to_str().unwrap()]);
}

#[test]
fn a_python_client_that_retries_by_itself_heeds_what_a_refusal_says() {
    let server = Server::start();
    script("refused.py", &[&server.grpc, &server.admin]);
}
