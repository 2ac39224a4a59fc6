//! The commands that ask a running server, over TLS and with tokens.

mod common;

use std::{
    fs,
    io::Write,
    process::{Output, Stdio},
};

use common::{
    Server, depeche, run, scratch,
    tls::{Authority, Files, NAME, text},
};

const TEXT: &str = "Le chat dort.";

/// Runs a command with a text on its standard input and this environment.
fn with_environment(environment: &[(&str, &str)], args: &[&str]) -> Output {
    let mut child = depeche()
        .envs(environment.iter().copied())
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    // A command may end without reading it.
    let _ = input.write_all(TEXT.as_bytes());
    drop(input);
    child.wait_with_output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A new token and its entry for the server's file.
fn new_token() -> (String, String) {
    let output = run(&["token", "new", "desk"], b"");
    let told = String::from_utf8(output.stdout).unwrap();
    let (token, entry) = told.split_once("\n\n").unwrap();
    (token.to_owned(), entry.to_owned())
}

#[test]
fn every_command_that_asks_a_server_shows_its_certificate_and_its_token() {
    let folder = scratch("remote");
    let (ours, other) = (Authority::new(), Authority::new());
    let files = Files::write(&folder, &ours.server(), &ours);
    let (token, entry) = new_token();
    let write = |name: &str, content: &str| {
        let path = folder.join(name);
        fs::write(&path, content).unwrap();
        text(&path).to_owned()
    };
    let tokens = write("tokens.toml", &entry);
    let client = ours.client();
    let (cert, key) = (
        write("client.pem", &client.cert),
        write("client.key", &client.key),
    );
    let other_ca = write("other.pem", &other.ca);
    let server = Server::start_with(&[&files.mutual()[..], &["--tokens-file", &tokens]].concat());
    let url = format!("https://{}", server.grpc);
    let ca = text(&files.ca);

    let asking: [&[&str]; 3] = [
        &["translate", "-", "--to", "en"],
        &["digest", "-", "--to", "en"],
        &["summarize", "-", "--to", "en"],
    ];
    let place = ["--server", &url, "--server-name", NAME];
    let shown = ["--cert", &cert, "--key", &key];
    let all = [&place[..], &["--ca", ca], &shown, &["--token", &token]].concat();
    for command in asking {
        let output = with_environment(&[], &[command, &all].concat());
        assert!(output.status.success(), "{command:?}: {}", told(&output));
        let answer = String::from_utf8(output.stdout).unwrap();
        assert!(answer.contains("cat"), "{command:?}: {answer}");
    }

    let environment = [
        ("DEPECHE_CA", ca),
        ("DEPECHE_CERT", &cert),
        ("DEPECHE_KEY", &key),
        ("DEPECHE_SERVER_NAME", NAME),
        ("DEPECHE_TOKEN", &token),
    ];
    let server_flag = ["--server", &url];
    let translate = [asking[0], &server_flag].concat();
    let output = with_environment(&environment, &translate);
    assert!(output.status.success(), "{}", told(&output));

    let service = ["--service", "depeche.v1.TranslationService"];
    for health in [
        [&["health"][..], &server_flag].concat(),
        [&["health"][..], &server_flag, &service].concat(),
        [&["health", "live"][..], &server_flag].concat(),
    ] {
        // Probes need no token.
        let output = with_environment(&environment[..4], &health);
        assert!(output.status.success(), "{}", told(&output));
    }
    let unknown = [&["health"][..], &server_flag, &["--service", "nobody"]].concat();
    let output = with_environment(&environment, &unknown);
    assert_eq!(output.status.code(), Some(2), "{}", told(&output));

    // Each without one of its credentials, or with a wrong one.
    for (what, args) in [
        (
            "no certificate",
            [&place[..], &["--ca", ca, "--token", &token]].concat(),
        ),
        ("no token", [&place[..], &["--ca", ca], &shown].concat()),
        (
            "a wrong token",
            [&place[..], &["--ca", ca], &shown, &["--token", "guess"]].concat(),
        ),
        (
            "another authority",
            [
                &place[..],
                &["--ca", &other_ca],
                &shown,
                &["--token", &token],
            ]
            .concat(),
        ),
        (
            "another name",
            [
                &server_flag[..],
                &["--ca", ca],
                &shown,
                &["--token", &token],
            ]
            .concat(),
        ),
    ] {
        let output = with_environment(&[], &[asking[0], &args].concat());
        assert_eq!(output.status.code(), Some(1), "{what}: {}", told(&output));
        assert_eq!(
            told(&output).lines().count(),
            1,
            "{what}: {}",
            told(&output)
        );
        assert!(output.stdout.is_empty(), "{what}");
    }
}

#[test]
fn credentials_that_would_be_left_unused_are_refused() {
    let ask = [
        "translate",
        "-",
        "--to",
        "en",
        "--server",
        "http://127.0.0.1:1",
    ];
    for (args, named) in [
        (&["--ca", "ca.pem"][..], "--ca needs"),
        (&["--server-name", NAME], "--server-name needs"),
        (&["--cert", "client.pem"], "--key"),
        (&["--token", "two\nlines"], "--token"),
    ] {
        let output = with_environment(&[], &[&ask[..], args].concat());
        assert_eq!(output.status.code(), Some(2), "{}", told(&output));
        assert!(told(&output).contains(named), "{}", told(&output));
    }
    let https = [
        "translate",
        "-",
        "--to",
        "en",
        "--server",
        "https://127.0.0.1:1",
    ];
    let output = with_environment(&[], &[&https[..], &["--ca", "missing.pem"]].concat());
    assert_eq!(output.status.code(), Some(2), "{}", told(&output));
    assert!(told(&output).contains("missing.pem"), "{}", told(&output));
}
